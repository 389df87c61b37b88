// A moment of a service's past that was looked at as if a change had been made there.
#pragma once

#include <cstdint>
#include <string>

#include "fieldmark/base/time.h"

namespace fieldmark::store {

struct Moment {
  std::string environment;
  std::string service;
  UnixMs at = 0;       // the moment, and
  int64_t look_s = 0;  // for how long after it was looked: one of the two alike are the same moment
  int64_t judged = 0;  // signals that had enough data
  double q_value = 1;  // of what would have been Changed most surely; 1: of nothing

  bool operator==(const Moment&) const = default;
};

// The newest that are kept of one service in one environment; a further one pushes out the oldest.
inline constexpr size_t kMomentsMax = 200;
// As long as five minutes are, which a look at one reads.
inline constexpr Minute kMomentsKept = 15 * 24 * 60;

}  // namespace fieldmark::store
