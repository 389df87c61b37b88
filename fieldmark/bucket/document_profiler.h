// DocumentProfiler: documents in, one after the other; a SavedProfile out. What `fieldmark profile` and
// fieldmark.Profile are made of.
#pragma once

#include <optional>
#include <string_view>

#include "fieldmark/bucket/saved_profile.h"
#include "fieldmark/json/document.h"
#include "fieldmark/profile/profiler.h"

namespace fieldmark::bucket {

// Files are wider than requests, and one at a time may take more memory.
inline constexpr Limits kDocumentLimits = {
    .fields_max = 2048, .names_max = 1024, .body_bytes_max = 16u << 20};

// Allocates nothing for a document of a known shape. Memory is bounded by the limits: about 16 bytes a byte
// of the largest document, and the fields' summaries. Not safe for use by several threads at once.
class DocumentProfiler {
 public:
  // Without a key nothing is hashed. `keep_key`: whether the profile carries it.
  explicit DocumentProfiler(const std::optional<HashKey>& key, bool keep_key = false,
                            const Limits& limits = kDocumentLimits);

  struct Outcome {
    json::Malformed malformed = json::Malformed::kNone;
    uint64_t at = 0;  // byte of the document where reading ended, when malformed
  };
  // A document that is none is counted by kind and touches no field.
  Outcome Observe(std::string_view body);
  void CountMalformed(json::Malformed kind);

  // Everything since the last Take, concealed. Names are kept.
  SavedProfile Take();

 private:
  std::optional<HashKey> key_;
  bool keep_key_;
  json::Reader reader_;
  profile::Profiler profiler_;
  BodySummary body_;
};

}  // namespace fieldmark::bucket
