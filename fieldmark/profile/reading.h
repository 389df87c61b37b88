// How a field tree is read. Summaries keep counts only; what is missing, and which objects are maps, follows
// from them here, in one place for everybody who shows or compares fields.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/profile/field.h"

namespace fieldmark::profile {

// Of `objects` that could have held a member, between `min` and `max` did not. They differ where some objects
// held a key without a name of its own, which may have been this one.
struct Missing {
  uint64_t objects = 0;
  uint64_t min = 0;
  uint64_t max = 0;

  bool operator==(const Missing&) const = default;
};
Missing MissingOf(const FieldCounts& member, const FieldCounts& parent);
// The same of the field at `path`; nothing is ever missing from a document's own path, from an array's items
// and from what has no name. A parent that is not there holds no objects.
Missing MissingOf(const Fields& fields, std::string_view path);
// Whether a field can be missing at all: whether it is a member with a name.
bool IsMember(std::string_view path);

// An object with more names than this, none of them in half of the objects, is a map: its keys are data. The
// number is that of DESIGN §1.
inline constexpr size_t kMapNamesMin = 64;

// The objects that are maps, outermost first, each by its path once those before it are folded: the maps in a
// map's values are "prices.{}". For a comparison call it once, with both sides merged, and fold both by it.
std::vector<std::string> MapsOf(const Fields& fields);
// Moves the named members of each of `maps`, and all below them, into its residual child. `folded` and
// `documents` then are what they can be at the most: summaries do not say which names came together.
Fields WithMapsFolded(const Fields& fields, const std::vector<std::string>& maps);

}  // namespace fieldmark::profile
