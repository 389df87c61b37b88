#include "fieldmark/bucket/document_profiler.h"

#include <utility>

#include "fieldmark/base/count.h"

namespace fieldmark::bucket {

DocumentProfiler::DocumentProfiler(const std::optional<HashKey>& key, bool keep_key, const Limits& limits)
    : key_(key), keep_key_(keep_key), reader_(limits), profiler_(limits, key) {}

DocumentProfiler::Outcome DocumentProfiler::Observe(std::string_view body) {
  const json::Document document = reader_.Read(body);
  if (document.malformed != json::Malformed::kNone) {
    CountMalformed(document.malformed);
    return {document.malformed, document.malformed_at};
  }
  ++body_.documents;
  profiler_.Observe(document);
  return {};
}

void DocumentProfiler::CountMalformed(json::Malformed kind) {
  uint64_t& count = body_.malformed[static_cast<size_t>(kind)];
  count = AddSaturating(count, 1);
}

SavedProfile DocumentProfiler::Take() {
  SavedProfile profile;
  profile.body = std::exchange(body_, {});
  profile.body.fields = profiler_.Take();
  for (auto& [path, field] : profile.body.fields) field.Conceal();
  if (key_) profile.hash_key_id = key_->Id();
  if (keep_key_) profile.hash_key = key_;
  profile.Normalize();
  return profile;
}

}  // namespace fieldmark::bucket
