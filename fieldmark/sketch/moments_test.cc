#include "fieldmark/sketch/moments.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <random>

#include "fieldmark/sketch/formats.h"

namespace fieldmark::sketch {
namespace {

bool IsDateTime(std::string_view text) {
  return (FormatsOf(text) >> static_cast<int>(Format::kDateTime) & 1) != 0;
}

TEST(Moments, OfTexts) {
  const struct {
    const char* text;
    std::optional<UnixMs> moment;
  } cases[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"1970-01-01 00:00:00", 0},
      {"1969-12-31T23:59:59.999Z", -1},
      {"2000-02-29t12:30:45.5z", 951'827'445'500},
      {"2026-11-24T20:15:00+01:00", 1'795'547'700'000},
      {"2026-11-24T14:15:00-05", 1'795'547'700'000},
      {"2026-11-25T00:45:00.123456789+0530", 1'795'547'700'123},
      {"2026-11-24T19:15:00,04Z", 1'795'547'700'040},
      {"0000-01-01T00:00:00Z", -62'167'219'200'000},
      {"9999-12-31T23:59:60Z", 253'402'300'800'000},
      {"2026-11-24T19:15Z", std::nullopt},
      {"2026-11-24 19:15", std::nullopt},
      {"2026-11-24T19:15+00:00", std::nullopt},
  };
  for (const auto& [text, moment] : cases) {
    EXPECT_TRUE(IsDateTime(text)) << text;
    EXPECT_EQ(MomentOfText(text), moment) << text;
  }
}

TEST(Moments, OfTextsAreThoseOfTheCalendar) {
  using namespace std::chrono;
  std::mt19937_64 random(17);
  for (int i = 0; i < 20'000; ++i) {
    const int64_t ms = static_cast<int64_t>(random() % 315'569'520'000'000) - 62'167'219'200'000;
    const auto day = floor<days>(sys_time<milliseconds>(milliseconds(ms)));
    const year_month_day date(day);
    const hh_mm_ss time(sys_time<milliseconds>(milliseconds(ms)) - day);
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                  static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
    ASSERT_TRUE(IsDateTime(text)) << text;
    ASSERT_EQ(MomentOfText(text), ms) << text;
  }
}

TEST(Moments, OfNumbers) {
  for (const uint64_t value : {0ul, 999'999'999ul, 2'000'000'000ul, 999'999'999'999ul, 2'000'000'000'000ul,
                               static_cast<uint64_t>(-1'500'000'000l), UINT64_MAX}) {
    EXPECT_FALSE(IsMoment(value)) << value;
    EXPECT_FALSE(IsMoment(static_cast<double>(static_cast<int64_t>(value)))) << value;
  }
  for (const uint64_t seconds : {1'000'000'000ul, 1'795'547'700ul, 1'999'999'999ul}) {
    EXPECT_TRUE(IsMoment(seconds));
    EXPECT_TRUE(IsMoment(seconds * 1000));
    EXPECT_TRUE(IsMoment(static_cast<double>(seconds)));
    EXPECT_EQ(MomentOf(seconds), static_cast<UnixMs>(seconds * 1000));
    EXPECT_EQ(MomentOf(seconds * 1000), static_cast<UnixMs>(seconds * 1000));
    EXPECT_EQ(MomentOf(static_cast<double>(seconds) + 0.25), static_cast<UnixMs>(seconds * 1000 + 250));
    EXPECT_EQ(MomentOf(static_cast<double>(seconds * 1000)), static_cast<UnixMs>(seconds * 1000));
  }
  for (const double value : {-1.5e9, 0.0, 1e300, 999'999'999.9, 2e9, 2e12})
    EXPECT_FALSE(IsMoment(value)) << value;
}

}  // namespace
}  // namespace fieldmark::sketch
