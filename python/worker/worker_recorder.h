// WorkerRecorder: what a process records into while it serves. Two recorders, of which one takes what comes
// and the other is at rest: a drain lets them change places and then empties the one at rest, so that whoever
// records waits for the exchange of a pointer, never for summaries to be gathered.
//
// Each of the two has its own names (see profile/profiler.h): where there are more keys than may have one,
// they may differ in which do. Safe for use by several threads at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "fieldmark/bucket/recorder.h"

namespace fieldmark::worker {

// Bytes of the bodies that are kept for the time of their requests, all together.
inline constexpr size_t kHeldBytesMax = 16u << 20;

class WorkerRecorder {
 public:
  explicit WorkerRecorder(std::optional<HashKey> key = std::nullopt);

  // Calls record(bucket::Recorder&), alone. Costs an uncontended lock.
  template <class Function>
  void Record(Function record) {
    const std::lock_guard lock(active_mutex_);
    record(*active_);
  }

  // Everything since the last call, concealed, and the key that it was hashed under.
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
  // Lets the two change places; the one that is at rest now belongs to the caller, who holds idle_mutex_.
  bucket::Recorder& Exchange();

  std::mutex idle_mutex_;  // taken before the other
  std::unique_ptr<bucket::Recorder> idle_;
  bucket::Buckets undrained_;  // what a change of the key left
  std::mutex active_mutex_;
  std::unique_ptr<bucket::Recorder> active_;
  std::atomic<size_t> held_bytes_ = 0;
};

}  // namespace fieldmark::worker
