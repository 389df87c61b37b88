// ProfilingThread: profiles bodies beside the threads that serve, on one thread with a recorder of its own.
// The thread starts with the first body, and sleeps until there is work enough to be woken for: to wake it
// costs the thread that serves some microseconds, and bodies that are profiled together cost less each. Safe
// for use by several threads at once.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fieldmark/bucket/listed_fields.h"
#include "fieldmark/bucket/recorder.h"
#include "python/worker/copied_bodies.h"

namespace fieldmark::worker {

// Of bodies that wait, before the thread is woken. At the pace of its profile it is then at work for about a
// third of a millisecond, which is what a machine of one core may hold up a request for.
inline constexpr size_t kBytesToWake = 64u << 10;
// Of small bodies that wait, when the thread does not get to them.
inline constexpr size_t kCopiedBytesMax = 512u << 10;

// One that is kept, not copied, until it is profiled.
struct KeptBody {
  std::string route{};                        // as the recorder names it
  std::optional<uint16_t> response_status{};  // none: it is the request's
  UnixMs ended_unix_ms = 0;
  sketch::TraceId trace{};
  uint64_t wire_bytes = 0;
  // The content: pieces, whose memory belongs to their owners, or `joined`.
  std::vector<std::string_view> pieces{};
  std::string joined{};
  std::vector<void*> owners{};
  size_t held_bytes = 0;

  size_t bytes() const {
    size_t sum = joined.size();
    for (const std::string_view piece : pieces) sum += piece.size();
    return sum;
  }
};

class ProfilingThread {
 public:
  // `fields`: as the user lists them. `account`: see Recorder.
  explicit ProfilingThread(std::optional<HashKey> key, const std::vector<bucket::ListedField>& fields = {},
                           std::shared_ptr<MemoryAccount> account = nullptr);
  // Ends the thread as Close does without waiting.
  ~ProfilingThread();

  // Takes a copy of the body; false when the thread cannot be had, was closed, or has too much before it.
  bool Take(const bucket::BodyEvent& body);
  // Takes all bodies of the list, unless Close came before or there is no thread to be had; then false, and
  // the list is as it was. Both wait for nothing but a place in the queue: who calls bounds the bytes in
  // flight.
  bool Take(std::list<KeptBody>& bodies);
  // Waits, so long at the most, until all that was taken is recorded. False when it was not.
  bool Settle(std::chrono::milliseconds wait_max);
  // Settles, records as not captured what is left, ends the thread after the body that it is at.
  void Close(std::chrono::milliseconds wait_max);

  // Everything recorded since the last call, concealed. Waits for the body that the thread is at.
  bucket::Buckets Drain();
  void SetHashKey(const HashKey& key);

  // Bodies that were taken and recorded since the last call: their owners are the caller's to let go.
  bool has_finished() const { return has_finished_.load(std::memory_order_relaxed); }
  std::list<KeptBody> TakeFinished();

 private:
  using Lock = std::unique_lock<std::mutex>;

  bool IsRunning();
  void Took(size_t bytes);
  bool AnyWait() const { return !copied_.empty() || !kept_.empty(); }
  bool IsDone() const { return !AnyWait() && recording_copied_.empty() && recording_kept_.empty(); }
  void Run();
  void RecordCopied(Lock& lock);
  void RecordKept(Lock& lock);
  void Record(const bucket::BodyEvent& body);
  void Record(const KeptBody& body, bucket::BodyState state);

  std::mutex recorder_mutex_;  // held while a body is recorded
  bucket::Recorder recorder_;

  std::mutex queue_mutex_;  // held for moments only; never together with the other
  std::condition_variable arrived_;
  std::condition_variable settled_;
  CopiedBodies copied_;
  CopiedBodies recording_copied_;
  std::list<KeptBody> kept_;  // bodies move from list to list: nothing is allocated, and so nothing fails
  std::list<KeptBody> recording_kept_;
  std::list<KeptBody> finished_;
  std::atomic<bool> has_finished_ = false;
  size_t waiting_bytes_ = 0;  // in copied_ and kept_
  int settling_ = 0;          // who waits for what waits
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace fieldmark::worker
