#include "python/worker/worker_recorder.h"

#include <pthread.h>

#include <utility>

namespace fieldmark::worker {

using bucket::Body;
using bucket::BodyEvent;
using bucket::BodyState;
using bucket::Recorder;
using bucket::RequestEvent;

namespace {

// Forks that led to this process: asking the system who one is costs more than recording a request.
std::atomic<int> forks = 0;
[[maybe_unused]] const int counting_forks =
    pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });

}  // namespace

WorkerRecorder::WorkerRecorder(std::optional<HashKey> key, const std::vector<bucket::ListedField>& fields,
                               double sample_ratio)
    : account_(std::make_shared<MemoryAccount>(Limits{}.memory_bytes_max)),
      idle_(std::make_unique<Recorder>(Limits{}, key, account_)),
      active_(std::make_unique<Recorder>(Limits{}, key, account_)),
      beside_(std::make_unique<ProfilingThread>(key, fields, account_)),
      sample_ratio_(sample_ratio),
      made_after_forks_(forks.load(std::memory_order_relaxed)) {
  for (Recorder* recorder : {idle_.get(), active_.get()}) bucket::Declare(fields, *recorder);
}

WorkerRecorder::~WorkerRecorder() {
  if (!is_inherited()) return;
  static_cast<void>(beside_.release());
  static_cast<void>(idle_.release());
  static_cast<void>(active_.release());
}

void WorkerRecorder::RecordRequest(const RequestEvent& event, std::list<KeptBody>& kept) {
  RequestEvent counted = event;
  for (Body* body : {&counted.request, &counted.response}) {
    if (body->state == BodyState::kCaptured) body->state = BodyState::kNone;
  }
  std::string_view recorded_as;
  Record([&](Recorder& recorder) {
    recorder.Record(counted);
    recorded_as = recorder.RecordedAs(event.route);
  });
  RecordBody(recorded_as, std::nullopt, event, event.request);
  RecordBody(recorded_as, event.status, event, event.response);
  if (kept.empty()) return;
  for (KeptBody& body : kept) {
    body.route = recorded_as;
    body.ended_unix_ms = event.ended_unix_ms;
    body.trace = event.trace;
  }
  if (!is_inherited() && beside_->Take(kept)) return;
  Record([&](Recorder& recorder) {
    for (const KeptBody& body : kept) {
      recorder.RecordBody({.route = body.route,
                           .response_status = body.response_status,
                           .ended_unix_ms = body.ended_unix_ms,
                           .body = {BodyState::kNotCaptured, {}, body.wire_bytes}});
    }
  });
}

void WorkerRecorder::RecordBody(std::string_view route, std::optional<uint16_t> response_status,
                                const RequestEvent& event, const Body& body) {
  if (body.state != BodyState::kCaptured) return;
  const BodyEvent alone{.route = route,
                        .response_status = response_status,
                        .ended_unix_ms = event.ended_unix_ms,
                        .trace = event.trace,
                        .body = body};
  if (!is_inherited() && beside_->Take(alone)) return;
  Record([&](Recorder& recorder) { recorder.RecordBody(alone); });
}

bool WorkerRecorder::IsSampled() {
  if (sample_ratio_ >= 1) return true;
  // splitmix64: a random number of a running one, that no rhythm of requests follows.
  uint64_t bits = asked_for_samples_.fetch_add(0x9E37'79B9'7F4A'7C15, std::memory_order_relaxed);
  bits = (bits ^ bits >> 30) * 0xBF58'476D'1CE4'E5B9;
  bits = (bits ^ bits >> 27) * 0x94D0'49BB'1331'11EB;
  return static_cast<double>((bits ^ bits >> 31) >> 11) * 0x1p-53 < sample_ratio_;
}

bool WorkerRecorder::is_inherited() const {
  return forks.load(std::memory_order_relaxed) != made_after_forks_;
}

std::list<KeptBody> WorkerRecorder::TakeFinished() {
  std::list<KeptBody> finished = beside_->TakeFinished();
  for (const KeptBody& body : finished) Release(body.held_bytes);
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
  beside_->Settle(kDrainWaitMax);
  Drained drained{full.Drain(), full.hash_key_id()};
  if (!undrained_.empty()) bucket::AbsorbBuckets(drained.buckets, std::exchange(undrained_, {}));
  bucket::AbsorbBuckets(drained.buckets, beside_->Drain());
  return drained;
}

void WorkerRecorder::SetHashKey(const HashKey& key) {
  const std::lock_guard lock(idle_mutex_);
  idle_->SetHashKey(key);
  Recorder& full = Exchange();
  full.SetHashKey(key);
  bucket::AbsorbBuckets(undrained_, full.Drain());
  beside_->SetHashKey(key);
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
