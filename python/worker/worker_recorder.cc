#include "python/worker/worker_recorder.h"

#include <utility>

namespace fieldmark::worker {

using bucket::Recorder;

WorkerRecorder::WorkerRecorder(std::optional<HashKey> key)
    : idle_(std::make_unique<Recorder>(Limits{}, key)), active_(std::make_unique<Recorder>(Limits{}, key)) {}

Recorder& WorkerRecorder::Exchange() {
  const std::lock_guard lock(active_mutex_);
  std::swap(active_, idle_);
  return *idle_;
}

WorkerRecorder::Drained WorkerRecorder::Drain() {
  const std::lock_guard lock(idle_mutex_);
  Recorder& full = Exchange();
  Drained drained{full.Drain(), full.hash_key_id()};
  if (!undrained_.empty()) bucket::MergeBuckets(drained.buckets, std::exchange(undrained_, {}));
  return drained;
}

void WorkerRecorder::SetHashKey(const HashKey& key) {
  const std::lock_guard lock(idle_mutex_);
  idle_->SetHashKey(key);
  Recorder& full = Exchange();
  full.SetHashKey(key);
  bucket::MergeBuckets(undrained_, full.Drain());
}

uint64_t WorkerRecorder::hash_key_id() {
  const std::lock_guard lock(active_mutex_);
  return active_->hash_key_id();
}

bool WorkerRecorder::Hold(size_t bytes) {
  if (held_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= kHeldBytesMax) return true;
  Release(bytes);
  return false;
}

}  // namespace fieldmark::worker
