#include "fieldmark/judge/violation_signals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "fieldmark/judge/judge.h"

namespace fieldmark::judge {
namespace {

using testing::ElementsAre;

const bucket::ViolationName kMissing = {"body.items[].price", "missing"};
const bucket::ViolationName kParsing = {"query.limit", "int_parsing"};

SubjectHistory History(size_t steps, uint64_t requests) {
  SubjectHistory history;
  history.subject = "POST /orders";
  history.watched_s.assign(steps, 60);
  history.contents.resize(steps);
  for (bucket::SubjectSummary& step : history.contents) step.request.emplace().by_status[200] = requests;
  history.same_source = history.contents;
  return history;
}

TEST(ViolationSignals, AreSharesOfRequestsByLocationAndRule) {
  Timeline timeline;
  timeline.steps = 3;
  SubjectHistory history = History(3, 10);
  history.contents[0].violations[kMissing].count = 2;
  history.contents[1].violations[kMissing].count = 11;
  history.contents[1].violations[kParsing].count = 1;
  history.contents[2] = {};
  std::vector<Series> signals;
  ViolationSignals(history, timeline, signals);
  ASSERT_EQ(signals.size(), 2u);
  EXPECT_EQ(signals[0].signal, "POST /orders body.items[].price invalid missing");
  EXPECT_EQ(signals[0].field, "body.items[].price");
  EXPECT_EQ(signals[0].statistic, "invalid missing");
  EXPECT_EQ(signals[0].polarity, Polarity::kMoreIsWorse);
  EXPECT_THAT(signals[0].weights, ElementsAre(10, 10, 0));
  EXPECT_THAT(signals[0].numerators, ElementsAre(2, 10, 0)) << "no more than there were requests";
  EXPECT_TRUE(std::isnan(signals[0].values[2]));
  EXPECT_EQ(signals[1].signal, "POST /orders query.limit invalid int_parsing");
  EXPECT_THAT(signals[1].numerators, ElementsAre(0, 1, 0));
}

TEST(ViolationSignals, OfBodiesAreSharesOfDocuments) {
  Timeline timeline;
  timeline.steps = 1;
  SubjectHistory history = History(1, 10);
  history.contents[0] = {};
  history.contents[0].body.emplace().documents = 4;
  history.contents[0].violations[kMissing].count = 1;
  std::vector<Series> signals;
  ViolationSignals(history, timeline, signals);
  ASSERT_EQ(signals.size(), 1u);
  EXPECT_THAT(signals[0].values, ElementsAre(0.25));
}

// One in 500 requests was always refused; from the change on one in ten is, for a reason that is new.
TEST(ViolationSignals, AReasonThatIsNewIsAFindingAndOneThatGoesOnIsNone) {
  std::mt19937_64 random(20261128);
  constexpr size_t kBefore = 12 * 60, kAfter = 60;
  constexpr uint64_t kRequests = 60;
  Timeline timeline;
  timeline.steps = kBefore + kAfter;
  SubjectHistory history = History(timeline.steps, kRequests);
  std::binomial_distribution<uint64_t> always(kRequests, 0.002), anew(kRequests, 0.1);
  for (size_t step = 0; step < timeline.steps; ++step) {
    if (const uint64_t count = always(random)) history.contents[step].violations[kParsing].count = count;
    if (step >= kBefore) history.contents[step].violations[kMissing].count = 1 + anew(random);
  }
  Change change;
  change.at_unix_s = static_cast<int64_t>(kBefore) * 60;
  change.look_s = static_cast<int64_t>(kAfter) * 60;
  Judge judge(timeline, change);
  for (const Series& series : SignalsOf(std::move(history), timeline)) judge.Add(series);
  const Verdict verdict = judge.Finish();
  EXPECT_EQ(verdict.state, State::kChanged) << verdict.sentence;
  ASSERT_EQ(verdict.findings.size(), 1u);
  EXPECT_EQ(verdict.findings[0].signal, "POST /orders body.items[].price invalid missing");
  EXPECT_EQ(verdict.findings[0].direction, Direction::kWorse);
  EXPECT_EQ(verdict.findings[0].sentence,
            "POST /orders body.items[].price invalid missing 0 % → 12 % since 12:00, on 3 600 documents, "
            "for the first time");
}

}  // namespace
}  // namespace fieldmark::judge
