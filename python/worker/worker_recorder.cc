#include "python/worker/worker_recorder.h"

#include <unistd.h>

#include <utility>

namespace fieldmark::worker {

using bucket::Recorder;

WorkerRecorder::WorkerRecorder(std::optional<HashKey> key, const std::vector<bucket::Reveal>& reveals)
    : account_(std::make_shared<MemoryAccount>(Limits{}.memory_bytes_max)),
      idle_(std::make_unique<Recorder>(Limits{}, key, account_)),
      active_(std::make_unique<Recorder>(Limits{}, key, account_)),
      large_(std::make_unique<LargeBodies>(key, reveals, account_)),
      made_in_process_(getpid()) {
  for (Recorder* recorder : {idle_.get(), active_.get()}) bucket::Declare(reveals, *recorder);
}

WorkerRecorder::~WorkerRecorder() {
  if (!is_inherited()) return;
  static_cast<void>(large_.release());
  static_cast<void>(idle_.release());
  static_cast<void>(active_.release());
}

void WorkerRecorder::RecordRequest(const bucket::RequestEvent& event, std::list<LargeBody>& beside) {
  {
    const std::lock_guard lock(active_mutex_);
    active_->Record(event);
    for (LargeBody& body : beside) {
      body.route = active_->RecordedAs(event.route);
      body.ended_unix_ms = event.ended_unix_ms;
    }
  }
  if (beside.empty() || (!is_inherited() && large_->Take(beside))) return;
  Record([&](Recorder& recorder) {
    for (const LargeBody& body : beside) {
      recorder.RecordBody({.route = body.route,
                           .response_status = body.response_status,
                           .ended_unix_ms = body.ended_unix_ms,
                           .body = {bucket::BodyState::kNotCaptured, {}, body.wire_bytes}});
    }
  });
}

bool WorkerRecorder::is_inherited() const { return getpid() != made_in_process_; }

std::list<LargeBody> WorkerRecorder::TakeFinished() {
  std::list<LargeBody> finished = large_->TakeFinished();
  for (const LargeBody& body : finished) Release(body.held_bytes);
  return finished;
}

Recorder& WorkerRecorder::Exchange() {
  const std::lock_guard lock(active_mutex_);
  std::swap(active_, idle_);
  return *idle_;
}

WorkerRecorder::Drained WorkerRecorder::Drain() {
  const std::lock_guard lock(idle_mutex_);
  Recorder& full = Exchange();
  Drained drained{full.Drain(), full.hash_key_id()};
  if (!undrained_.empty()) bucket::AbsorbBuckets(drained.buckets, std::exchange(undrained_, {}));
  bucket::AbsorbBuckets(drained.buckets, large_->Drain());
  return drained;
}

void WorkerRecorder::SetHashKey(const HashKey& key) {
  const std::lock_guard lock(idle_mutex_);
  idle_->SetHashKey(key);
  Recorder& full = Exchange();
  full.SetHashKey(key);
  bucket::AbsorbBuckets(undrained_, full.Drain());
  large_->SetHashKey(key);
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
