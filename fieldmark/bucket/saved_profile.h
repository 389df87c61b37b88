// SavedProfile: documents profiled outside a service, as a file that merges with others. FORMAT.md has its
// bytes. A commutative monoid under Merge, with SavedProfile{} as its zero.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fieldmark/base/hash.h"
#include "fieldmark/base/result.h"
#include "fieldmark/bucket/summary.h"

namespace fieldmark::bucket {

inline constexpr uint16_t kProfileFormatVersion = kSubjectVersion;  // of its subject too
inline constexpr std::string_view kProfileMagic = "FMPF";
inline constexpr size_t kProfileBytesMax = 32u << 20;  // decoded

// Invariants (kept by Merge, checked by DecodeProfile):
//  1. hash_key_id is 0 if and only if nothing hashed is inside; without fields it is 0.
//  2. hash_key is there only when the file itself must make its hashes comparable, and then names
//     hash_key_id. Who holds the file can then test guesses of values; without the key nobody can.
struct SavedProfile {
  uint64_t hash_key_id = 0;
  std::optional<HashKey> hash_key;
  BodySummary body;

  // Of profiles hashed under different keys, or one without any, the hashed family is dropped and false is
  // returned: their hashes do not compare.
  bool Merge(const SavedProfile& other);
  // Enforces the invariants after `body` was filled by hand.
  void Normalize();
  bool operator==(const SavedProfile&) const = default;
};

// kTooLarge when it takes more than kProfileBytesMax unpacked.
Result<std::string> EncodeProfile(const SavedProfile& profile);
// kInvalidArgument when the bytes begin otherwise, kUnsupported for another format version, kTooLarge over
// `decoded_bytes_max`, else kDataLoss. Uses at most 16 × decoded_bytes_max of memory.
Result<SavedProfile> DecodeProfile(std::string_view bytes, size_t decoded_bytes_max = kProfileBytesMax);

}  // namespace fieldmark::bucket
