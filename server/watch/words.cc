#include "server/watch/words.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace fieldmark::watch {
namespace {

struct Civil {
  int64_t year;
  int month, day;
};

// Days since 1970-01-01 to a date of the proleptic Gregorian calendar, counting years from March so that the
// leap day is the last of its year.
Civil CivilOf(int64_t days) {
  constexpr int64_t kDaysIn400Years = 146'097;
  days += 719'468;  // from 0000-03-01
  const int64_t era = (days >= 0 ? days : days - kDaysIn400Years + 1) / kDaysIn400Years;
  const int64_t day_of_era = days - era * kDaysIn400Years;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int day = static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  const int month = static_cast<int>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

template <class... Values>
std::string Format(const char* format, Values... values) {
  std::array<char, 96> text;
  const int size = std::snprintf(text.data(), text.size(), format, values...);
  return std::string(text.data(), size < 0 ? 0 : static_cast<size_t>(size));
}

// Two significant digits, without an exponent.
std::string Short(double value) {
  if (value == 0) return "0";
  const double magnitude = std::abs(value);
  if (magnitude >= 9.95) return Format("%.0f", value);
  if (magnitude >= 0.995) return Format("%.1f", value);
  if (magnitude >= 0.0995) return Format("%.2f", value);
  return Format("%.3f", value);
}

std::string WithoutTrailingZeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

std::string UtcTime(UnixMs time) {
  const int64_t seconds = (time >= 0 ? time : time - 999) / 1000;
  const int64_t days = (seconds >= 0 ? seconds : seconds - 86'399) / 86'400;
  const auto rest = static_cast<int>(seconds - days * 86'400);
  const Civil date = CivilOf(days);
  return Format("%04lld-%02d-%02dT%02d:%02d:%02dZ", static_cast<long long>(date.year), date.month, date.day,
                rest / 3600, rest / 60 % 60, rest % 60);
}

std::string ClockTime(UnixMs time) { return UtcTime(time).substr(11, 5) + " UTC"; }

std::string Duration(int64_t seconds) {
  if (seconds < 60 || (seconds < 120 && seconds % 60 != 0)) return std::to_string(seconds) + " s";
  if (seconds < 7200 && seconds % 3600 != 0) return std::to_string(seconds / 60) + " min";
  if (seconds < 2 * 86'400) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86'400) + " days";
}

std::string Percent(double ratio) { return WithoutTrailingZeros(Short(ratio * 100)) + " %"; }

std::string Milliseconds(double ms) {
  if (ms >= 1000) return WithoutTrailingZeros(Short(ms / 1000)) + " s";
  return WithoutTrailingZeros(Short(ms)) + " ms";
}

std::string PerSecond(double rate) {
  if (rate > 0 && rate < 1) return WithoutTrailingZeros(Short(rate * 60)) + " requests a minute";
  return WithoutTrailingZeros(Short(rate)) + (rate == 1 ? " request a second" : " requests a second");
}

}  // namespace fieldmark::watch
