// Outbox: the worker's side of exactly once (DESIGN §6). One pending set of buckets that merges, at most one frozen
// batch whose bytes never change until the server has given a definitive answer.
// Pure: whoever owns it does the sending. Not safe for use by several threads at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "fieldmark/bucket/batch.h"

namespace fieldmark::bucket {

class Outbox {
 public:
  // `identity` gives every batch its stream, instance and labels; its sequence, times and key are filled in here.
  explicit Outbox(BatchHeader identity);

  // Merges what was recorded. Beyond `pending_bytes_max` the backlog coarsens: minutes become five minutes, hours, days
  // (recorded under the first minute of the stretch); no count is dropped.
  void Add(const Buckets& buckets, uint64_t hash_key_id);

  // The bytes to send: the frozen batch again, or a new one frozen from pending. None when there is nothing to say.
  struct Frozen {
    uint64_t sequence;
    const std::string& bytes;
  };
  std::optional<Frozen> Freeze(UnixMs now);

  // What the server answered to the frozen batch; 0 when no answer came (time-out, connection lost).
  //   2xx                    applied, or a duplicate: dropped
  //   400, 413, 415, 422     not applied: thawed into pending when every earlier attempt was answered (413 halves what
  //                          the next batch may hold), else dropped and counted as uncertain
  //   anything else          kept, to be sent again byte for byte
  void Answer(int http_status);

  bool empty() const;  // nothing pending, nothing frozen
  uint64_t uncertain_batches() const;
  uint64_t rejected_batches() const;
  size_t pending_minutes() const;

 private:
  BatchHeader identity_;
  Buckets pending_;
  uint64_t pending_key_id_ = 0;
  uint64_t next_sequence_ = 1;
  std::optional<Batch> frozen_;
  std::string frozen_bytes_;
  bool earlier_attempt_unanswered_ = false;
  size_t minutes_max_ = SIZE_MAX;  // in one batch; halved by 413
  uint64_t uncertain_batches_ = 0;
  uint64_t rejected_batches_ = 0;
};

}  // namespace fieldmark::bucket
