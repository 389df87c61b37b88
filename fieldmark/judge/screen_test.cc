// What the screen leaves out, the full test would not have found: of rates that nothing happens to, and of
// ones that all move.
#include "fieldmark/judge/screen.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

#include "fieldmark/judge/evidence.h"

namespace fieldmark::judge {
namespace {

constexpr size_t kHours = 15 * 24;
constexpr int kRates = 2000;
const Timeline kTimeline{0, 3600, kHours, {}, {}};

Change LastHour() {
  Change change;
  change.at_unix_s = static_cast<int64_t>(kHours - 1) * 3600;
  return change;
}

// Ten to 100 000 documents an hour, log odds that drift by 0.1 in some hours and follow the day; in the last
// hour the odds are `factor` times as high.
Series RateOf(int number, double factor, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  Series series;
  series.signal = series.statistic = "rate " + std::to_string(number);
  const double documents = std::pow(10, 1 + 4 * uniform(random));
  const double odds = std::pow(10, -4 + 4 * uniform(random));
  double drift = normal(random);
  for (size_t step = 0; step < kHours; ++step) {
    drift = 0.8 * drift + 0.6 * normal(random);
    const double rhythm = std::sin(static_cast<double>(step) / 24 * 2 * 3.141592653589793);
    const double moved = odds * std::exp(0.1 * drift + 0.1 * rhythm) * (step + 1 == kHours ? factor : 1);
    const auto n = std::poisson_distribution<int64_t>(documents * (1 + 0.5 * rhythm))(random);
    const auto events = std::binomial_distribution<int64_t>(n, moved / (1 + moved))(random);
    series.numerators.push_back(static_cast<double>(events));
    series.weights.push_back(static_cast<double>(n));
    series.values.push_back(n > 0 ? series.numerators.back() / series.weights.back() : std::nan(""));
  }
  return series;
}

struct Count {
  int screened = 0;
  int worth_a_word = 0;  // screened, though the full test's p is 0.02 or less
  int worth_an_alarm = 0;
};

Count CountScreened(double factor) {
  const Windows windows(kTimeline, LastHour());
  Settings full;
  full.screen = false;
  std::mt19937_64 random(7);
  Count count;
  for (int i = 0; i < kRates; ++i) {
    const Series series = RateOf(i, factor, random);
    if (!CannotHaveMoved(ShareTrack(series.numerators, series.weights, windows), windows, full)) continue;
    ++count.screened;
    const Evidence evidence = EvidenceOf(series, windows, full);
    if (evidence.standing != Standing::kJudged) continue;
    count.worth_a_word += evidence.p <= 0.02;
    count.worth_an_alarm += evidence.p <= 0.002;
  }
  testing::Test::RecordProperty("screened of 2000, odds × " + std::to_string(factor), count.screened);
  testing::Test::RecordProperty("worth a word, odds × " + std::to_string(factor), count.worth_a_word);
  return count;
}

TEST(Screen, LeavesOutMostOfWhatStaysAndNothingThatIsFound) {
  const Count count = CountScreened(1);
  EXPECT_GE(count.screened, kRates * 9 / 10);
  EXPECT_EQ(count.worth_an_alarm, 0);
  EXPECT_LE(count.worth_a_word, kRates / 500);
}

TEST(Screen, LeavesOutNothingThatMovedAndIsFound) {
  for (const double factor : {0.5, 1.3, 2.0}) {
    const Count count = CountScreened(factor);
    EXPECT_EQ(count.worth_an_alarm, 0) << "odds × " << factor;
    EXPECT_LE(count.worth_a_word, kRates / 500) << "odds × " << factor;
  }
}

TEST(Screen, ChangesNoVerdict) {
  Verdict verdicts[2];
  for (const bool screen : {false, true}) {
    Settings settings;
    settings.screen = screen;
    std::mt19937_64 random(11);
    Judge judge(kTimeline, LastHour(), settings);
    for (int i = 0; i < kRates; ++i) judge.Add(RateOf(i, i % 100 == 99 ? 10 : 1, random));
    verdicts[screen] = judge.Finish();
  }
  EXPECT_EQ(verdicts[0].state, verdicts[1].state);
  ASSERT_FALSE(verdicts[0].findings.empty());
  ASSERT_EQ(verdicts[0].findings.size(), verdicts[1].findings.size());
  for (size_t i = 0; i < verdicts[0].findings.size(); ++i) {
    EXPECT_EQ(verdicts[0].findings[i].signal, verdicts[1].findings[i].signal);
    EXPECT_EQ(verdicts[0].findings[i].state, verdicts[1].findings[i].state);
  }
}

// An incident that has lasted longer than the windows before reach is left out of them.
TEST(Screen, KeepsWhatMovedAfterHoursWithoutData) {
  const Windows windows(kTimeline, LastHour());
  std::vector<double> events(kHours, 10), documents(kHours, 1000);
  for (size_t step = kHours - 13; step + 1 < kHours; ++step) events[step] = documents[step] = 0;
  EXPECT_TRUE(CannotHaveMoved(ShareTrack(events, documents, windows), windows, {}));
  events.back() = 400;
  EXPECT_FALSE(CannotHaveMoved(ShareTrack(events, documents, windows), windows, {}));
}

TEST(Screen, KeepsWhatHasTooLittleHistory) {
  const Timeline timeline{0, 60, 100, {}, {}};
  Change change;
  change.at_unix_s = 20 * 60;
  change.look_s = 60;
  const Windows windows(timeline, change);
  const std::vector<double> events(100, 1), documents(100, 100);
  EXPECT_FALSE(CannotHaveMoved(ShareTrack(events, documents, windows), windows, {}));
}

}  // namespace
}  // namespace fieldmark::judge
