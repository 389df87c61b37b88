#include "python/worker/profiling_thread.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <system_error>
#include <utility>

namespace fieldmark::worker {

using bucket::BodyState;

namespace {

// One that stays behind the threads of the application. Signals are for these: one that came here would not
// wake the one that waits for it. And where a processor is to be shared, it takes none from a thread that
// serves when it is woken (SCHED_BATCH), but waits until that one sleeps or has had its turn.
template <class Function>
std::thread QuietThread(Function run) {
  sigset_t all, former;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &former);
  std::thread thread;
  try {
    thread = std::thread(run);
    pthread_setname_np(thread.native_handle(), "fieldmark");
    const sched_param none{};
    pthread_setschedparam(thread.native_handle(), SCHED_BATCH, &none);
  } catch (const std::system_error&) {  // none to be had
  }
  pthread_sigmask(SIG_SETMASK, &former, nullptr);
  return thread;
}

}  // namespace

ProfilingThread::ProfilingThread(std::optional<HashKey> key, const std::vector<bucket::ListedField>& fields,
                                 std::shared_ptr<MemoryAccount> account)
    : recorder_(Limits{}, key, std::move(account)) {
  bucket::Declare(fields, recorder_);
}

ProfilingThread::~ProfilingThread() { Close(std::chrono::milliseconds(0)); }

bool ProfilingThread::Take(const bucket::BodyEvent& body) {
  const std::lock_guard lock(queue_mutex_);
  const size_t before = copied_.bytes();
  if (before + body.body.bytes.size() > kCopiedBytesMax || !IsRunning()) return false;
  copied_.Add(body);
  Took(copied_.bytes() - before);
  return true;
}

bool ProfilingThread::Take(std::list<KeptBody>& bodies) {
  const std::lock_guard lock(queue_mutex_);
  if (!IsRunning()) return false;
  size_t bytes = 0;
  for (const KeptBody& body : bodies) bytes += body.bytes();
  kept_.splice(kept_.end(), bodies);
  Took(bytes);
  return true;
}

bool ProfilingThread::IsRunning() {
  if (closed_) return false;
  if (!thread_.joinable()) thread_ = QuietThread([this] { Run(); });
  return thread_.joinable();
}

void ProfilingThread::Took(size_t bytes) {
  const bool was_asleep = waiting_bytes_ < kBytesToWake;
  waiting_bytes_ += bytes;
  if (was_asleep && waiting_bytes_ >= kBytesToWake) arrived_.notify_one();
}

bool ProfilingThread::Settle(std::chrono::milliseconds wait_max) {
  Lock lock(queue_mutex_);
  if (IsDone()) return true;
  ++settling_;
  arrived_.notify_one();
  const bool settled = settled_.wait_for(lock, wait_max, [&] { return IsDone(); });
  --settling_;
  return settled;
}

void ProfilingThread::Close(std::chrono::milliseconds wait_max) {
  Settle(wait_max);
  CopiedBodies copied;
  std::list<KeptBody> kept;
  std::thread thread;
  {
    const std::lock_guard lock(queue_mutex_);
    closed_ = true;
    std::swap(copied, copied_);
    kept.swap(kept_);
    waiting_bytes_ = 0;
    thread.swap(thread_);
    arrived_.notify_one();
  }
  copied.TakeEach([&](bucket::BodyEvent body) {
    body.body.state = BodyState::kNotCaptured;
    Record(body);
  });
  for (const KeptBody& body : kept) Record(body, BodyState::kNotCaptured);
  if (thread.joinable()) thread.join();
  const std::lock_guard lock(queue_mutex_);
  has_finished_.store(true, std::memory_order_relaxed);
  finished_.splice(finished_.end(), kept);
}

bucket::Buckets ProfilingThread::Drain() {
  const std::lock_guard lock(recorder_mutex_);
  return recorder_.Drain();
}

void ProfilingThread::SetHashKey(const HashKey& key) {
  const std::lock_guard lock(recorder_mutex_);
  recorder_.SetHashKey(key);
}

std::list<KeptBody> ProfilingThread::TakeFinished() {
  const std::lock_guard lock(queue_mutex_);
  has_finished_.store(false, std::memory_order_relaxed);
  return std::exchange(finished_, {});
}

void ProfilingThread::Run() {
  Lock lock(queue_mutex_);
  while (!closed_) {
    arrived_.wait(lock,
                  [&] { return closed_ || waiting_bytes_ >= kBytesToWake || (settling_ > 0 && AnyWait()); });
    while (AnyWait()) copied_.empty() ? RecordKept(lock) : RecordCopied(lock);
    settled_.notify_all();
  }
}

void ProfilingThread::RecordCopied(Lock& lock) {
  std::swap(copied_, recording_copied_);
  waiting_bytes_ -= recording_copied_.bytes();
  lock.unlock();
  recording_copied_.TakeEach([&](const bucket::BodyEvent& body) { Record(body); });
  lock.lock();
}

void ProfilingThread::RecordKept(Lock& lock) {
  recording_kept_.splice(recording_kept_.end(), kept_, kept_.begin());
  waiting_bytes_ -= recording_kept_.front().bytes();
  lock.unlock();
  Record(recording_kept_.front(), BodyState::kCaptured);
  lock.lock();
  finished_.splice(finished_.end(), recording_kept_);
  has_finished_.store(true, std::memory_order_relaxed);
}

// An exception that left a thread would end the process: a body that there is no memory for is not captured.
void ProfilingThread::Record(const bucket::BodyEvent& body) {
  const std::lock_guard lock(recorder_mutex_);
  try {
    recorder_.RecordBody(body);
  } catch (...) {
    try {
      bucket::BodyEvent lost = body;
      lost.body.state = BodyState::kNotCaptured;
      recorder_.RecordBody(lost);
    } catch (...) {  // without memory, a count goes
    }
  }
}

void ProfilingThread::Record(const KeptBody& body, BodyState state) {
  std::string joined;
  std::string_view content;
  if (state == BodyState::kCaptured) {
    content = body.pieces.empty() ? std::string_view(body.joined) : body.pieces.front();
    if (body.pieces.size() > 1) {
      try {
        for (const std::string_view piece : body.pieces) joined.append(piece);
        content = joined;
      } catch (...) {
        state = BodyState::kNotCaptured;
      }
    }
  }
  Record({.route = body.route,
          .response_status = body.response_status,
          .ended_unix_ms = body.ended_unix_ms,
          .trace = body.trace,
          .body = {state, content, body.wire_bytes}});
}

}  // namespace fieldmark::worker
