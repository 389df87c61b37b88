// WorkerRecorder: what a process records into while it serves. Two recorders, of which one takes what comes
// and the other is at rest: a drain lets them change places and then empties the one at rest, so that whoever
// records waits for the exchange of a pointer, never for summaries to be gathered.
//
// Bodies are profiled on a thread beside, with a recorder of its own. Safe for use by several threads at
// once.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "fieldmark/bucket/listed_fields.h"
#include "fieldmark/bucket/recorder.h"
#include "python/worker/profiling_thread.h"

namespace fieldmark::worker {

// Bytes of the bodies that are kept for the time of their requests, all together.
inline constexpr size_t kHeldBytesMax = 16u << 20;
// A body up to here is copied for the thread that profiles, a larger one is kept until then: copying costs
// less than keeping books, and more than that from some thousand bytes on.
inline constexpr size_t kCopiedBodyBytesMax = 2u << 10;
// A drain waits so long at the most until the bodies of the requests that it takes are profiled.
inline constexpr std::chrono::milliseconds kDrainWaitMax{200};

class WorkerRecorder {
 public:
  // `fields`: as the user lists them. `sample_ratio`: of requests whose bodies are profiled, 0 to 1.
  explicit WorkerRecorder(std::optional<HashKey> key = std::nullopt,
                          const std::vector<bucket::ListedField>& fields = {}, double sample_ratio = 1);
  // In a child of the process that made it everything is left as it is, not even freed: threads of the parent
  // may have been at work on it.
  ~WorkerRecorder();

  // Calls record(bucket::Recorder&), alone. Costs an uncontended lock.
  template <class Function>
  void Record(Function record) {
    const std::lock_guard lock(active_mutex_);
    record(*active_);
  }

  // Records a request. Its captured bodies are profiled beside; where that is not possible, at once. So are
  // those that `kept` holds, of which the event says nothing but their sizes; where that is not possible they
  // count as not captured, and stay in the list.
  void RecordRequest(const bucket::RequestEvent& event, std::list<KeptBody>& kept);
  // Whether the bodies of the next request are to be profiled, at random.
  bool IsSampled();
  // Waits, so long at the most, until the bodies beside are recorded.
  void Settle(std::chrono::milliseconds wait_max) { beside_->Settle(wait_max); }
  // As at the end of a process: settles, counts the rest as not captured, and records nothing beside from now
  // on.
  void Close(std::chrono::milliseconds wait_max) { beside_->Close(wait_max); }
  // Bodies beside that are recorded; what they held is released, their owners are the caller's to let go.
  bool has_finished() const { return beside_->has_finished(); }
  std::list<KeptBody> TakeFinished();
  // Whether another process made it, of which this one is a child.
  bool is_inherited() const;

  // Everything since the last call, concealed, and the key that it was hashed under; of bodies beside, what
  // is profiled after kDrainWaitMax.
  struct Drained {
    bucket::Buckets buckets;
    uint64_t hash_key_id = 0;
  };
  Drained Drain();

  // What was hashed under a former key and is not drained yet loses its hashes.
  void SetHashKey(const HashKey& key);
  uint64_t hash_key_id();

  // Asks for room to keep so many more bytes; false, and nothing changes, when there is none.
  bool Hold(size_t bytes);
  void Release(size_t bytes) { held_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  size_t held_bytes() const { return held_bytes_.load(std::memory_order_relaxed); }

 private:
  // Of an event that is recorded.
  void RecordBody(std::string_view route, std::optional<uint16_t> response_status,
                  const bucket::RequestEvent& event, const bucket::Body& body);
  // Lets the two change places; the one that is at rest now belongs to the caller, who holds idle_mutex_.
  bucket::Recorder& Exchange();

  std::shared_ptr<MemoryAccount> account_;  // of all that record here together
  std::mutex idle_mutex_;                   // taken before the other
  std::unique_ptr<bucket::Recorder> idle_;
  bucket::Buckets undrained_;  // what a change of the key left
  std::mutex active_mutex_;
  std::unique_ptr<bucket::Recorder> active_;
  std::unique_ptr<ProfilingThread> beside_;
  std::atomic<size_t> held_bytes_ = 0;
  const double sample_ratio_;
  std::atomic<uint64_t> asked_for_samples_ = 0;
  const int made_after_forks_;
};

}  // namespace fieldmark::worker
