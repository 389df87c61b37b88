#include "python/worker/large_bodies.h"

#include <pthread.h>
#include <signal.h>

#include <system_error>
#include <utility>

namespace fieldmark::worker {

using bucket::BodyState;

namespace {

// Signals are for the threads of the application: one that came here would not wake the one that waits for
// it.
template <class Function>
std::thread ThreadWithoutSignals(Function run) {
  sigset_t all, former;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &former);
  std::thread thread;
  try {
    thread = std::thread(run);
    pthread_setname_np(thread.native_handle(), "fieldmark");
  } catch (const std::system_error&) {  // none to be had
  }
  pthread_sigmask(SIG_SETMASK, &former, nullptr);
  return thread;
}

}  // namespace

LargeBodies::LargeBodies(std::optional<HashKey> key, const std::vector<bucket::Reveal>& reveals,
                         std::shared_ptr<MemoryAccount> account)
    : recorder_(Limits{}, key, std::move(account)) {
  bucket::Declare(reveals, recorder_);
}

LargeBodies::~LargeBodies() { Close(std::chrono::milliseconds(0)); }

bool LargeBodies::Take(std::list<LargeBody>& bodies) {
  const std::lock_guard lock(queue_mutex_);
  if (closed_) return false;
  if (!thread_.joinable()) thread_ = ThreadWithoutSignals([this] { Run(); });
  if (!thread_.joinable()) return false;
  queue_.splice(queue_.end(), bodies);
  arrived_.notify_one();
  return true;
}

bool LargeBodies::Settle(std::chrono::milliseconds wait_max) {
  std::unique_lock lock(queue_mutex_);
  return settled_.wait_for(lock, wait_max, [&] { return queue_.empty() && recording_.empty(); });
}

void LargeBodies::Close(std::chrono::milliseconds wait_max) {
  Settle(wait_max);
  std::list<LargeBody> left;
  std::thread thread;
  {
    const std::lock_guard lock(queue_mutex_);
    closed_ = true;
    left.swap(queue_);
    thread.swap(thread_);
    arrived_.notify_one();
  }
  for (const LargeBody& body : left) RecordLost(body);
  if (thread.joinable()) thread.join();
  const std::lock_guard lock(queue_mutex_);
  has_finished_.store(true, std::memory_order_relaxed);
  finished_.splice(finished_.end(), left);
}

bucket::Buckets LargeBodies::Drain() {
  const std::lock_guard lock(recorder_mutex_);
  return recorder_.Drain();
}

void LargeBodies::SetHashKey(const HashKey& key) {
  const std::lock_guard lock(recorder_mutex_);
  recorder_.SetHashKey(key);
}

std::list<LargeBody> LargeBodies::TakeFinished() {
  const std::lock_guard lock(queue_mutex_);
  has_finished_.store(false, std::memory_order_relaxed);
  return std::exchange(finished_, {});
}

void LargeBodies::Run() {
  std::unique_lock lock(queue_mutex_);
  for (;;) {
    arrived_.wait(lock, [&] { return closed_ || !queue_.empty(); });
    if (queue_.empty()) return;
    recording_.splice(recording_.end(), queue_, queue_.begin());
    lock.unlock();
    RecordWhole(recording_.front());
    lock.lock();
    finished_.splice(finished_.end(), recording_);
    has_finished_.store(true, std::memory_order_relaxed);
    if (queue_.empty()) settled_.notify_all();
  }
}

// An exception that left a thread would end the process.
void LargeBodies::RecordWhole(const LargeBody& body) {
  try {
    Record(body, BodyState::kCaptured);
  } catch (...) {
    RecordLost(body);
  }
}

void LargeBodies::RecordLost(const LargeBody& body) {
  try {
    Record(body, BodyState::kNotCaptured);
  } catch (...) {  // without memory, a count goes
  }
}

void LargeBodies::Record(const LargeBody& body, BodyState state) {
  std::string joined;
  std::string_view content;
  if (state == BodyState::kCaptured) {
    content = body.pieces.empty() ? std::string_view(body.joined) : body.pieces.front();
    if (body.pieces.size() > 1) {
      for (const std::string_view piece : body.pieces) joined.append(piece);
      content = joined;
    }
  }
  const std::lock_guard lock(recorder_mutex_);
  recorder_.RecordBody({.route = body.route,
                        .response_status = body.response_status,
                        .ended_unix_ms = body.ended_unix_ms,
                        .body = {state, content, body.wire_bytes}});
}

}  // namespace fieldmark::worker
