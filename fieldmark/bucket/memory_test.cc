// What a worker's recorders and outbox take, counted on the heap and by the kernel: each test in a process of
// its own, as ctest runs it, for what others left there is not counted.
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "fieldmark/base/counting_heap.h"
#include "fieldmark/bucket/outbox.h"
#include "fieldmark/bucket/recorder.h"
#include "fieldmark/profile/sample_bodies.h"

namespace fieldmark::bucket {
namespace {

constexpr UnixMs kStart = 29'000'000 * kMsPerMinute;
const HashKey kKey = *HashKey::FromHex("000102030405060708090a0b0c0d0e0f");

// What the heap grew to since this was made.
class Growth {
 public:
  Growth() : before_(heap_counts.live_bytes) { heap_counts.peak_bytes = before_; }
  size_t now() const { return heap_counts.live_bytes - before_; }
  size_t peak() const { return heap_counts.peak_bytes - before_; }

 private:
  size_t before_;
};

// What the kernel gave at the most since this was made: the heap with what it keeps of freed memory, and the
// readers' own pages as far as they were touched.
class ResidentGrowth {
 public:
  ResidentGrowth() {
    std::ofstream("/proc/self/clear_refs") << 5;  // sets VmHWM to what there is now
    before_ = Bytes("VmRSS:");
  }
  size_t peak() const { return Bytes("VmHWM:") - before_; }

 private:
  static size_t Bytes(std::string_view key) {
    std::ifstream status("/proc/self/status");
    size_t kibibytes = 0;
    for (std::string word; status >> word && word != key;) continue;
    status >> kibibytes;
    return kibibytes << 10;
  }

  size_t before_;
};

size_t FieldsOf(const Buckets& buckets) {
  size_t fields = 0;
  for (const auto& [minute, bucket] : buckets) {
    for (const auto& [name, subject] : bucket) fields += subject.body ? subject.body->fields.size() : 0;
  }
  return fields;
}

BatchHeader Identity() {
  BatchHeader identity;
  identity.stream = {"production", "orders", "1"};
  return identity;
}

// As a worker has them: one takes what comes, while another is drained, and a third takes the bodies; their
// memory is one account.
class Recorders {
 public:
  void Record(const std::string& route, const std::string& body, UnixMs at) {
    Recorder& now = exchanged_ ? idle_ : active_;
    now.Record({.route = route,
                .status = 200,
                .ended_unix_ms = at,
                .last_byte_ms = 4,
                .response = {.wire_bytes = body.size()}});
    beside_.RecordBody({.route = now.RecordedAs(route),
                        .response_status = 200,
                        .ended_unix_ms = at,
                        .body = {BodyState::kCaptured, body, body.size()}});
  }

  // Calls take(buckets) for each that had something.
  template <class Take>
  void Drain(Take take) {
    Recorder& full = exchanged_ ? idle_ : active_;
    exchanged_ = !exchanged_;
    take(full.Drain());
    take(beside_.Drain());
  }

  size_t accounted_bytes() const { return account_->bytes(); }

 private:
  std::shared_ptr<MemoryAccount> account_ = std::make_shared<MemoryAccount>(Limits{}.memory_bytes_max);
  Recorder active_{Limits{}, kKey, account_};
  Recorder idle_{Limits{}, kKey, account_};
  Recorder beside_{Limits{}, kKey, account_};
  bool exchanged_ = false;
};

// DESIGN §5: less than 15 MB for 50 subjects and 1 000 fields, in twenty minutes without the server.
TEST(MemoryTest, FiftySubjectsAndAThousandFieldsTakeLessThanFifteenMegabytes) {
  if (!kHeapIsCounted) GTEST_SKIP() << "the sanitizer has the heap";
  constexpr size_t kSubjects = 50;
  std::vector<profile::SampleBodies> bodies;
  for (size_t i = 0; i < kSubjects; ++i) {
    // 20 and 28 fields with their containers.
    bodies.emplace_back(i % 2 == 0 ? 844 : 20'480, 20, "k" + std::to_string(i) + "_", i + 1);
  }
  const Growth growth;
  const ResidentGrowth resident;
  Recorders recorders;
  Outbox outbox(Identity());
  size_t fields = 0;
  UnixMs at = kStart;
  for (int drain = 0; drain < 20; ++drain) {
    for (size_t i = 0; i < 50 * kSubjects; ++i) {
      const size_t subject = i % kSubjects;
      recorders.Record("GET /" + std::to_string(subject), bodies[subject][i / kSubjects], at);
    }
    fields = 0;
    recorders.Drain([&](Buckets buckets) {
      fields += FieldsOf(buckets);
      outbox.Add(std::move(buckets), kKey.Id());
    });
    outbox.Freeze(at);
    outbox.Answer(0);
    at += kMsPerMinute;
  }
  RecordProperty("peak_bytes", std::to_string(growth.peak()));
  RecordProperty("resident_bytes", std::to_string(resident.peak()));
  EXPECT_GE(fields, 1'000u);
  EXPECT_LT(growth.peak(), 15'000'000u);
  EXPECT_LT(resident.peak(), 15'000'000u);
}

// Random keys, routes and texts, numbers of every size, deep and wide documents, bodies of a megabyte.
std::string Hostile(std::mt19937_64& random, size_t bytes) {
  const auto text = [&] {
    std::string characters;
    for (size_t i = random() % 40; i > 0; --i) characters += static_cast<char>('a' + random() % 26);
    return characters;
  };
  if (random() % 200 == 0) {
    const size_t depth = 1 + random() % 40;
    return std::string(depth, '[') + std::string(depth, ']');
  }
  std::string body = "{";
  while (body.size() < bytes) {
    if (body.size() > 1) body += ',';
    // Some keys come back, so that they fill their sketches.
    body += "\"" + (random() % 2 == 0 ? "f" + std::to_string(random() % 300) : text()) + "\":";
    switch (random() % 6) {
      case 0:
        body += "\"" + text() + "\"";
        break;
      case 1:
        body += (random() % 2 ? "-" : "") + std::to_string(random() % 9 + 1) + "." +
                std::to_string(random() % 1'000'000) + "e" +
                std::to_string(static_cast<int>(random() % 600) - 300);
        break;
      case 2:
        body += std::to_string(random());
        break;
      case 3:
        body += "[" + std::to_string(random()) + ",{\"" + text() + "\":\"" + text() + "\"}]";
        break;
      case 4:
        body += "{\"" + text() + "\":{\"" + text() + "\":[]}}";
        break;
      default:
        body += "1234567890123456789012345678901234567890";
    }
  }
  return body + "}";
}

TEST(MemoryTest, HostileBodiesStayWithinThirtyTwoMebibytesAndAreAllCounted) {
  if (!kHeapIsCounted) GTEST_SKIP() << "the sanitizer has the heap";
  std::mt19937_64 random(5);
  std::vector<std::string> bodies;
  for (int i = 0; i < 400; ++i) bodies.push_back(Hostile(random, 1 + random() % 4'000));
  bodies.push_back(Hostile(random, (1u << 20) - 1'000));
  std::string numbers = "[1";
  while (numbers.size() < (1u << 20) - 10) numbers += ",1";
  bodies.push_back(numbers + "]");
  bodies.push_back(numbers + ",NaN]");
  const ResidentGrowth resident;
  constexpr uint64_t kRequests = 40'000;
  uint64_t requests = 0;
  uint64_t accounted = 0;  // for in one way or another
  uint64_t seen = 0;
  uint64_t seen_by_type = 0;
  uint64_t limited = 0;
  uint64_t large = 0;
  uint64_t not_captured = 0;
  uint64_t documents = 0;
  uint64_t documents_of_roots = 0;
  const auto count = [&](const Buckets& buckets) {
    for (const auto& [minute, bucket] : buckets) {
      for (const auto& [name, subject] : bucket) {
        if (subject.request) requests += subject.request->count();
        if (!subject.body) continue;
        const BodySummary& body = *subject.body;
        accounted += body.documents + body.not_captured;
        not_captured += body.not_captured;
        documents += body.documents;
        for (const uint64_t malformed : body.malformed) accounted += malformed;
        for (const auto& [path, field] : body.fields) {
          const profile::FieldCounts& counts = field.counts;
          if (path.empty()) documents_of_roots += counts.documents;
          seen += counts.seen;
          seen_by_type += counts.nulls + counts.falses + counts.trues + counts.integers + counts.floats +
                          counts.strings + counts.objects + counts.arrays;
          limited += counts.limited;
        }
      }
    }
  };
  size_t accounted_bytes = 0;
  {
    Recorders recorders;
    Outbox outbox(Identity());
    UnixMs at = kStart;
    for (uint64_t i = 0; i < kRequests; ++i) {
      const std::string& body = bodies[i % 500 == 0 ? bodies.size() - 1 - i / 500 % 3 : random() % 400];
      recorders.Record("GET /" + std::to_string(random() % 1'000), body, at);
      at += 50;
      accounted_bytes = std::max(accounted_bytes, recorders.accounted_bytes());
      if (i % 500 == 0) ++large;
      if (i % 2'000 != 1'999) continue;
      recorders.Drain([&](Buckets buckets) {
        count(buckets);
        outbox.Add(std::move(buckets), kKey.Id());
      });
      outbox.Freeze(at);
      outbox.Answer(0);
    }
    RecordProperty("resident_bytes", std::to_string(resident.peak()));
    EXPECT_LE(resident.peak(), 32u << 20);
    EXPECT_LE(accounted_bytes, Limits{}.memory_bytes_max + (1u << 20));
  }
  EXPECT_EQ(requests, kRequests);
  EXPECT_EQ(accounted, kRequests);
  EXPECT_EQ(documents_of_roots, documents);
  EXPECT_EQ(seen, seen_by_type);
  EXPECT_GT(limited, 0u) << "nothing was scarce";
  RecordProperty("not_captured_of_large", std::to_string(not_captured) + " of " + std::to_string(large));
  EXPECT_LT(not_captured, large) << "no large body was read";
}

// Every request refused for a field that no other has, on any of a thousand routes, under a trace of its own.
TEST(MemoryTest, HostileViolationsStayWithinThirtyTwoMebibytesAndAreAllCounted) {
  if (!kHeapIsCounted) GTEST_SKIP() << "the sanitizer has the heap";
  std::mt19937_64 random(7);
  const Growth growth;
  constexpr uint64_t kRequests = 100'000;
  uint64_t violations = 0, others = 0;
  {
    Recorder recorder({}, kKey);
    Outbox outbox(Identity());
    UnixMs at = kStart;
    for (uint64_t i = 0; i < kRequests; ++i) {
      const std::string answer = R"({"detail":[{"loc":["body","of someone )" + std::to_string(random()) +
                                 R"("],"type":"missing"}]})";
      const std::string route = "POST /" + std::to_string(random() % 1'000);
      RequestEvent event{.route = route, .status = 422, .ended_unix_ms = at};
      event.response = {BodyState::kCaptured, answer, answer.size()};
      for (uint8_t& byte : event.trace) byte = static_cast<uint8_t>(random());
      recorder.Record(event);
      at += 50;
      if (i % 2'000 != 1'999) continue;
      Buckets buckets = recorder.Drain();
      for (const auto& [minute, bucket] : buckets) {
        for (const auto& [name, subject] : bucket) {
          for (const auto& [of, violation] : subject.violations) {
            violations += violation.count;
            if (of.field == "(other)") others += violation.count;
          }
        }
      }
      outbox.Add(std::move(buckets), kKey.Id());
      outbox.Freeze(at);
      outbox.Answer(0);
    }
    RecordProperty("peak_bytes", std::to_string(growth.peak()));
    EXPECT_LE(growth.peak(), 32u << 20);
  }
  EXPECT_EQ(violations, kRequests);
  EXPECT_GT(others, 0u) << "names were not scarce";
}

}  // namespace
}  // namespace fieldmark::bucket
