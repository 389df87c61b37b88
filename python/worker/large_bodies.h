// LargeBodies: profiles what would hold up a serving thread, on one thread of its own with a recorder of its
// own. The thread starts with the first body. Safe for use by several threads at once.
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

#include "fieldmark/bucket/recorder.h"
#include "fieldmark/bucket/reveal.h"

namespace fieldmark::worker {

struct LargeBody {
  std::string route{};                        // as the recorder names it
  std::optional<uint16_t> response_status{};  // none: it is the request's
  UnixMs ended_unix_ms = 0;
  uint64_t wire_bytes = 0;
  // The content: pieces, whose memory belongs to their owners, or `joined`.
  std::vector<std::string_view> pieces{};
  std::string joined{};
  std::vector<void*> owners{};
  size_t held_bytes = 0;
};

class LargeBodies {
 public:
  // `reveals`: the fields whose values may leave. `account`: see Recorder.
  explicit LargeBodies(std::optional<HashKey> key, const std::vector<bucket::Reveal>& reveals = {},
                       std::shared_ptr<MemoryAccount> account = nullptr);
  // Ends the thread as Close does without waiting.
  ~LargeBodies();

  // Takes all bodies of the list, unless Close came before or there is no thread to be had; then false, and
  // the list is as it was. Waits for nothing but a place in the queue: who calls bounds the bytes in flight.
  bool Take(std::list<LargeBody>& bodies);
  // Waits, so long at the most, until all that was taken is recorded. False when it was not.
  bool Settle(std::chrono::milliseconds wait_max);
  // Settles, records as not captured what is left, ends the thread after the body that it is at.
  void Close(std::chrono::milliseconds wait_max);

  // Everything since the last call, concealed. Waits for the body that the thread is at.
  bucket::Buckets Drain();
  void SetHashKey(const HashKey& key);

  // Bodies that were taken and recorded since the last call: their owners are the caller's to let go.
  bool has_finished() const { return has_finished_.load(std::memory_order_relaxed); }
  std::list<LargeBody> TakeFinished();

 private:
  void Run();
  void RecordWhole(const LargeBody& body);
  void RecordLost(const LargeBody& body);
  void Record(const LargeBody& body, bucket::BodyState state);

  std::mutex recorder_mutex_;  // held while a body is recorded
  bucket::Recorder recorder_;

  std::mutex queue_mutex_;  // held for moments only; never together with the other
  std::condition_variable arrived_;
  std::condition_variable settled_;
  std::list<LargeBody> queue_;  // bodies move from list to list: nothing is allocated, and so nothing fails
  std::list<LargeBody> recording_;
  std::list<LargeBody> finished_;
  std::atomic<bool> has_finished_ = false;
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace fieldmark::worker
