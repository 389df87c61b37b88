#include "bench/ingest/recording.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "fieldmark/base/bytes.h"

namespace fieldmark::bench {
namespace {

constexpr uint64_t kFirstSequence = 1u << 21;  // the least whose varint has four bytes

}  // namespace

Result<std::vector<bucket::Batch>> ReadRecording(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<bucket::Batch> batches;
  ByteReader in(bytes);
  while (in.ok() && !in.done()) {
    Result<bucket::Batch> batch = bucket::DecodeBatch(in.Raw(in.Fixed32()));
    if (!batch.ok()) return batch.error();
    if (!batch->buckets.empty()) batches.push_back(std::move(*batch));
  }
  if (in.ok() && !batches.empty()) return batches;
  return Error{ErrorCode::kNotFound, path + ": no recorded batches; make it with record.py"};
}

bucket::Batch Moved(const bucket::Batch& batch, const bucket::Stream& stream, uint64_t hash_key_id,
                    Minute minute) {
  bucket::Batch moved;
  moved.header = batch.header;
  moved.header.stream = stream;
  moved.header.hash_key_id = hash_key_id;
  moved.header.sequence = kFirstSequence;
  moved.header.sent_at_unix_ms = minute * kMsPerMinute;
  const Minute shift = minute - batch.buckets.rbegin()->first;
  for (const auto& [at, bucket] : batch.buckets) {
    bucket::Bucket& into = moved.buckets[at + shift] = bucket;
    for (auto& [name, subject] : into) {
      if (subject.body && subject.body->AnyHashed()) subject.body->hash_key_id = hash_key_id;
    }
  }
  return moved;
}

StampedBatch::StampedBatch(const bucket::Batch& batch) : bytes_(bucket::EncodeBatch(batch)) {
  const auto& instance = batch.header.instance;
  const auto at = std::search(bytes_.begin(), bytes_.end(), instance.begin(), instance.end(),
                              [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
  instance_at_ = static_cast<size_t>(at - bytes_.begin());
}

const std::string& StampedBatch::Stamp(const bucket::Instance& instance, uint64_t sequence) {
  ByteWriter stamp;
  stamp.Raw({reinterpret_cast<const char*>(instance.data()), instance.size()});
  stamp.Varint(kFirstSequence + sequence);
  bytes_.replace(instance_at_, stamp.size(), stamp.bytes());
  return bytes_;
}

}  // namespace fieldmark::bench
