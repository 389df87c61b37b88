// How old the values were that name a time, against a naive count of each.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>

#include "fieldmark/profile/profiler.h"

namespace fieldmark::profile {
namespace {

constexpr UnixMs kNow = 1'795'547'700'000;  // 2026-11-24T19:15:00Z

class Observer {
 public:
  Observer& Observe(const std::string& value, UnixMs at = kNow, uint64_t times = 1) {
    profiler_.Observe(reader_.Read("{\"v\":" + value + "}"), times, at);
    return *this;
  }
  FieldSummary Take() { return profiler_.Take().at("v"); }

 private:
  json::Reader reader_;
  Profiler profiler_;
};

sketch::Histogram Of(std::initializer_list<double> values) {
  sketch::Histogram histogram;
  for (const double value : values) histogram.Add(value);
  return histogram;
}

TEST(Ages, OfEveryValueThatNamesATime) {
  const struct {
    const char* value;
    double age_ms;
  } cases[] = {
      {"\"2026-11-24T19:15:00Z\"", 0},
      {"\"2026-11-24T19:14:58.5Z\"", 1500},
      {"\"2026-11-24 19:15:02\"", -2000},
      {"\"2026-11-24T20:15:00+02:00\"", 3'600'000},
      {"\"9999-12-31T00:00:00Z\"", 1'795'547'700'000.0 - 253'402'214'400'000.0},
      {"\"0001-01-01T00:00:00Z\"", 1'795'547'700'000.0 + 62'135'596'800'000.0},
      {"1795547640", 60'000},
      {"1795547640000", 60'000},
      {"1795547700.25", -250},
      {"1795547699999.0", 1},
  };
  for (const auto& [value, age_ms] : cases) {
    EXPECT_EQ(Observer().Observe(value).Take().age_ms, Of({age_ms})) << value;
  }
}

TEST(Ages, OfNothingElse) {
  for (const char* value :
       {"\"2026-11-24\"", "\"2026-11-24T19:15Z\"", "\"1795547640\"", "\"yesterday, or the day before\"",
        "999999999", "2000000000", "-1795547640", "1e300", "18446744073709551616", "null", "true",
        "[1795547640]", "{\"a\":1795547640}", "NaN"}) {
    EXPECT_TRUE(Observer().Observe(value).Take().age_ms.empty()) << value;
  }
}

TEST(Ages, AreThoseOfTheMomentOfEachDocument) {
  Observer observer;
  observer.Observe("1795547640", kNow).Observe("1795547640", kNow + 1000).Observe("1795547640", kNow, 3);
  observer.Observe("\"2026-11-24T19:15:00Z\"", kNow).Observe("\"2026-11-24T19:15:00Z\"", kNow + 5, 2);
  sketch::Histogram expected;
  expected.Add(60'000, 4);
  expected.Add(61'000);
  expected.Add(0);
  expected.Add(5, 2);
  EXPECT_EQ(observer.Take().age_ms, expected);
}

TEST(Ages, NeedATime) {
  json::Reader reader;
  Profiler profiler;
  profiler.Observe(reader.Read("{\"v\":1795547640,\"w\":\"2026-11-24T19:15:00Z\"}"));
  const Fields fields = profiler.Take();
  EXPECT_TRUE(fields.at("v").age_ms.empty());
  EXPECT_TRUE(fields.at("w").age_ms.empty());
  EXPECT_EQ(fields.at("v").counts.integers, 1u);
  EXPECT_EQ(fields.at("w").counts.formats[static_cast<size_t>(sketch::Format::kDateTime)], 1u);
}

// Values that are postponed, repeated and dropped from the recent ones keep their ages, and everything else
// that is counted of them.
TEST(Ages, AreCountedExactlyAmongOtherValues) {
  std::mt19937_64 random(29);
  Observer observer;
  FieldSummary naive;
  for (int i = 0; i < 5000; ++i) {
    const UnixMs at = kNow + static_cast<int64_t>(random() % 3);
    const auto pick = random() % 4;
    if (pick == 0) {
      const auto seconds = static_cast<int64_t>(1'795'547'000 + random() % 40);
      observer.Observe(std::to_string(seconds), at);
      naive.numbers.Add(static_cast<double>(seconds));
      naive.age_ms.Add(static_cast<double>(at - seconds * 1000));
    } else if (pick == 1) {
      const auto number = static_cast<int64_t>(random() % 30) - 10;
      observer.Observe(std::to_string(number), at);
      naive.numbers.Add(static_cast<double>(number));
    } else if (pick == 2) {
      const auto minute = static_cast<int64_t>(random() % 60);
      const std::string text =
          "2026-11-24T18:" + std::string(minute < 10 ? "0" : "") + std::to_string(minute) + ":00Z";
      observer.Observe("\"" + text + "\"", at);
      naive.string_bytes.Add(20);
      naive.age_ms.Add(static_cast<double>(at - (kNow - (75 - minute) * 60'000)));
    } else {
      observer.Observe("\"some words without a moment\"", at);
      naive.string_bytes.Add(27);
    }
  }
  const FieldSummary found = observer.Take();
  EXPECT_EQ(found.age_ms, naive.age_ms);
  EXPECT_EQ(found.numbers, naive.numbers);
  EXPECT_EQ(found.string_bytes, naive.string_bytes);
}

}  // namespace
}  // namespace fieldmark::profile
