// A store that lets nobody but its maker's thread read while it is held, so that a test sees what is said
// while a verdict is being made.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "server/watch/counting_store.h"

namespace fieldmark::watch {

class HeldStore : public CountingStore {
 public:
  Status Visit(const store::Query& query, const store::PieceVisitor& visit) override {
    if (std::this_thread::get_id() != maker_) {
      std::unique_lock lock(mutex_);
      let_go_.wait(lock, [&] { return !held_; });
      if (broken_) return Error{ErrorCode::kUnavailable, "reading: the disk is gone"};
    }
    return CountingStore::Visit(query, visit);
  }

  void Hold() { Set(true, false); }
  void LetGo(bool broken = false) { Set(false, broken); }

 private:
  void Set(bool held, bool broken) {
    {
      const std::lock_guard lock(mutex_);
      held_ = held;
      broken_ = broken;
    }
    let_go_.notify_all();
  }

  const std::thread::id maker_ = std::this_thread::get_id();
  std::mutex mutex_;
  std::condition_variable let_go_;
  bool held_ = false;
  bool broken_ = false;
};

}  // namespace fieldmark::watch
