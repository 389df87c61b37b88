// Moments: values that name a point in time, so that it can be told how old they are.
//
//   text    a date-time of Format::kDateTime that has seconds; without a zone it is taken as UTC, and what it
//           has beyond milliseconds is cut off
//   number  seconds since 1970 from 1e9 to below 2e9 (September 2001 to May 2033), or milliseconds from 1e12
//   to
//           below 2e12. Others are quantities, or identifiers; so may these be, which a field's share of them
//           tells.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

#include "fieldmark/base/time.h"

namespace fieldmark::sketch {

// Of a text that has Format::kDateTime.
std::optional<UnixMs> MomentOfText(std::string_view date_time);

// Whether the number is one, by its bits: cheap enough to ask of every number.
inline bool IsMoment(uint64_t value) {
  constexpr uint64_t kSeconds = 1'000'000'000, kMilliseconds = 1'000'000'000'000;
  return value - kSeconds < kSeconds || value - kMilliseconds < kMilliseconds;
}
inline bool IsMoment(double value) {
  constexpr auto kSeconds = std::bit_cast<uint64_t>(1e9), kSecondsEnd = std::bit_cast<uint64_t>(2e9);
  constexpr auto kMilliseconds = std::bit_cast<uint64_t>(1e12),
                 kMillisecondsEnd = std::bit_cast<uint64_t>(2e12);
  // Doubles that are not negative stand in the order of their bits.
  const auto bits = std::bit_cast<uint64_t>(value);
  return bits - kSeconds < kSecondsEnd - kSeconds || bits - kMilliseconds < kMillisecondsEnd - kMilliseconds;
}

// Of a number that is one.
inline UnixMs MomentOf(uint64_t value) {
  constexpr uint64_t kMilliseconds = 1'000'000'000'000;
  return static_cast<UnixMs>(value < kMilliseconds ? value * 1000 : value);
}
inline UnixMs MomentOf(double value) { return static_cast<UnixMs>(value < 1e12 ? value * 1000 : value); }

}  // namespace fieldmark::sketch
