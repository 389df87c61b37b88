// Validation errors: what an answer to an invalid request says was wrong with it, as FastAPI writes it and
// others do after it:
//
//   {"detail": [{"loc": ["body", "items", 0, "price"], "type": "missing", "msg": …, "input": …}]}
//
// Only where it was wrong and by which rule is read, never what was there: neither the message nor the input.
#pragma once

#include <set>
#include <string_view>

#include "fieldmark/bucket/summary.h"
#include "fieldmark/json/document.h"

namespace fieldmark::bucket {

// Whether it is worth reading: false for whatever has no validation errors. One pass over the bytes.
bool MayHoldValidationErrors(std::string_view body);

// Each once, however often the document says it; none where it is something else. Positions in lists are
// `[]`. Keys that the client made up are `{}`: those shaped like identifiers, those that are wrong
// themselves, those that the model forbids. A type that is spelled like none is "(other)", and so is a
// location deeper than documents are read.
std::set<ViolationName> ValidationErrorsIn(const json::Document& document);

}  // namespace fieldmark::bucket
