#include "server/watch/compactor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <sstream>
#include <vector>

#include "server/store/memory_store.h"

namespace fieldmark::watch {
namespace {

// Has work for some rounds, and lets a test wait for them.
class BusyStore : public store::MemoryStore {
 public:
  Result<bool> Compact(UnixMs) override {
    const std::lock_guard lock(mutex_);
    ++rounds_;
    changed_.notify_all();
    if (rounds_ == 2) return Error{ErrorCode::kUnavailable, "folding: the disk is full"};
    return rounds_ < 5;
  }
  void WaitForRounds(int rounds) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return rounds_ >= rounds; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int rounds_ = 0;
};

TEST(CompactorTest, GoesOnWhileThereIsMoreToDoAndAfterAFailure) {
  BusyStore store;
  const Compactor compactor(
      store, [] { return UnixMs{0}; }, std::chrono::milliseconds(1));
  store.WaitForRounds(8);
}

// Runs out of memory at first.
class HungryStore : public BusyStore {
 public:
  Result<bool> Compact(UnixMs now) override {
    const Result<bool> round = BusyStore::Compact(now);
    if (++rounds_ <= 3) throw std::bad_alloc();
    return round;
  }

 private:
  int rounds_ = 0;
};

TEST(CompactorTest, OutlivesWhatARoundThrows) {
  HungryStore store;
  const Compactor compactor(
      store, [] { return UnixMs{0}; }, std::chrono::milliseconds(1));
  store.WaitForRounds(6);
}

// Always fails, twice in one way, then in another.
class BrokenStore : public BusyStore {
 public:
  Result<bool> Compact(UnixMs now) override {
    if (const Result<bool> round = BusyStore::Compact(now); !round.ok()) return round;
    return Error{ErrorCode::kDataLoss, ++failures_ <= 2 ? "folding: a row is damaged" : "folding: no disk"};
  }

 private:
  int failures_ = 0;
};

TEST(CompactorTest, SaysOnceWhatKeepsItFromFolding) {
  std::ostringstream log;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  {
    BrokenStore store;
    const Compactor compactor(
        store, [] { return UnixMs{0}; }, std::chrono::milliseconds(1));
    store.WaitForRounds(8);
  }
  spdlog::set_default_logger(before);
  const std::string text = log.str();
  const auto times = [&](const std::string& what) {
    size_t count = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
    return count;
  };
  EXPECT_EQ(times("a row is damaged"), 2u) << text;  // the disk was full between the two
  EXPECT_EQ(times("the disk is full"), 1u) << text;
  EXPECT_EQ(times("no disk"), 1u) << text;
}

// Is behind from the third round on, until the sixth, and knows how nice each was.
class LateStore : public BusyStore {
 public:
  Result<bool> Compact(UnixMs now) override {
    niceness.push_back(::getpriority(PRIO_PROCESS, 0));  // of the thread
    return BusyStore::Compact(now);
  }
  store::Condition condition() override {
    store::Condition found;
    const bool behind = niceness.size() >= 3 && niceness.size() < 6;
    found.oldest_received_unix_ms = behind ? 1 : 300'000;
    return found;
  }
  std::vector<int> niceness;
};

TEST(CompactorTest, GivesWayToNobodyWhileItIsBehind) {
  const int own = ::getpriority(PRIO_PROCESS, 0);
  if (own >= 19) GTEST_SKIP() << "nothing is nicer than these tests";
  LateStore store;
  {
    const Compactor compactor(
        store, [] { return UnixMs{300'000}; }, std::chrono::milliseconds(1));
    store.WaitForRounds(8);
  }
  ASSERT_GE(store.niceness.size(), 8u);
  const std::vector<int> first(store.niceness.begin(), store.niceness.begin() + 8);
  const int nicer = std::min(own + 10, 19);
  EXPECT_THAT(first, testing::ElementsAre(nicer, nicer, nicer, own, own, own, nicer, nicer));
}

TEST(CompactorTest, ClosesAtOnceDuringItsPause) {
  BusyStore store;
  const auto started = std::chrono::steady_clock::now();
  {
    const Compactor compactor(
        store, [] { return UnixMs{0}; }, std::chrono::minutes(10));
    store.WaitForRounds(2);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::minutes(1));
}

}  // namespace
}  // namespace fieldmark::watch
