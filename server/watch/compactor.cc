#include "server/watch/compactor.h"

namespace fieldmark::watch {

Compactor::Compactor(store::Store& store, Clock clock, std::chrono::milliseconds pause)
    : store_(store), clock_(std::move(clock)), pause_(pause), thread_([this] { Run(); }) {}

Compactor::~Compactor() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool Compactor::PauseOrClose(std::chrono::milliseconds pause) {
  std::unique_lock lock(mutex_);
  return wake_.wait_for(lock, pause, [this] { return closing_; });
}

void Compactor::Run() {
  for (;;) {
    // A failed round is tried again after the pause; what the store cannot write, ingest reports.
    const Result<bool> more = store_.Compact(clock_());
    const bool at_once = more.ok() && *more;
    if (PauseOrClose(at_once ? std::chrono::milliseconds(0) : pause_)) return;
  }
}

}  // namespace fieldmark::watch
