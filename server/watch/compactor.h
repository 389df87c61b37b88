// Compactor: lets the store fold and forget, a bounded round at a time. Rounds give way to whatever else
// wants the core, as long as folding is not behind.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
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
  // A thread that once gave way cannot take it back, so there are two, which never work at the same time.
  enum class Turn { kPatient, kUrgent };

  void Run(Turn mine);
  bool WaitForTurn(Turn mine);  // false: it closes
  void PassTurn();
  std::chrono::milliseconds Round();  // and how long to pause then
  Result<bool> CompactSafely();
  bool PauseOrClose(std::chrono::milliseconds pause);
  void TellForgottenEarly();

  store::Store& store_;
  const Clock clock_;
  const std::chrono::milliseconds pause_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool closing_ = false;
  Turn turn_ = Turn::kPatient;
  // Of whoever has the turn.
  std::string told_;  // what kept the last round from its end
  std::chrono::steady_clock::time_point trimmed_ = std::chrono::steady_clock::now();
  int64_t forgotten_early_told_ = 0;
  UnixMs forgotten_early_told_at_ = 0;
  std::thread patient_, urgent_;  // last: they use the rest
};

}  // namespace fieldmark::watch
