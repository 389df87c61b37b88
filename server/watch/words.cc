#include "server/watch/words.h"

#include <array>
#include <cmath>
#include <cstdio>

#include "fieldmark/base/utc_time.h"

namespace fieldmark::watch {
namespace {

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

std::string UtcTime(UnixMs time) { return TimeText(time / 1000 - (time % 1000 < 0 ? 1 : 0)); }

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
