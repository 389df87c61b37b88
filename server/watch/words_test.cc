#include "server/watch/words.h"

#include <gtest/gtest.h>

#include <utility>

namespace fieldmark::watch {
namespace {

TEST(WordsTest, WriteTimesInUtc) {
  for (const auto& [ms, text] : {std::pair<UnixMs, const char*>{0, "1970-01-01T00:00:00Z"},
                                 {-1, "1969-12-31T23:59:59Z"},
                                 {951'782'400'000, "2000-02-29T00:00:00Z"},
                                 {1'709'251'199'999, "2024-02-29T23:59:59Z"},
                                 {4'107'542'400'000, "2100-03-01T00:00:00Z"}}) {
    EXPECT_EQ(UtcTime(ms), text);
  }
  EXPECT_EQ(ClockTime(50'521'000), "14:02 UTC");
}

TEST(WordsTest, WriteDurations) {
  for (const auto& [seconds, text] : {std::pair<int64_t, const char*>{0, "0 s"},
                                      {1, "1 s"},
                                      {60, "1 min"},
                                      {90, "90 s"},
                                      {900, "15 min"},
                                      {3600, "1 h"},
                                      {5400, "90 min"},
                                      {14'400, "4 h"},
                                      {86'400, "24 h"},
                                      {259'200, "3 days"}}) {
    EXPECT_EQ(Duration(seconds), text);
  }
}

TEST(WordsTest, WriteSharesAndMilliseconds) {
  for (const auto& [ratio, text] : {std::pair<double, const char*>{0, "0 %"},
                                    {0.0002, "0.02 %"},
                                    {0.012, "1.2 %"},
                                    {0.01, "1 %"},
                                    {0.38, "38 %"},
                                    {1, "100 %"}}) {
    EXPECT_EQ(Percent(ratio), text);
  }
  for (const auto& [ms, text] :
       {std::pair<double, const char*>{0.42, "0.42 ms"}, {12.3, "12 ms"}, {1800, "1.8 s"}}) {
    EXPECT_EQ(Milliseconds(ms), text);
  }
  EXPECT_EQ(PerSecond(24.2), "24 requests a second");
  EXPECT_EQ(PerSecond(0.5), "30 requests a minute");
}

}  // namespace
}  // namespace fieldmark::watch
