// Outbox: the worker's side of exactly once (DESIGN §6). One pending set of buckets that merges, at most one
// frozen batch whose bytes never change until the server has given a definitive answer. Pure: whoever owns it
// does the sending. Not safe for use by several threads at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fieldmark/bucket/batch.h"

namespace fieldmark::bucket {

struct OutboxOptions {
  size_t pending_bytes_max =
      4u << 20;  // memory of the backlog, from where on it coarsens; 4 MiB: days of a busy worker
  size_t frozen_bytes_max = 1u << 20;  // of a batch, packed; only what cannot be divided is larger
  size_t minutes_max = SIZE_MAX;       // in one batch
  // Memory of a batch, and of a backlog of days, from where on it lets summaries go: hostile data's alone.
  size_t memory_bytes_max = 6u << 20;
};

class Outbox {
 public:
  // `identity` gives every batch its stream, instance and labels; its sequence, times and key are filled in
  // here.
  explicit Outbox(BatchHeader identity, const OutboxOptions& options = {});

  // Merges what was recorded. Beyond `pending_bytes_max` the backlog coarsens: minutes become five minutes,
  // hours, days (recorded under the first minute of the stretch); if that is not enough, beyond
  // `memory_bytes_max`, hashed summaries and then distributions of fields are let go, their values counted in
  // `limited`, and at last names of fields, as if there had been no room for them. No count is dropped.
  // Hashed summaries compare under one key only: when the key changes, those waiting under the former one are
  // let go.
  void Add(Buckets buckets, uint64_t hash_key_id);

  // The format version of batches frozen from now on: the newest of this build's that the server reads.
  void SetFormat(uint16_t version);

  // The bytes to send: the frozen batch again, or a new one frozen from pending. None when there is nothing
  // to say.
  struct Frozen {
    uint64_t sequence;
    const std::string& bytes;
  };
  std::optional<Frozen> Freeze(UnixMs now);

  // What the server answered to the frozen batch; 0 when no answer came (time-out, connection lost).
  //   2xx                    applied, or a duplicate: dropped
  //   400, 413, 415, 422     not applied: thawed into pending when every earlier attempt was answered, else
  //                          dropped and counted as uncertain
  //   401, 403, 404, 429     not applied: kept, to be sent again byte for byte
  //   anything else          kept likewise; it leaves open whether the batch was applied, as no answer does
  // A sequence names one content: what was thawed is sent under a new one. What is refused again and again is
  // sent in ever smaller batches, until the one thing that the server will not take is alone; that is set
  // aside, and everything else arrives.
  void Answer(int http_status);

  bool empty() const { return pending_.empty() && !frozen_; }
  // Batches that are gone: after an attempt without an answer, a refusal; or set aside. Each also leaves word
  // of it in the next batch, as events of the service: "uncertain batch", "refused batch", and how many
  // requests, documents and runs were in it, "uncertain record", "refused record".
  uint64_t uncertain_batches() const { return uncertain_batches_; }
  uint64_t refused_batches() const { return refused_batches_; }
  uint64_t rejected_batches() const { return rejected_batches_; }  // thawed ones too
  size_t pending_minutes() const { return pending_.size(); }

 private:
  void MergePending(Buckets buckets, uint64_t hash_key_id);
  void CoarsenPending();
  void Reject(bool too_large);
  void Lose(std::string_view how);
  void DropFrozen();

  BatchHeader identity_;
  OutboxOptions options_;
  Buckets pending_;
  uint64_t pending_key_id_ = 0;
  uint16_t format_ = kFormatVersion;
  uint64_t next_sequence_ = 1;
  std::optional<Batch> frozen_;
  std::string frozen_bytes_;
  bool earlier_attempt_unanswered_ = false;
  size_t frozen_memory_ = 0;            // what the frozen buckets take
  size_t batch_memory_max_ = SIZE_MAX;  // what the next ones may; halved by refusals, grows again
  size_t refusals_ = 0;                 // since all that was pending had been taken, 413 aside
  uint64_t uncertain_batches_ = 0;
  uint64_t refused_batches_ = 0;
  uint64_t rejected_batches_ = 0;
};

}  // namespace fieldmark::bucket
