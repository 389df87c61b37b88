// Bad input, the verdict's rules, and what must not matter to it.
#include "fieldmark/judge/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "fieldmark/judge/sample_service.h"

namespace fieldmark::judge {
namespace {

constexpr double kNoData = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kStart = 1'767'225'600;

Timeline Minutes(size_t steps) { return {kStart, 60, steps, {}, {}}; }

// So many of `documents` in each step.
Series Shares(const std::string& signal, const std::vector<double>& events, double documents) {
  Series series;
  series.signal = series.subject = signal;
  series.statistic = "null";
  series.polarity = Polarity::kMoreIsWorse;
  for (const double count : events) {
    series.numerators.push_back(count);
    series.weights.push_back(documents);
    series.values.push_back(count / documents);
  }
  return series;
}

std::vector<double> Steps(size_t before, double old_value, size_t after, double new_value) {
  std::vector<double> values(before, old_value);
  values.insert(values.end(), after, new_value);
  return values;
}

Verdict VerdictOf(const Timeline& timeline, size_t change_step, const std::vector<Series>& family,
                  int64_t look_s = 60) {
  Change change;
  change.at_unix_s = timeline.start_unix_s + static_cast<int64_t>(change_step) * timeline.step_s;
  change.look_s = look_s;
  Judge judge(timeline, change);
  for (const Series& series : family) judge.Add(series);
  return judge.Finish();
}

TEST(Verdict, OfNothingIsNeverGreen) {
  const Verdict verdict = VerdictOf(Minutes(0), 0, {});
  EXPECT_EQ(verdict.state, State::kCannotCompare);
  EXPECT_EQ(VerdictOf(Minutes(100), 50, {}).state, State::kCannotCompare);
}

TEST(Verdict, OfSeriesWithoutDataIsNeverGreen) {
  for (const Kind kind :
       {Kind::kRate, Kind::kMean, Kind::kCount, Kind::kQuantile, Kind::kDistribution, Kind::kMix}) {
    for (const size_t length : {size_t{0}, size_t{1}, size_t{100}}) {
      Series series;
      series.signal = "empty";
      series.kind = kind;
      series.values.assign(length, kNoData);
      series.weights.assign(length, 0);
      series.distributions.resize(kind == Kind::kDistribution ? length : 0);
      series.mixes.resize(kind == Kind::kMix ? length : 0);
      series.category_values = {{"0", "paid"}};
      const Verdict verdict = VerdictOf(Minutes(100), 50, {series});
      EXPECT_EQ(verdict.state, State::kCannotCompare) << static_cast<int>(kind) << " of " << length;
    }
  }
}

TEST(Verdict, TakesNumbersThatAreNoneAsNoData) {
  Series series = Shares("a", Steps(200, 1, 1, 1), 100);
  for (const size_t step : {3, 77, 150}) series.numerators[step] = kNoData;
  series.weights[20] = std::numeric_limits<double>::infinity();
  series.weights[21] = -5;
  EXPECT_EQ(VerdictOf(Minutes(201), 200, {series}).state, State::kNoChange);
  Series level;
  level.signal = "level";
  level.kind = Kind::kMean;
  level.values = Steps(200, std::numeric_limits<double>::infinity(), 1, kNoData);
  EXPECT_EQ(VerdictOf(Minutes(201), 200, {level}).state, State::kCannotCompare);
}

TEST(Verdict, OfConstantsIsNoChange) {
  Series level;
  level.signal = "level";
  level.kind = Kind::kMean;
  level.values = Steps(200, 5, 2, 5);
  EXPECT_EQ(VerdictOf(Minutes(202), 200,
                      {level, Shares("zero", Steps(200, 0, 2, 0), 100),
                       Shares("one", Steps(200, 100, 2, 100), 100)})
                .state,
            State::kNoChange);
}

// A volume that is twenty times as high at noon as at night, judged three hours after another change.
TEST(Verdict, OfAVolumeWithARhythmKeepsTheDaysBeforeAnotherChange) {
  constexpr size_t kHours = 15 * 24;
  constexpr size_t kNoon = 14 * 24 + 12;
  Series volume;
  volume.signal = "requests";
  volume.kind = Kind::kCount;
  std::mt19937_64 random(5);
  for (size_t hour = 0; hour < kHours; ++hour) {
    const double rhythm = 1.6 * std::cos((static_cast<double>(hour % 24) - 12) / 24 * 2 * 3.141592653589793);
    volume.values.push_back(
        static_cast<double>(std::poisson_distribution<int>(10'000 * std::exp(rhythm))(random)));
  }
  Timeline timeline{kStart, 3600, kHours, {}, {}};
  const double alone = VerdictOf(timeline, kNoon, {volume}, 3600).could_have_seen;
  timeline.known_changes_unix_s = {kStart + static_cast<int64_t>(kNoon - 3) * 3600};
  EXPECT_EQ(VerdictOf(timeline, kNoon, {volume}, 3600).could_have_seen, alone);
  EXPECT_LT(alone, 0.25);

  // One that did double it begins the history anew.
  for (size_t hour = kNoon - 3; hour < kHours; ++hour) volume.values[hour] *= 3;
  EXPECT_GT(VerdictOf(timeline, kNoon, {volume}, 3600).could_have_seen, 1);
}

// Twenty volumes of so many an hour, of which the first stops at the change or goes on.
Verdict OfVolumes(double an_hour, bool stops, uint64_t seed) {
  constexpr size_t kHours = 15 * 24;
  constexpr size_t kChange = 14 * 24 + 9;
  std::mt19937_64 random(seed);
  std::vector<Series> family(20);
  for (size_t i = 0; i < family.size(); ++i) {
    family[i].signal = family[i].subject = "route " + std::to_string(i);
    family[i].kind = Kind::kCount;
    for (size_t hour = 0; hour < kHours; ++hour) {
      const double rhythm = 0.3 * std::sin(static_cast<double>(hour) / 24 * 2 * 3.141592653589793);
      family[i].values.push_back(
          static_cast<double>(std::poisson_distribution<int>(an_hour * std::exp(rhythm))(random)));
    }
  }
  if (stops) std::fill(family[0].values.begin() + kChange, family[0].values.end(), 0);
  return VerdictOf({kStart, 3600, kHours, {}, {}}, kChange, family, 3600);
}

TEST(Verdict, SeesAVolumeStopHoweverFewItsEventsAre) {
  for (const double an_hour : {15.0, 30.0, 200.0, 5000.0}) {
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      EXPECT_EQ(OfVolumes(an_hour, true, seed).state, State::kChanged) << an_hour << " an hour, " << seed;
    }
  }
}

// A budget of one in twenty: of forty, six or more come by chance in one run of seventy.
TEST(Verdict, OfVolumesThatGoOnIsSeldomChanged) {
  int changed = 0;
  for (const double an_hour : {3.0, 15.0, 30.0, 200.0}) {
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      changed += OfVolumes(an_hour, false, seed).state == State::kChanged;
    }
  }
  EXPECT_LE(changed, 5);
}

TEST(Verdict, CountsTheSecondSignalOfANameAsNotComparable) {
  const Series series = Shares("a", Steps(200, 1, 1, 1), 100);
  const Verdict verdict = VerdictOf(Minutes(201), 200, {series, series});
  EXPECT_EQ(verdict.judged, 1u);
  EXPECT_EQ(verdict.cannot_compare, 1u);
}

TEST(Verdict, OfAChangeOutsideTheDataSaysSo) {
  const Series series = Shares("a", Steps(200, 1, 1, 1), 100);
  const Verdict before = VerdictOf(Minutes(201), 0, {series});
  EXPECT_EQ(before.title, "Cannot compare (no data before the change)");
  const Verdict future = VerdictOf(Minutes(201), 1000, {series});
  EXPECT_EQ(future.state, State::kNotEnough);
  EXPECT_THAT(future.title, testing::StartsWith("Not enough traffic yet (0 of about "));
}

TEST(Verdict, ComputesTheTrafficItNeeds) {
  const Verdict verdict = VerdictOf(Minutes(201), 200, {Shares("a", Steps(200, 0, 1, 0), 12)});
  EXPECT_EQ(verdict.title, "Not enough traffic yet (12 of about 30)");
  EXPECT_EQ(verdict.documents_after, 12);
  EXPECT_EQ(verdict.documents_needed, 30);
}

TEST(Verdict, HoldsAChangeAgainstWhatTheLastOneLeft) {
  // Nulls came with an earlier deployment; the one in question left them as they were.
  std::vector<double> events = Steps(1000, 1, 301, 38);
  Timeline timeline = Minutes(1301);
  timeline.known_changes_unix_s = {kStart + 1000 * 60};
  EXPECT_EQ(VerdictOf(timeline, 1300, {Shares("a", events, 100)}).state, State::kNoChange);
  // And it found them gone.
  events.back() = 1;
  const Verdict verdict = VerdictOf(timeline, 1300, {Shares("a", events, 100)});
  ASSERT_EQ(verdict.state, State::kChanged);
  EXPECT_EQ(verdict.findings[0].direction, Direction::kBetter);
  EXPECT_NEAR(verdict.findings[0].from, 0.38, 1e-9);
}

TEST(Verdict, TakesNothingOfMillionsAsStrongEvidence) {
  // Not one error in two million requests, then eight in four hundred.
  Series series = Shares("a", Steps(2880, 0, 1, 8), 700);
  series.weights.back() = 400;
  EXPECT_EQ(VerdictOf(Minutes(2881), 2880, {series}).state, State::kChanged);
}

TEST(Verdict, DoesNotCallWhatThePastHasSeenAChange) {
  // Five minutes of errors every eight hours, and the change falls into one.
  std::vector<double> events(2900, 0);
  for (size_t step = 0; step < events.size(); ++step) events[step] = step % 480 < 5 ? 20 : 0;
  std::vector<Series> family = {Shares("a", events, 100)};
  for (int i = 0; i < 20; ++i)
    family.push_back(Shares("quiet " + std::to_string(i), Steps(2900, 1, 0, 0), 100));
  EXPECT_NE(VerdictOf(Minutes(2900), 2880, family).state, State::kChanged);
  // Once more than ever before is one.
  events[2880] = 80;
  family[0] = Shares("a", events, 100);
  EXPECT_EQ(VerdictOf(Minutes(2900), 2880, family).state, State::kChanged);
}

TEST(Verdict, DependsOnNeitherOrderNorNames) {
  SampleOptions options;
  options.steps = 1000;
  SampleService service(5, options);
  std::vector<Series> family = service.series();
  family.push_back(Shares("planted", Steps(985, 1, 15, 20), 100));
  const auto ask = [&] { return VerdictOf(service.timeline(), 985, family, 900); };
  const Verdict first = ask();
  ASSERT_EQ(first.state, State::kChanged);
  ASSERT_EQ(first.findings[0].signal, "planted");

  std::reverse(family.begin(), family.end());
  const Verdict reversed = ask();
  EXPECT_EQ(reversed.state, first.state);
  EXPECT_EQ(reversed.sentence, first.sentence);
  ASSERT_EQ(reversed.findings.size(), first.findings.size());
  EXPECT_EQ(reversed.findings[0].q_value, first.findings[0].q_value);

  for (size_t i = 0; i < family.size(); ++i) family[i].signal = "signal " + std::to_string(i);
  const Verdict renamed = ask();
  EXPECT_EQ(renamed.sentence, first.sentence);
  ASSERT_EQ(renamed.findings.size(), first.findings.size());
  EXPECT_EQ(renamed.findings[0].q_value, first.findings[0].q_value);

  family.push_back(Shares("constant", Steps(1000, 0, 0, 0), 100));
  const Verdict more = ask();
  EXPECT_EQ(more.state, first.state);
  EXPECT_EQ(more.findings.size(), first.findings.size());
}

TEST(Verdict, DatesTheChange) {
  std::vector<double> events = Steps(2880, 1, 15, 1);
  for (size_t step = 2886; step < events.size(); ++step) events[step] = 40;
  const Verdict verdict = VerdictOf(Minutes(2895), 2880, {Shares("a", events, 100)}, 900);
  ASSERT_EQ(verdict.findings.size(), 1u);
  EXPECT_LE(verdict.findings[0].since_unix_s.first, kStart + 2886 * 60);
  EXPECT_GT(verdict.findings[0].since_unix_s.second, kStart + 2886 * 60);
  EXPECT_LT(verdict.findings[0].since_unix_s.second - verdict.findings[0].since_unix_s.first, 300);
}

// Of 100 documents a step, so many are paid and the rest open.
Series Mix(const std::vector<double>& paid) {
  Series series;
  series.signal = "POST /orders request status mix";
  series.subject = "POST /orders request";
  series.field = "status";
  series.statistic = "mix";
  series.kind = Kind::kMix;
  for (const double count : paid) {
    series.mixes.push_back({{"00", count}, {"01", 100 - count}});
    series.weights.push_back(100);
  }
  return series;
}

TEST(Verdict, SaysWhichValueOfAMixMovedOnlyWhereItIsRevealed) {
  Series mix = Mix(Steps(200, 20, 60, 70));
  const Verdict hidden = VerdictOf(Minutes(260), 200, {mix}, 3600);
  ASSERT_EQ(hidden.findings.size(), 1u);
  EXPECT_EQ(hidden.findings[0].category, "");
  EXPECT_THAT(hidden.findings[0].sentence, testing::HasSubstr("status mix, one value 20 % → 70 %"));
  mix.category_values = {{"00", "paid"}};
  const Verdict revealed = VerdictOf(Minutes(260), 200, {mix}, 3600);
  ASSERT_EQ(revealed.findings.size(), 1u);
  EXPECT_EQ(revealed.findings[0].category, "paid");
  EXPECT_THAT(revealed.findings[0].sentence, testing::HasSubstr("status mix, `paid` 20 % → 70 %"));
}

Series Freshness(const std::vector<double>& ages_ms) {
  Series series;
  series.signal = "GET /orders response 2xx updated_at freshness";
  series.subject = "GET /orders response 2xx";
  series.field = "updated_at";
  series.statistic = "freshness";
  series.unit = "ms";
  series.kind = Kind::kDistribution;
  for (const double age : ages_ms) {
    sketch::Histogram histogram;
    for (int i = 0; i < 100; ++i) histogram.Add(age * (1 + 0.002 * i));
    series.distributions.push_back(histogram);
    series.weights.push_back(100);
  }
  return series;
}

TEST(Verdict, SaysHowMuchOlderDataAre) {
  const Verdict older = VerdictOf(Minutes(260), 200, {Freshness(Steps(200, 100'000, 60, 10'000'000))}, 3600);
  ASSERT_EQ(older.findings.size(), 1u);
  EXPECT_EQ(older.findings[0].direction, Direction::kDifferent);
  EXPECT_THAT(older.findings[0].sentence,
              testing::HasSubstr("updated_at is 3 h older, median 110 s → 3.1 h since"));
  const Verdict younger =
      VerdictOf(Minutes(260), 200, {Freshness(Steps(200, 10'000'000, 60, 100'000))}, 3600);
  ASSERT_EQ(younger.findings.size(), 1u);
  EXPECT_THAT(younger.findings[0].sentence, testing::HasSubstr("is 3 h younger, median 3.1 h → 110 s since"));
  EXPECT_TRUE(VerdictOf(Minutes(260), 200, {Freshness(Steps(200, 100, 60, 900))}, 3600).findings.empty())
      << "below a second two clocks differ by as much";
}

TEST(Verdict, SaysAFieldOnce) {
  // A field that vanished has neither values nor nulls; a type that left for another is one finding.
  const auto named = [](Series series, const std::string& statistic) {
    series.subject = "POST /orders request";
    series.field = "customer.id";
    series.statistic = statistic;
    series.signal = series.subject + " " + series.field + " " + statistic;
    return series;
  };
  const Verdict verdict = VerdictOf(Minutes(2881), 2880,
                                    {named(Shares("", Steps(2880, 100, 1, 2), 100), "type number"),
                                     named(Shares("", Steps(2880, 0, 1, 98), 100), "type string")});
  ASSERT_EQ(verdict.findings.size(), 1u);
  EXPECT_EQ(verdict.findings[0].statistic, "type string");
  EXPECT_EQ(verdict.findings[0].sentence,
            "POST /orders request customer.id is a string in 0 % → 98 % since 00:00, on 100 documents, "
            "for the first time");
}

// Numbers that are none, that are too large, and a few that are right.
double AnyNumber(std::mt19937_64& random) {
  constexpr double kNumbers[] = {kNoData, INFINITY, -INFINITY, -1, 0, 0, 1, 7, 100, 1e300, 1e-300};
  return kNumbers[random() % std::size(kNumbers)];
}

Series AnySeries(std::mt19937_64& random, size_t steps) {
  Series series;
  series.signal = "signal " + std::to_string(random() % 5);  // now and then one of a name twice
  constexpr const char* kStatistics[] = {"missing", "type string", "mix", "status 5xx", "value", "freshness"};
  series.subject = "GET /r" + std::to_string(random() % 6);
  series.statistic = kStatistics[random() % std::size(kStatistics)];
  series.unit = random() % 3 == 0 ? "ms" : "";
  series.kind = static_cast<Kind>(random() % 6);
  const auto length = [&] { return random() % 4 == 0 ? random() % (2 * steps + 1) : steps; };
  const bool sane = random() % 2 == 0;
  const auto fill = [&](std::vector<double>& values) {
    values.resize(length());
    for (double& value : values) value = sane ? static_cast<double>(random() % 50) : AnyNumber(random);
  };
  fill(series.values);
  fill(series.weights);
  if (random() % 2 == 0) fill(series.numerators);
  if (random() % 4 == 0) fill(series.variances);
  if (series.kind == Kind::kDistribution) series.distributions.resize(length());
  for (size_t step = 0; step < series.distributions.size(); ++step) {
    sketch::Histogram histogram;
    for (uint64_t i = random() % 60; i-- > 0;) {
      const double value = AnyNumber(random);
      if (std::isfinite(value)) histogram.Add(sane ? static_cast<double>(i + 1) : value);
    }
    series.distributions.Set(step, histogram);
  }
  if (series.kind == Kind::kMix) series.mixes.resize(length());
  for (auto& mix : series.mixes) {
    for (uint64_t i = random() % 5; i-- > 0;) mix["v" + std::to_string(i)] = sane ? 20 : AnyNumber(random);
  }
  return series;
}

TEST(Verdict, OfAnyInputIsAStateInWordsAndNeverGreenWithoutData) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    std::mt19937_64 random(seed);
    const size_t steps = random() % 150;
    Timeline timeline{kStart, random() % 10 == 0 ? 0 : 60, steps, {}, {}};
    const auto any_time = [&] { return kStart + (static_cast<int64_t>(random() % 250) - 50) * 60; };
    for (uint64_t i = random() % 3; i-- > 0;) timeline.known_changes_unix_s.push_back(any_time());
    for (uint64_t i = random() % 3; i-- > 0;) timeline.excluded_unix_s.emplace_back(any_time(), any_time());
    Change change;
    change.at_unix_s = any_time();
    change.look_s = static_cast<int64_t>(random() % 40) * 60 - 60;
    Judge judge(timeline, change);
    for (uint64_t i = random() % 8; i-- > 0;) judge.Add(AnySeries(random, steps));
    const Verdict verdict = judge.Finish();
    EXPECT_FALSE(verdict.title.empty()) << seed;
    EXPECT_FALSE(verdict.sentence.empty()) << seed;
    EXPECT_FALSE(verdict.state == State::kNoChange && verdict.judged == 0) << seed;
    for (const Finding& finding : verdict.findings) {
      EXPECT_TRUE(finding.p >= 0 && finding.p <= 1 && finding.q_value >= 0 && finding.q_value <= 1) << seed;
      EXPECT_TRUE(std::isfinite(finding.from) && std::isfinite(finding.to)) << seed << finding.sentence;
      EXPECT_FALSE(finding.sentence.empty()) << seed;
    }
  }
}

class Family : public testing::TestWithParam<uint64_t> {};

std::vector<std::string> Told(const Verdict& verdict) {
  std::vector<std::string> told = {std::string(StateCode(verdict.state))};
  for (const Finding& finding : verdict.findings) {
    told.push_back(std::string(StateCode(finding.state)) + " " + std::to_string(finding.p));
  }
  return told;
}

TEST_P(Family, OrderAndNamesDoNotMatter) {
  SampleOptions options;
  options.steps = 401;
  SampleService service(GetParam(), options);
  std::vector<Series>& family = service.series();
  family.push_back(Shares("planted", Steps(400, 1, 1, 30), 60));
  const std::vector<std::string> told = Told(VerdictOf(service.timeline(), 400, family));
  EXPECT_EQ(told[0], "changed");
  std::shuffle(family.begin(), family.end(), std::mt19937_64(GetParam()));
  for (size_t i = 0; i < family.size(); ++i) {
    family[i].signal = family[i].subject = "renamed " + std::to_string(i);
  }
  EXPECT_EQ(Told(VerdictOf(service.timeline(), 400, family)), told);
}

TEST_P(Family, AConstantMoreDoesNotMatter) {
  SampleOptions options;
  options.steps = 401;
  SampleService service(GetParam(), options);
  std::vector<Series>& family = service.series();
  family.push_back(Shares("planted", Steps(400, 1, 1, 30), 60));
  const std::vector<std::string> told = Told(VerdictOf(service.timeline(), 400, family));
  family.push_back(Shares("constant", Steps(400, 0, 1, 0), 60));
  EXPECT_EQ(Told(VerdictOf(service.timeline(), 400, family)), told);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Family, testing::Range<uint64_t>(1, 6));

}  // namespace
}  // namespace fieldmark::judge
