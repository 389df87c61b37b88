// Batch: what a worker sends. FORMAT.md has its bytes.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "fieldmark/base/result.h"
#include "fieldmark/base/time.h"
#include "fieldmark/bucket/summary.h"

namespace fieldmark::bucket {

// A batch of version n holds subjects of version n. A server reads its own and the two before, a worker
// writes the newest that the server reads.
inline constexpr uint16_t kFormatVersion = kSubjectVersion;
inline constexpr uint16_t kFormatVersionMin = kSubjectVersionMin;  // that is read and written

// The key of everything stored.
struct Stream {
  std::string environment;
  std::string service;
  std::string version;

  auto operator<=>(const Stream&) const = default;
};

// One worker process: random bits, so that it needs no coordination.
using Instance = std::array<uint8_t, 16>;

enum class Source : uint8_t { kLive = 0, kReplay = 1 };

struct BatchHeader {
  Stream stream;
  Instance instance{};
  uint64_t sequence = 0;  // from 1, in steps of 1; one (instance, sequence) is applied at most once
  UnixMs sent_at_unix_ms = 0;
  Source source = Source::kLive;
  uint64_t hash_key_id = 0;  // 0: no hashed summaries inside
  std::string host;          // labels of the instance
  uint64_t pid = 0;
  UnixMs started_unix_ms = 0;
  std::string sdk;  // "python 0.1.0"

  bool operator==(const BatchHeader&) const = default;
};

struct Batch {
  BatchHeader header;
  Buckets buckets;

  bool operator==(const Batch&) const = default;
};

inline constexpr size_t kBatchBytesMax = 8u << 20;  // decoded

// Magic, version, then zstd of the sections.
std::string EncodeBatch(const Batch& batch, uint16_t version = kFormatVersion);
// kUnsupported for another format version, kTooLarge for more than `decoded_bytes_max` after decompression,
// else kDataLoss or kInvalidArgument. Uses at most 16 × decoded_bytes_max of memory.
Result<Batch> DecodeBatch(std::string_view bytes, size_t decoded_bytes_max = kBatchBytesMax);

// What a reader asks for of a batch. Other subjects and families are passed over; other fields are checked
// like all the rest, and then let go.
struct BatchFilter {
  std::function<bool(std::string_view subject)> subject;
  std::function<bool(profile::Family family)> family;
  FieldFilter field = {};
};
// The same of the subjects, families and fields that `filter` wants. A subject without any may be there,
// empty.
Result<Batch> DecodeBatch(std::string_view bytes, const BatchFilter& filter,
                          size_t decoded_bytes_max = kBatchBytesMax);

// The bytes of several families, subjects and minutes are never needed apart from their header on the way in:
// header alone, without decompressing the rest.
Result<BatchHeader> DecodeBatchHeader(std::string_view bytes);

}  // namespace fieldmark::bucket
