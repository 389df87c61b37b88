#include "fieldmark/judge/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "fieldmark/judge/judge.h"
#include "fieldmark/sketch/histogram.h"

namespace fieldmark::judge {
namespace {

constexpr size_t kDay = 96;
constexpr size_t kChange = 10 * kDay + 40;  // ten days of quarter hours, then one hour

Change ChangeOf() {
  Change change;
  change.at_unix_s = kChange * 900;
  return change;
}

// Requests with a daily rhythm, that wander besides, and after the change `factor` times as many.
struct Route {
  Timeline timeline;
  std::vector<double> documents;
  std::vector<double> levels;  // logarithms, that grow by `slope` times that of the load

  Route(double slope, double factor) {
    std::mt19937 random(7);
    std::normal_distribution<double> normal;
    timeline.step_s = 900;
    timeline.steps = kChange + 4;
    double walk = 0;
    for (size_t step = 0; step < timeline.steps; ++step) {
      walk = 0.9 * walk + 0.1 * normal(random);
      const double clock = 0.8 * std::sin(2 * M_PI * static_cast<double>(step % kDay) / kDay);
      const double load = std::exp(clock + walk) * (step < kChange ? 1 : factor);
      documents.push_back(std::round(10'000 * load));
      levels.push_back(4 + slope * std::log(load) + 0.02 * normal(random));
    }
  }

  Windows windows() const { return Windows(timeline, ChangeOf()); }
};

TEST(Load, MakesThePastWhatTheWindowsLoadWouldHaveMadeOfIt) {
  const Route route(0.7, 1.5);
  const std::vector<double> larger = UnderLoadOfWindow(route.levels, route.documents, route.windows());
  ASSERT_EQ(larger.size(), route.levels.size());
  const double under_that_load = (route.levels[kChange + 1] + route.levels[kChange + 2]) / 2;
  for (size_t step = 2; step < kChange; step += 7) {
    EXPECT_NEAR(route.levels[step] + larger[step], under_that_load, 0.2) << step;
  }
  for (size_t step = kChange; step < kChange + 4; ++step) EXPECT_EQ(larger[step], 0);
}

TEST(Load, ExplainsNothingThatDoesNotFollowIt) {
  const Route route(0, 1.5);
  EXPECT_THAT(UnderLoadOfWindow(route.levels, route.documents, route.windows()), testing::IsEmpty());
}

TEST(Load, ThatMakesFasterIsNone) {
  const Route route(-0.7, 1.5);
  EXPECT_THAT(UnderLoadOfWindow(route.levels, route.documents, route.windows()), testing::IsEmpty());
}

TEST(Load, MakesNothingSteeperThanAQueue) {
  const Route route(5, 1.5);
  EXPECT_THAT(UnderLoadOfWindow(route.levels, route.documents, route.windows()), testing::IsEmpty());
}

TEST(Load, NeedsTwoDaysToTellAndTheirEves) {
  Route route(0.7, 1.5);
  route.timeline.excluded_unix_s = {{0, static_cast<int64_t>((kChange - 3 * kDay + 8) * 900)}};
  EXPECT_THAT(UnderLoadOfWindow(route.levels, route.documents, route.windows()), testing::IsEmpty());
  route.timeline.excluded_unix_s[0].second -= 8 * 900;
  EXPECT_THAT(UnderLoadOfWindow(route.levels, route.documents, route.windows()),
              testing::Not(testing::IsEmpty()));
}

// The same route as a latency in proportion to its load. From the change on `share` of the requests are told
// of, and take `factor` times as long.
Series LatencyOf(const Route& route, double factor, double share) {
  constexpr double kSpread[] = {0.3, 0.45, 0.6, 0.75, 0.9, 1.1, 1.35, 1.7, 2.2, 3.3};
  Series latency;
  latency.signal = "GET /orders latency";
  latency.subject = "GET /orders";
  latency.statistic = "latency";
  latency.unit = "ms";
  latency.kind = Kind::kDistribution;
  latency.polarity = Polarity::kMoreIsWorse;
  for (size_t step = 0; step < route.documents.size(); ++step) {
    const double middle = route.documents[step] / 200 * (step < kChange ? 1 : factor);
    const double told_of = route.documents[step] / 10 * (step < kChange ? 1 : share);
    sketch::Histogram histogram;
    for (const double part : kSpread) histogram.Add(middle * part, static_cast<uint64_t>(told_of));
    latency.distributions.push_back(histogram);
    latency.weights.push_back(static_cast<double>(histogram.count()));
  }
  return latency;
}

Verdict VerdictOf(const Route& route, const Series& latency) {
  Judge judge(route.timeline, ChangeOf());
  judge.Add(latency);
  return judge.Finish();
}

// At five sixths of the load it should have become as much faster.
TEST(Load, HidesNoSlowerAnswer) {
  const Route route(0, 1 / 1.2);
  const Verdict verdict = VerdictOf(route, LatencyOf(route, 1.2, 1));
  ASSERT_EQ(verdict.state, State::kChanged) << verdict.sentence;
  EXPECT_EQ(verdict.findings[0].direction, Direction::kWorse);
  EXPECT_NEAR(verdict.findings[0].to / verdict.findings[0].from, 1.2, 0.06);
}

TEST(Load, ThatFellMakesNoFasterAnswer) {
  const Route route(0, 1 / 1.5);
  EXPECT_EQ(VerdictOf(route, LatencyOf(route, 1, 1)).state, State::kNoChange);
}

// With two versions alive neither sees the whole load.
TEST(Load, IsNotWhatACanarySees) {
  const Route route(0, 1);
  Series latency = LatencyOf(route, 1, 0.3);
  latency.beside = std::make_shared<const Series>(LatencyOf(route, 1, 0.7));
  const Verdict verdict = VerdictOf(route, latency);
  EXPECT_THAT(verdict.findings, testing::IsEmpty()) << verdict.sentence;
}

}  // namespace
}  // namespace fieldmark::judge
