// Compactor: the thread that lets the store fold and forget, a bounded round at a time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "server/store/store.h"
#include "server/watch/verdicts.h"

namespace fieldmark::watch {

class Compactor {
 public:
  // `store` must outlive it. Works until destroyed, which waits for the round under way.
  Compactor(store::Store& store, Clock clock, std::chrono::milliseconds pause = std::chrono::seconds(1));
  ~Compactor();

 private:
  void Run();
  Result<bool> CompactSafely();
  bool PauseOrClose(std::chrono::milliseconds pause);
  void TellForgottenEarly();

  store::Store& store_;
  const Clock clock_;
  const std::chrono::milliseconds pause_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool closing_ = false;
  int64_t forgotten_early_told_ = 0;
  UnixMs forgotten_early_told_at_ = 0;
  std::thread thread_;
};

}  // namespace fieldmark::watch
