#include "fieldmark/json/numbers.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace fieldmark::json {
namespace {

// Whether a number whose double is out of range is so because it is too large: the decimal exponent of its
// first digit that is not zero. Out-of-range numbers are hundreds of digits away from 1, so its sign decides.
bool IsHuge(std::string_view text) {
  const size_t mark = std::min(text.find_first_of("eE"), text.size());
  int64_t exponent = 0;
  if (mark != text.size()) {
    const size_t digits = mark + 1 + (text[mark + 1] == '+' ? 1 : 0);
    const auto [end, error] = std::from_chars(text.data() + digits, text.data() + text.size(), exponent);
    if (error != std::errc()) return text[mark + 1] != '-';
  }
  const std::string_view mantissa = text.substr(0, mark);
  const size_t point = std::min(mantissa.find('.'), mantissa.size());
  const size_t first = mantissa.find_first_of("123456789");
  const int64_t position = static_cast<int64_t>(point) - static_cast<int64_t>(first);
  // Saturating: an exponent near the ends of int64 decides alone.
  return std::clamp<int64_t>(exponent, INT64_MIN / 2, INT64_MAX / 2) + position > 0;
}

}  // namespace

std::optional<double> DoubleOf(std::string_view number) {
  double value = 0;
  const auto result = std::from_chars(number.data(), number.data() + number.size(), value);
  if (result.ec != std::errc::result_out_of_range) return value;
  if (IsHuge(number)) return std::nullopt;
  return number[0] == '-' ? -0.0 : 0.0;
}

}  // namespace fieldmark::json
