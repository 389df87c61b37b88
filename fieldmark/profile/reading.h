// How a field tree is read. Summaries keep counts only; what is missing, and which objects are maps, follows
// from them here, in one place for everybody who shows or compares fields.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
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

// What can be said of the values behind a histogram that was concealed. `whole`: all of them are whole
// numbers, which tells more of where in a bucket they can be.
class Values {
 public:
  Values(const sketch::Histogram& histogram, bool whole);

  // No value is outside of them, and there is one in the outermost bucket's width of either.
  double min() const { return min_; }
  double max() const { return max_; }
  double Quantile(double q) const;

 private:
  const sketch::Histogram& histogram_;
  bool whole_;
  double min_;
  double max_;
};
// Whether a field's numbers are; lengths always are.
inline bool AreWhole(const FieldCounts& counts) { return counts.floats == 0; }

// Whether a field's values name points in time: so many of `values` strings and numbers have an age.
inline bool AreMoments(uint64_t ages, uint64_t values) { return ages > 0 && ages >= values - values / 2; }
inline bool AreMoments(const FieldSummary& field) {
  return AreMoments(field.age_ms.count(), field.counts.strings + field.counts.integers + field.counts.floats);
}

// Quantiles that are shown, by name.
inline constexpr std::pair<const char*, double> kQuantiles[] = {
    {"p01", 0.01}, {"p05", 0.05}, {"p25", 0.25}, {"p50", 0.5}, {"p75", 0.75}, {"p95", 0.95}, {"p99", 0.99}};

// How many different values, as an estimate where `categories` overflowed, but no more than there are values.
uint64_t DistinctOf(const sketch::Categories& categories);

// A value that may be shown, and how often it occurred: exactly, but of a field with more than 64 different
// values only a sample of those is here.
struct RevealedValue {
  std::string text;
  bool is_number = false;
  uint64_t count = 0;
};
// Commonest first. Empty but for fields that are revealed.
std::vector<RevealedValue> RevealedOf(const FieldSummary& field);

}  // namespace fieldmark::profile
