// Recorded batches (record.py), and what it takes to send them as those of other workers at other times.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fieldmark/bucket/batch.h"

namespace fieldmark::bench {

// Of a file as record.py writes it.
Result<std::vector<bucket::Batch>> ReadRecording(const std::string& path);

// The batch with its last minute moved to `minute`, its hashes said to be of the key of that id.
bucket::Batch Moved(const bucket::Batch& batch, const bucket::Stream& stream, uint64_t hash_key_id,
                    Minute minute);

// A batch in bytes, whose instance and sequence change in place: a sender that stamps spends less on a batch
// than whoever reads it.
class StampedBatch {
 public:
  explicit StampedBatch(const bucket::Batch& batch);

  // The sequence that goes into the batch is `sequence` + 2^21, so that all take the same room. At most 2^27.
  const std::string& Stamp(const bucket::Instance& instance, uint64_t sequence);

 private:
  std::string bytes_;
  size_t instance_at_ = 0;  // the sequence follows
};

}  // namespace fieldmark::bench
