#include "server/watch/compactor.h"

#include <gtest/gtest.h>

#include <atomic>

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
