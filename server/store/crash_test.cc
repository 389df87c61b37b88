// A process that is killed at any moment loses nothing that it acknowledged, and nothing counts twice.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <random>

#include "server/store/sample_batches.h"
#include "server/store/sqlite_store.h"
#include "server/store/steps.h"
#include "server/store/temporary_folder.h"

namespace fieldmark::store {
namespace {

using bucket::Batch;

const bucket::Stream kOrders{"production", "orders", "9f2c1ab"};
constexpr Minute kMidnight = 29'500'560 - 720;

constexpr uint64_t kBatchesADay = 30;

// The batch of each sequence has a minute of its own, so that a count tells which batch it is of. Days pass
// fast, so that what is too old for a step is forgotten on the way.
Minute MinuteOfBatch(uint64_t sequence) {
  return kMidnight + static_cast<Minute>(sequence / kBatchesADay * 1440 + sequence % kBatchesADay * 40);
}

// Received in its own minute: a store forgets the sequences of instances that it has not heard of for long.
Result<Append> AppendTo(Store& store, uint64_t sequence) {
  const Minute minute = MinuteOfBatch(sequence);
  const Batch batch = SampleBatches::Counted(kOrders, 1, sequence, minute, 1);
  return store.AppendBatch(batch, bucket::EncodeBatch(batch), minute * kMsPerMinute);
}

// Appends and folds for ever, and says each sequence once it is durable. Never returns: the child ends by
// being killed.
[[noreturn]] void AppendAndAcknowledge(const std::string& folder, uint64_t next, int acknowledgements) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(folder);
  if (!store.ok()) ::_exit(1);
  for (uint64_t sequence = next;; ++sequence) {
    if (!AppendTo(**store, sequence).ok()) ::_exit(2);
    if (::write(acknowledgements, &sequence, sizeof sequence) != sizeof sequence) ::_exit(3);
    if (sequence % 3 != 0) continue;
    // Some minutes are of hours that are over, others are not.
    const Minute now = MinuteOfBatch(sequence) + static_cast<Minute>(sequence % 7) * 10;
    if (!(*store)->Compact(now * kMsPerMinute).ok()) ::_exit(4);
  }
}

class Child {
 public:
  Child(const std::string& folder, uint64_t next) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    process_ = ::fork();
    if (process_ == 0) {
      ::close(ends[0]);
      AppendAndAcknowledge(folder, next, ends[1]);
    }
    ::close(ends[1]);
    acknowledgements_ = ends[0];
  }

  // The last sequence acknowledged before it died. Killed after some acknowledgements, and so much later.
  uint64_t KillAfter(uint64_t acknowledgements, std::chrono::microseconds later) {
    uint64_t last = 0;
    for (uint64_t i = 0; i < acknowledgements; ++i) {
      if (::read(acknowledgements_, &last, sizeof last) != sizeof last) break;
    }
    // Not to wait for anything: to hit another instruction each time.
    for (const auto end = std::chrono::steady_clock::now() + later; std::chrono::steady_clock::now() < end;) {
    }
    ::kill(process_, SIGKILL);
    int status = 0;
    ::waitpid(process_, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the child failed by itself: " << WEXITSTATUS(status);
    uint64_t acknowledged = 0;
    while (::read(acknowledgements_, &acknowledged, sizeof acknowledged) == sizeof acknowledged)
      last = acknowledged;
    ::close(acknowledgements_);
    return last;
  }

 private:
  pid_t process_;
  int acknowledgements_;
};

std::map<Minute, uint64_t> DocumentsByStep(Store& store, Step step) {
  Query query;
  query.streams = {kOrders};
  query.step = step;
  query.from = kMidnight;
  query.to = kMidnight + 390 * 1440;
  const Result<std::vector<Slice>> slices = store.Read(query);
  EXPECT_TRUE(slices.ok()) << slices.error().message;
  std::map<Minute, uint64_t> documents;
  for (const Slice& slice : *slices) documents[slice.start] += slice.summary.body->documents;
  return documents;
}

// All that a step keeps are there once, and none is there twice.
void ExpectEachOnce(Store& store, Step step, uint64_t sequences) {
  SCOPED_TRACE(MinutesOf(step));
  const Minute width = MinutesOf(step);
  std::map<Minute, uint64_t> expected;
  for (uint64_t sequence = 1; sequence <= sequences; ++sequence)
    ++expected[StartOf(MinuteOfBatch(sequence), step)];
  const std::map<Minute, uint64_t> found = DocumentsByStep(store, step);
  for (const auto& [start, documents] : found) ASSERT_EQ(documents, expected[start]) << start - kMidnight;
  const Minute kept_from = MinuteOfBatch(sequences) - Retention().Kept(profile::Family::kCounts, step);
  for (const auto& [start, documents] : expected) {
    ASSERT_TRUE(start + width <= kept_from || found.contains(start)) << start - kMidnight;
  }
}

TEST(CrashTest, AKilledProcessLosesNothingAcknowledgedAndCountsNothingTwice) {
  std::mt19937_64 random(20261124);
  TemporaryFolder folder(FastFolder());
  uint64_t kept = 0;
  for (int round = 0; round < 150; ++round) {
    SCOPED_TRACE(round);
    Child child(folder.path(), kept + 1);
    const uint64_t acknowledged =
        std::max(kept, child.KillAfter(random() % 25, std::chrono::microseconds(random() % 3000)));

    Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(folder.path());
    ASSERT_TRUE(store.ok()) << store.error().message;
    kept = 0;
    for (const auto& [day, documents] : DocumentsByStep(**store, Step::kDay)) kept += documents;
    // One batch may have become durable without its acknowledgement being heard.
    ASSERT_GE(kept, acknowledged);
    ASSERT_LE(kept, acknowledged + 1);
    for (const Step step : kAllSteps) ExpectEachOnce(**store, step, kept);
    for (uint64_t sequence = kept - std::min<uint64_t>(kept, 30) + 1; sequence <= kept; ++sequence) {
      ASSERT_EQ(*AppendTo(**store, sequence), Append::kDuplicate);
    }
  }
  EXPECT_GT(kept, 1500u) << "too little happened to say anything";
}

}  // namespace
}  // namespace fieldmark::store
