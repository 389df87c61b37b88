#include "server/ingest/ingest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <ostream>
#include <thread>

#include "fieldmark/bucket/recorder.h"
#include "server/store/memory_store.h"

namespace fieldmark::ingest {
namespace {

using bucket::Batch;
using bucket::Source;
using testing::HasSubstr;

constexpr Minute kNoon = 29'500'560;  // 2026-02-02 12:00 UTC
constexpr UnixMs kNow = kNoon * kMsPerMinute;
constexpr int64_t kHourMs = 3'600'000;

Batch MakeBatch(uint64_t sequence = 1) {
  Batch batch;
  batch.header.stream = {"production", "orders", "9f2c1ab"};
  batch.header.instance = {1, 2, 3};
  batch.header.sequence = sequence;
  batch.header.sent_at_unix_ms = kNow;
  batch.header.host = "host";
  batch.header.sdk = "test 1";
  batch.buckets[kNoon - 1]["GET /orders"].request.emplace().by_status[200] = 7;
  return batch;
}

// Fails every append with one error.
class FailingStore : public store::MemoryStore {
 public:
  Result<store::Append> AppendBatch(const Batch& batch, std::string_view bytes, UnixMs received) override {
    if (failure) return *failure;
    return MemoryStore::AppendBatch(batch, bytes, received);
  }
  store::Condition condition() override { return condition_now; }
  Result<HashKey> KeyOf(std::string_view environment, std::string_view service) override {
    if (other_key) return *other_key;
    return MemoryStore::KeyOf(environment, service);
  }
  std::optional<Error> failure;
  std::optional<HashKey> other_key;
  store::Condition condition_now;
};

class IngestTest : public testing::Test {
 protected:
  Reply Append(const Batch& batch, std::optional<UnixMs> worker_clock = std::nullopt) {
    return ingest_.Append(kBatchType, bucket::EncodeBatch(batch), worker_clock);
  }
  // Minutes with requests of a version, and how many.
  std::map<Minute, uint64_t> RequestsOf(const std::string& version) {
    store::Query query;
    query.streams = {{"production", "orders", version}};
    query.to = 2 * kNoon;
    std::map<Minute, uint64_t> requests;
    const Result<std::vector<store::Slice>> slices = store_.Read(query);
    EXPECT_TRUE(slices.ok());
    for (const store::Slice& slice : *slices) {
      if (slice.summary.request) requests[slice.start] += slice.summary.request->count();
    }
    return requests;
  }

  FailingStore store_;
  UnixMs now_ = kNow;
  Ingest ingest_{store_, [this] { return now_; }};
};

TEST_F(IngestTest, AppliesABatchOnceHoweverOftenItComes) {
  EXPECT_EQ(Append(MakeBatch()).outcome, store::Append::kApplied);
  const Reply again = Append(MakeBatch());
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.outcome, store::Append::kDuplicate);
  EXPECT_EQ(RequestsOf("9f2c1ab"), (std::map<Minute, uint64_t>{{kNoon - 1, 7}}));
  EXPECT_EQ(ingest_.counters().applied, 1u);
  EXPECT_EQ(ingest_.counters().duplicate, 1u);
}

TEST_F(IngestTest, TellsWorkersItsTerms) {
  const Terms terms = Append(MakeBatch()).terms;
  EXPECT_EQ(terms.formats, (std::vector<int>{bucket::kFormatVersion, bucket::kFormatVersionMin}));
  EXPECT_EQ(terms.interval_s, 5);
  EXPECT_FALSE(terms.paused);
}

struct Refused {
  const char* name;
  std::function<std::string()> bytes;
  int status;
  std::string_view type = kBatchType;
};
void PrintTo(const Refused& one, std::ostream* out) { *out << one.name; }

std::string Changed(const std::function<void(Batch&)>& change) {
  Batch batch = MakeBatch();
  change(batch);
  return bucket::EncodeBatch(batch);
}

class RefusedTest : public IngestTest, public testing::WithParamInterface<Refused> {};

TEST_P(RefusedTest, IsNotAppliedAndSaysWhy) {
  const Reply reply = ingest_.Append(GetParam().type, GetParam().bytes());
  EXPECT_EQ(reply.status, GetParam().status) << reply.detail;
  EXPECT_FALSE(reply.detail.empty());
  EXPECT_EQ(ingest_.counters().rejected, 1u);
  EXPECT_TRUE(store_.Streams()->empty());
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedTest,
    testing::Values(
        Refused{"Empty", [] { return std::string(); }, 400},
        Refused{"NoBatch", [] { return std::string("xx"); }, 400},
        Refused{"CutShort",
                [] {
                  std::string bytes = bucket::EncodeBatch(MakeBatch());
                  bytes.resize(bytes.size() - 1);
                  return bytes;
                },
                400},
        Refused{"LeftOver", [] { return bucket::EncodeBatch(MakeBatch()) + "x"; }, 400},
        Refused{"OtherFormat",
                [] {
                  std::string bytes = bucket::EncodeBatch(MakeBatch());
                  bytes[4] = 99;  // after the magic: FORMAT.md
                  return bytes;
                },
                415},
        Refused{"OtherType", [] { return bucket::EncodeBatch(MakeBatch()); }, 415, "application/json"},
        Refused{"NoSequence", [] { return Changed([](Batch& batch) { batch.header.sequence = 0; }); }, 422},
        Refused{"NoService", [] { return Changed([](Batch& batch) { batch.header.stream.service = ""; }); },
                422},
        Refused{"NoVersion", [] { return Changed([](Batch& batch) { batch.header.stream.version = ""; }); },
                422},
        Refused{"LongName",
                [] { return Changed([](Batch& batch) { batch.header.stream.service.assign(201, 'x'); }); },
                422},
        Refused{"ControlCharacter",
                [] { return Changed([](Batch& batch) { batch.header.stream.environment = "a\x1b[31m"; }); },
                422},
        Refused{"Future",
                [] {
                  return Changed([](Batch& batch) {
                    batch.header.source = Source::kReplay;
                    batch.buckets[kNoon + 60] = batch.buckets[kNoon - 1];
                  });
                },
                422},
        Refused{"LongHost", [] { return Changed([](Batch& batch) { batch.header.host.assign(201, 'x'); }); },
                422},
        Refused{"HostThatWritesLines",
                [] { return Changed([](Batch& batch) { batch.header.host = "a\nb"; }); }, 422},
        Refused{"SubjectThatIsNoUtf8",
                [] {
                  return Changed(
                      [](Batch& batch) { batch.buckets[kNoon]["GET /\xC3("].run.emplace().started = 1; });
                },
                422},
        Refused{"SubjectOfThreeKilobytes",
                [] {
                  return Changed([](Batch& batch) {
                    batch.buckets[kNoon][std::string(3000, 'x')].run.emplace().started = 1;
                  });
                },
                422},
        Refused{"FieldThatIsNoUtf8",
                [] {
                  return Changed([](Batch& batch) {
                    batch.buckets[kNoon]["GET / request"].body.emplace().fields["a.\xFF"].counts.documents =
                        1;
                  });
                },
                422},
        Refused{"EventThatIsNoUtf8",
                [] {
                  return Changed(
                      [](Batch& batch) { batch.buckets[kNoon]["log"].events["\xED\xA0\x80"] = 1; });
                },
                422},
        Refused{"ExceptionThatIsNoUtf8",
                [] {
                  return Changed([](Batch& batch) {
                    batch.buckets[kNoon]["GET /"].request.emplace().by_exception["\x80"] = 1;
                  });
                },
                422},
        Refused{"FieldOfAViolationThatIsNoUtf8",
                [] {
                  return Changed([](Batch& batch) {
                    batch.buckets[kNoon]["GET /"].violations[{"body.\x80", "missing"}].count = 1;
                  });
                },
                422},
        Refused{"RuleOfAViolationThatIsNoUtf8",
                [] {
                  return Changed([](Batch& batch) {
                    batch.buckets[kNoon]["GET /"].violations[{"body", "\x80"}].count = 1;
                  });
                },
                422},
        Refused{"AbsurdTime",
                [] { return Changed([](Batch& batch) { batch.header.sent_at_unix_ms = INT64_MAX; }); }, 422}),
    [](const auto& one) { return one.param.name; });

TEST_F(IngestTest, RefusesWhatIsTooLargeWhenUnpacked) {
  Batch batch = MakeBatch();
  auto& summaries = batch.buckets[kNoon - 1];
  for (int i = 0; i < 90'000; ++i) {
    summaries["GET /" + std::to_string(i) + std::string(100, 'x')] = summaries["GET /orders"];
  }
  const std::string bytes = bucket::EncodeBatch(batch);
  ASSERT_LT(bytes.size(), bucket::kBatchBytesMax);
  EXPECT_EQ(ingest_.Append(kBatchType, bytes).status, 413);
}

TEST_F(IngestTest, PostponesWhileTheStoreCannotWriteAndRecoversByItself) {
  for (const ErrorCode code : {ErrorCode::kUnavailable, ErrorCode::kInternal, ErrorCode::kDataLoss}) {
    store_.failure = Error{code, "writing: the disk is full"};
    const Reply reply = Append(MakeBatch());
    EXPECT_EQ(reply.status, 503);
    EXPECT_GT(reply.retry_after_s, 0);
    EXPECT_THAT(reply.detail, HasSubstr("disk is full"));
    EXPECT_FALSE(ingest_.counters().writable);
  }
  store_.failure.reset();
  EXPECT_EQ(Append(MakeBatch()).status, 200);
  EXPECT_TRUE(ingest_.counters().writable);
  EXPECT_EQ(ingest_.counters().postponed, 3u);
}

TEST_F(IngestTest, GivesEachServiceOneKeyForEver) {
  const auto first = ingest_.Hello("orders", "production");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->hash_key.size(), 32u);
  EXPECT_EQ(ingest_.Hello("orders", "production")->hash_key, first->hash_key);
  EXPECT_NE(ingest_.Hello("orders", "staging")->hash_key, first->hash_key);
  EXPECT_EQ(ingest_.Hello("", "production").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ingest_.Hello("orders", "\xff").error().code, ErrorCode::kInvalidArgument);
}

struct Skew {
  const char* name;
  int64_t server_less_worker_ms;
  Minute moved;
  bool bad = false;
};
void PrintTo(const Skew& one, std::ostream* out) { *out << one.name; }

class SkewTest : public IngestTest, public testing::WithParamInterface<Skew> {};

TEST_P(SkewTest, MovesMinutesAsFarAsTheClockIsOff) {
  Batch batch = MakeBatch();
  now_ = kNow;
  batch.header.sent_at_unix_ms = kNow - GetParam().server_less_worker_ms;
  const Minute minute = MinuteOf(batch.header.sent_at_unix_ms) - 1;
  const auto summaries = batch.buckets[kNoon - 1];
  batch.buckets = {{minute, summaries}};
  ASSERT_EQ(Append(batch).status, 200);
  EXPECT_EQ(RequestsOf(GetParam().bad ? std::string(kBadClockVersion) : "9f2c1ab"),
            (std::map<Minute, uint64_t>{{minute + GetParam().moved, 7}}));
  EXPECT_EQ(ingest_.counters().clock_shifted, GetParam().moved != 0 && !GetParam().bad ? 1u : 0u);
  EXPECT_EQ(ingest_.counters().clock_bad, GetParam().bad ? 1u : 0u);
}

INSTANTIATE_TEST_SUITE_P(All, SkewTest,
                         testing::Values(Skew{"None", 0, 0}, Skew{"SmallSlow", 30'000, 0},
                                         Skew{"SmallFast", -30'000, 0}, Skew{"OneMinute", 40'000, 1},
                                         Skew{"HourSlow", kHourMs, 60}, Skew{"HourFast", -kHourMs, -60},
                                         Skew{"DaySlow", 24 * kHourMs, 1440},
                                         Skew{"BeyondSlow", 24 * kHourMs + 1, 1440, true},
                                         Skew{"BeyondFast", -100 * 24 * kHourMs, -144'000, true}),
                         [](const auto& one) { return one.param.name; });

TEST_F(IngestTest, DoesNotTakeARetryForASlowClock) {
  now_ = kNow + 2 * kHourMs;  // the server was away for two hours
  ASSERT_EQ(Append(MakeBatch(), /*worker_clock=*/now_ - 100).status, 200);
  EXPECT_EQ(RequestsOf("9f2c1ab"), (std::map<Minute, uint64_t>{{kNoon - 1, 7}}));
}

// Refusing them would not help: the worker would send them again, and everything that follows with them.
TEST_F(IngestTest, KeepsApartWhatWasRecordedBeforeTheClockWasSet) {
  const bucket::Bucket seven = MakeBatch().buckets[kNoon - 1];
  Batch future = MakeBatch(1);
  future.buckets[kNoon + 600] = future.buckets[kNoon + 601] = seven;
  ASSERT_EQ(Append(future).status, 200);
  EXPECT_EQ(RequestsOf(std::string(kBadClockVersion)),
            (std::map<Minute, uint64_t>{{kNoon - 1, 7}, {kNoon, 14}}));

  Batch past = MakeBatch(2);
  past.buckets[3] = seven;  // three minutes after a start without a clock
  ASSERT_EQ(Append(past).status, 200);
  EXPECT_EQ(RequestsOf(std::string(kBadClockVersion)),
            (std::map<Minute, uint64_t>{{3, 7}, {kNoon - 1, 14}, {kNoon, 14}}));
  EXPECT_TRUE(RequestsOf("9f2c1ab").empty());
  EXPECT_EQ(ingest_.counters().clock_bad, 2u);

  ASSERT_EQ(Append(MakeBatch(3)).status, 200);
  EXPECT_EQ(RequestsOf("9f2c1ab"), (std::map<Minute, uint64_t>{{kNoon - 1, 7}}));
}

TEST_F(IngestTest, TakesABacklogOfWeeksAsItIs) {
  Batch batch = MakeBatch();
  batch.buckets[kNoon - 34 * 1440] = batch.buckets[kNoon - 1];
  ASSERT_EQ(Append(batch).status, 200);
  EXPECT_EQ(RequestsOf("9f2c1ab"), (std::map<Minute, uint64_t>{{kNoon - 34 * 1440, 7}, {kNoon - 1, 7}}));
}

// A recorded body, hashed with `key`.
Batch HashedBatch(uint64_t sequence, const HashKey& key) {
  bucket::Recorder recorder({}, key);
  bucket::RequestEvent event;
  event.route = "POST /orders";
  event.status = 201;
  event.ended_unix_ms = kNow - kMsPerMinute;
  event.request = {bucket::BodyState::kCaptured, R"({"status":"paid"})", 17};
  recorder.Record(event);
  Batch batch = MakeBatch(sequence);
  batch.header.hash_key_id = recorder.hash_key_id();
  batch.buckets = recorder.Drain();
  return batch;
}

TEST_F(IngestTest, MergesNoHashesOfAnotherKey) {
  const auto seen = [this] {
    store::Query query;
    query.streams = {{"production", "orders", "9f2c1ab"}};
    query.subjects = {"POST /orders request"};
    query.to = 2 * kNoon;
    const Result<std::vector<store::Slice>> slices = store_.Read(query);
    EXPECT_EQ(slices->size(), 1u);
    return slices->at(0).summary.body->fields.at("status");
  };
  const HashKey ours = *store_.KeyOf("production", "orders");
  ASSERT_EQ(Append(HashedBatch(1, ours)).status, 200);
  EXPECT_FALSE(seen().categories.empty());
  const auto hashes = seen().categories;

  HashKey other = ours;
  other.bytes[0] ^= 1;
  ASSERT_EQ(Append(HashedBatch(2, other)).status, 200);
  EXPECT_EQ(seen().counts.seen, 2u);
  EXPECT_EQ(seen().categories, hashes);
  EXPECT_EQ(ingest_.counters().unhashed, 1u);
}

TEST_F(IngestTest, AsksTheStoreAgainWhenAKeyIsNotTheOneItKnows) {
  ASSERT_EQ(Append(HashedBatch(1, *store_.KeyOf("production", "orders"))).status, 200);
  store_.other_key = HashKey{{7}};
  ASSERT_EQ(Append(HashedBatch(2, *store_.other_key)).status, 200);
  EXPECT_EQ(ingest_.counters().unhashed, 0u);
}

TEST_F(IngestTest, RefusesForNowWhenFoldingIsFarBehind) {
  store_.condition_now.oldest_received_unix_ms = kNow - kHourMs;  // before this server began
  EXPECT_EQ(Append(MakeBatch(1)).status, 200);
  now_ += kFoldLagMsMax;
  EXPECT_EQ(ingest_.fold_lag_ms(), kFoldLagMsMax);
  EXPECT_EQ(Append(MakeBatch(2)).status, 200);
  now_ += 1;
  const Reply late = Append(MakeBatch(3));
  EXPECT_EQ(late.status, 429);
  EXPECT_GT(late.retry_after_s, 0);
  EXPECT_THAT(late.detail, HasSubstr("behind"));
  EXPECT_TRUE(ingest_.counters().writable);
  EXPECT_EQ(ingest_.counters().postponed, 1u);
  store_.condition_now.oldest_received_unix_ms = now_;
  EXPECT_EQ(Append(MakeBatch(3)).status, 200);
}

// Large once unpacked, and of many subjects.
Batch LargeBatch() {
  Batch batch = MakeBatch();
  for (int i = 0; i < 20'000; ++i) {
    batch.buckets[kNoon]["GET /" + std::to_string(i)].request.emplace().by_status[200] = 1;
  }
  return batch;
}

TEST_F(IngestTest, RefusesPathsOfFieldsThatNoPageCouldShow) {
  for (const std::string& path : {std::string(kPathBytesMax + 1, 'a'), std::string("caf\xe9")}) {
    Batch batch = MakeBatch();
    batch.buckets[kNoon]["GET / response 2xx"].body.emplace().fields[path].counts.documents = 1;
    EXPECT_EQ(Append(batch).status, 422);
  }
  Batch batch = MakeBatch();
  batch.buckets[kNoon]["GET / response 2xx"].body.emplace().fields["caf\xc3\xa9"].counts.documents = 1;
  EXPECT_EQ(Append(batch).status, 200);
}

TEST_F(IngestTest, UnpacksWithinItsMemory) {
  EXPECT_EQ(Append(LargeBatch()).status, 200) << "more than a small batch has room for";
  // Waits in the store until the others have given up.
  class SlowStore : public store::MemoryStore {
   public:
    Result<store::Append> AppendBatch(const Batch& batch, std::string_view bytes, UnixMs received) override {
      if (batch.header.sequence == 1) {
        inside.set_value();
        go_on.get_future().wait();
      }
      return MemoryStore::AppendBatch(batch, bytes, received);
    }
    std::promise<void> inside, go_on;
  } slow;
  IngestOptions options;
  options.memory_bytes_max = 12u << 20;  // of one small batch at a time
  options.memory_wait_max = std::chrono::milliseconds(1);
  Ingest ingest(
      slow, [] { return kNow; }, options);
  std::thread first(
      [&] { EXPECT_EQ(ingest.Append(kBatchType, bucket::EncodeBatch(MakeBatch(1))).status, 200); });
  slow.inside.get_future().wait();
  const Reply refused = ingest.Append(kBatchType, bucket::EncodeBatch(MakeBatch(2)));
  EXPECT_EQ(refused.status, 503);
  EXPECT_GT(refused.retry_after_s, 0);
  EXPECT_TRUE(ingest.counters().writable) << "the store is well";
  slow.go_on.set_value();
  first.join();
  EXPECT_EQ(ingest.Append(kBatchType, bucket::EncodeBatch(MakeBatch(2))).status, 200);
}

TEST_F(IngestTest, LeavesTheClockOfReplayedHistoryAlone) {
  Batch batch = MakeBatch();
  batch.header.source = Source::kReplay;
  batch.header.sent_at_unix_ms = kNow - 400 * 24 * kHourMs;
  ASSERT_EQ(Append(batch).status, 200);
  EXPECT_EQ(RequestsOf("9f2c1ab"), (std::map<Minute, uint64_t>{{kNoon - 1, 7}}));
}

}  // namespace
}  // namespace fieldmark::ingest
