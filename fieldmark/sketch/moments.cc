#include "fieldmark/sketch/moments.h"

#include <algorithm>

namespace fieldmark::sketch {
namespace {

int64_t TwoDigits(std::string_view text, size_t at) { return 10 * (text[at] - '0') + (text[at + 1] - '0'); }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Days since 1970-01-01 of the Gregorian calendar. Years begin in March, so that a leap day is their last:
// 153 days are five months from March on, and 146 097 are 400 years.
int64_t DaysOf(int64_t year, int64_t month, int64_t day) {
  constexpr int64_t kDaysToEpoch = 719'468;  // from 0000-03-01
  if (month <= 2) {
    --year;
    month += 12;
  }
  const int64_t era = (year < 0 ? year - 399 : year) / 400;
  const int64_t of_era = year - 400 * era;
  const int64_t of_year = (153 * (month - 3) + 2) / 5 + day - 1;
  return 146'097 * era + 365 * of_era + of_era / 4 - of_era / 100 + of_year - kDaysToEpoch;
}

// Milliseconds of ".123456", and how many bytes they took.
int64_t TakeFraction(std::string_view& rest) {
  if (rest.empty() || (rest[0] != '.' && rest[0] != ',')) return 0;
  rest.remove_prefix(1);
  int64_t milliseconds = 0;
  int64_t place = 100;
  while (!rest.empty() && IsDigit(rest[0])) {
    milliseconds += place * (rest[0] - '0');
    place /= 10;
    rest.remove_prefix(1);
  }
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
