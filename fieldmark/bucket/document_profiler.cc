#include "fieldmark/bucket/document_profiler.h"

#include <utility>

#include "fieldmark/base/count.h"

namespace fieldmark::bucket {

Result<std::shared_ptr<const profile::Declarations>> RevealedDocuments(
    const std::vector<std::string>& fields) {
  auto declarations = std::make_shared<profile::Declarations>(kDocumentLimits);
  for (const std::string& field : fields) {
    if (!declarations->Add(field, profile::FieldKind::kRevealed)) {
      return Error{ErrorCode::kInvalidArgument, "'" + field +
                                                    "' names no field of a document, or there is no room for "
                                                    "it; write it like customer.country or items[].price"};
    }
  }
  return std::shared_ptr<const profile::Declarations>(std::move(declarations));
}

DocumentProfiler::DocumentProfiler(const std::optional<HashKey>& key, bool keep_key,
                                   std::shared_ptr<const profile::Declarations> declarations,
                                   const Limits& limits)
    : key_(key), keep_key_(keep_key), reader_(limits), profiler_(limits, key, std::move(declarations)) {}

DocumentProfiler::Outcome DocumentProfiler::Observe(std::string_view body,
                                                    std::optional<UnixMs> observed_at) {
  const json::Document document = reader_.Read(body);
  if (document.malformed != json::Malformed::kNone) {
    CountMalformed(document.malformed);
    return {document.malformed, document.malformed_at};
  }
  ++body_.documents;
  profiler_.Observe(document, 1, observed_at);
  return {};
}

void DocumentProfiler::CountMalformed(json::Malformed kind) {
  uint64_t& count = body_.malformed[static_cast<size_t>(kind)];
  count = AddSaturating(count, 1);
}

SavedProfile DocumentProfiler::Take() {
  SavedProfile profile;
  profile.body = std::exchange(body_, {});
  profile.body.fields = profiler_.TakeConcealed();
  if (key_) profile.hash_key_id = key_->Id();
  if (keep_key_) profile.hash_key = key_;
  profile.Normalize();
  return profile;
}

}  // namespace fieldmark::bucket
