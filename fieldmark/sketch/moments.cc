#include "fieldmark/sketch/moments.h"

#include <array>

namespace fieldmark::sketch {
namespace {

int TwoDigits(std::string_view text, size_t at) { return 10 * (text[at] - '0') + (text[at + 1] - '0'); }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Days since 1970-01-01 of the Gregorian calendar. Years begin in March, so that a leap day is their last. Of
// unsigned numbers, which divide in fewer steps: years count from 400 before year 0, a whole cycle of 146 097
// days.
int64_t DaysOf(uint32_t year, uint32_t month, uint32_t day) {
  constexpr int64_t kDaysToEpoch = 719'468 + 146'097;
  static constexpr std::array<uint32_t, 13> kDaysBefore = {0,   306, 337, 0,   31,  61, 92,
                                                           122, 153, 184, 214, 245, 275};
  const uint32_t years = year + 400 - (month <= 2 ? 1 : 0);
  const uint32_t days = 365 * years + years / 4 - years / 100 + years / 400 + kDaysBefore[month] + day - 1;
  return int64_t{days} - kDaysToEpoch;
}

// Milliseconds of ".123456", and how many bytes they took.
int64_t TakeFraction(std::string_view& rest) {
  if (rest.empty() || (rest[0] != '.' && rest[0] != ',')) return 0;
  constexpr size_t kPlaces = 3;
  int64_t milliseconds = 0;
  size_t digits = 0;
  for (; digits + 1 < rest.size() && IsDigit(rest[digits + 1]); ++digits) {
    if (digits < kPlaces) milliseconds = 10 * milliseconds + (rest[digits + 1] - '0');
  }
  rest.remove_prefix(digits + 1);
  for (; digits < kPlaces; ++digits) milliseconds *= 10;
  return milliseconds;
}

int64_t OffsetMinutes(std::string_view zone) {
  if (zone.size() < 3) return 0;
  const size_t minutes = zone.size() > 3 && zone[3] == ':' ? 4 : 3;
  const int64_t offset =
      60 * TwoDigits(zone, 1) + (zone.size() >= minutes + 2 ? TwoDigits(zone, minutes) : 0);
  return zone[0] == '-' ? -offset : offset;
}

}  // namespace

std::optional<UnixMs> MomentOfText(std::string_view text) {
  constexpr size_t kWithoutSeconds = 16;
  if (text.size() < kWithoutSeconds + 3 || text[kWithoutSeconds] != ':') return std::nullopt;
  const int64_t days =
      DaysOf(100 * TwoDigits(text, 0) + TwoDigits(text, 2), TwoDigits(text, 5), TwoDigits(text, 8));
  const int64_t seconds = 3600 * TwoDigits(text, 11) + 60 * TwoDigits(text, 14) + TwoDigits(text, 17);
  std::string_view rest = text.substr(kWithoutSeconds + 3);
  const int64_t milliseconds = TakeFraction(rest);
  return 1000 * (86'400 * days + seconds - 60 * OffsetMinutes(rest)) + milliseconds;
}

}  // namespace fieldmark::sketch
