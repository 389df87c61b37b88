// Time is a number that somebody hands in; the library has no clock of its own.
#pragma once

#include <cstdint>

namespace fieldmark {

using UnixMs = int64_t;  // milliseconds since 1970-01-01T00:00:00Z
using Minute = int64_t;  // whole minutes since then

constexpr int64_t kMsPerMinute = 60'000;

constexpr Minute MinuteOf(UnixMs time) {
  const int64_t quotient = time / kMsPerMinute;
  return time % kMsPerMinute < 0 ? quotient - 1 : quotient;
}

}  // namespace fieldmark
