// DocumentProfiler: documents in, one after the other; a SavedProfile out. What `fieldmark profile` and
// fieldmark.Profile are made of.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/bucket/saved_profile.h"
#include "fieldmark/json/document.h"
#include "fieldmark/profile/profiler.h"

namespace fieldmark::bucket {

// Files are wider than requests, and one at a time may take more memory.
inline constexpr Limits kDocumentLimits = {
    .fields_max = 2048, .names_max = 1024, .body_bytes_max = 16u << 20};

// For `fields` like customer.country (profile/path.h), whose values may appear. kInvalidArgument, quoting the
// field, where one is spelled otherwise or has no room.
Result<std::shared_ptr<const profile::Declarations>> RevealedDocuments(
    const std::vector<std::string>& fields);

// Allocates nothing for a document of a known shape. Memory is bounded by the limits: about 16 bytes a byte
// of the largest document, and the fields' summaries. Not safe for use by several threads at once.
class DocumentProfiler {
 public:
  // Without a key nothing is hashed. `keep_key`: whether the profile carries it.
  // `declarations`: of fields whose values may appear, made for the same limits; null: of none.
  explicit DocumentProfiler(const std::optional<HashKey>& key, bool keep_key = false,
                            std::shared_ptr<const profile::Declarations> declarations = nullptr,
                            const Limits& limits = kDocumentLimits);

  struct Outcome {
    json::Malformed malformed = json::Malformed::kNone;
    uint64_t at = 0;  // byte of the document where reading ended, when malformed
  };
  // A document that is none is counted by kind and touches no field. `observed_at`: when it is read, which
  // tells the age of values that name a time.
  Outcome Observe(std::string_view body, std::optional<UnixMs> observed_at = std::nullopt);
  void CountMalformed(json::Malformed kind);

  // Everything since the last Take, concealed but for what is revealed. Names are kept.
  SavedProfile Take();

 private:
  std::optional<HashKey> key_;
  bool keep_key_;
  json::Reader reader_;
  profile::Profiler profiler_;
  BodySummary body_;
};

}  // namespace fieldmark::bucket
