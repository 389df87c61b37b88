// Fields as a user lists them: those whose values may leave the worker as text, and those that are never
// recorded.
//
// One spelling, that of a finding: a field's path (profile/path.h), which means the field in every subject,
// or the name of a subject with bodies, a blank and the path:
//
//   customer.country
//   POST /orders request customer.country
//   GET /orders/{id} response 2xx items[].currency
#pragma once

#include <string>
#include <vector>

#include "fieldmark/base/result.h"
#include "fieldmark/bucket/recorder.h"
#include "fieldmark/profile/declarations.h"

namespace fieldmark::bucket {

struct ListedField {
  std::string subject;  // empty: every one
  std::string path;
  profile::FieldKind kind = profile::FieldKind::kRevealed;  // or kDropped

  bool operator==(const ListedField&) const = default;
};

// kInvalidArgument where one is spelled otherwise, or there are more than fields have names (Limits): the
// text quotes what was listed, which is no payload value.
Result<std::vector<ListedField>> ListedFieldsOf(const std::vector<std::string>& revealed,
                                                const std::vector<std::string>& dropped = {});

// For before the recorder's first request.
void Declare(const std::vector<ListedField>& fields, Recorder& recorder);

}  // namespace fieldmark::bucket
