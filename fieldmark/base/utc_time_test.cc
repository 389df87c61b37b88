#include "fieldmark/base/utc_time.h"

#include <gtest/gtest.h>

namespace fieldmark {
namespace {

TEST(UtcTimeTest, ReadsWhatItWrites) {
  for (const int64_t time :
       {int64_t{0}, int64_t{951'782'400}, int64_t{1'770'033'600}, int64_t{-1}, int64_t{253'402'300'799}})
    EXPECT_EQ(*ParseTime(TimeText(time)), time);
  EXPECT_EQ(TimeText(951'782'400), "2000-02-29T00:00:00Z");
  EXPECT_EQ(*ParseTime("2026-02-02T12:00Z"), 1'770'033'600);
  EXPECT_EQ(*ParseTime("1770033600"), 1'770'033'600);
}

TEST(UtcTimeTest, RefusesWhatIsNoTime) {
  for (const char* text : {"", "now", "2026-02-30T12:00Z", "2026-02-02 12:00Z", "2026-02-02T24:00Z",
                           "2026-02-02T12:00", "2026-02-02T12:00:00+01:00", "1e9", "99999999999999"})
    EXPECT_FALSE(ParseTime(text).ok()) << text;
}

}  // namespace
}  // namespace fieldmark
