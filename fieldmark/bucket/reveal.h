// Reveal: a field whose values may leave the worker as text, as the user lists it.
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

namespace fieldmark::bucket {

struct Reveal {
  std::string subject;  // empty: every one
  std::string path;

  bool operator==(const Reveal&) const = default;
};

// kInvalidArgument where one is spelled otherwise, or there are more than fields have names (Limits): the
// text quotes what was listed, which is no payload value.
Result<std::vector<Reveal>> RevealsOf(const std::vector<std::string>& texts);

// For before the recorder's first request.
void Declare(const std::vector<Reveal>& reveals, Recorder& recorder);

}  // namespace fieldmark::bucket
