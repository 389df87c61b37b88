#include "fieldmark/base/utc_time.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>

namespace fieldmark {
namespace {

std::optional<int> Digits(std::string_view text, size_t at, size_t count) {
  if (text.size() < at + count) return std::nullopt;
  int number = 0;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + count, number);
  if (error != std::errc() || end != text.data() + at + count || number < 0) return std::nullopt;
  return number;
}

}  // namespace

Result<int64_t> ParseTime(std::string_view text) {
  const Error bad{ErrorCode::kInvalidArgument,
                  "reading a time: expected UTC as in 2026-01-01T00:00:00Z or seconds since 1970"};
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  constexpr int64_t kSecondsMax = 1'000'000'000'000;
  if (!text.empty() && error == std::errc() && end == text.data() + text.size() && seconds >= -kSecondsMax &&
      seconds <= kSecondsMax) {
    return seconds;
  }

  const auto year = Digits(text, 0, 4), month = Digits(text, 5, 2), day = Digits(text, 8, 2),
             hour = Digits(text, 11, 2), minute = Digits(text, 14, 2);
  const bool with_seconds = text.size() == 20;
  const auto second = with_seconds ? Digits(text, 17, 2) : std::optional<int>(0);
  const bool shaped = (text.size() == 17 || (with_seconds && text[16] == ':')) && text.back() == 'Z' &&
                      text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':';
  if (!shaped || !year || !month || !day || !hour || !minute || !second) return bad;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) return bad;
  return std::chrono::sys_days(date).time_since_epoch().count() * int64_t{86'400} + *hour * 3600 +
         *minute * 60 + *second;
}

std::string TimeText(int64_t unix_s) {
  const int64_t day = unix_s / 86'400 - (unix_s % 86'400 < 0 ? 1 : 0);
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  const int64_t of_day = unix_s - day * 86'400;
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(of_day / 3600), static_cast<int>(of_day / 60 % 60),
                static_cast<int>(of_day % 60));
  return text;
}

}  // namespace fieldmark
