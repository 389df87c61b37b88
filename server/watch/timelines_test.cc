#include "server/watch/timelines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/watch/fabricated_service.h"

namespace fieldmark::watch {
namespace {

using bucket::Source;

constexpr UnixMs kNoonMs = kNoon * kMsPerMinute;

class TimelinesTest : public testing::Test {
 protected:
  // Of the newest deployment, judged so many seconds after its minute began.
  Plan PlanAfter(int64_t look_s) {
    const auto all = store_.Streams();
    const auto streams = StreamsOf(*all, "orders", "production");
    const auto deployments = DeploymentsOf(*StaysOf(store_, streams, kNoon + 1000), kNoon + 1000);
    return PlanOf(deployments.back(), deployments, streams, deployments.back().at * kMsPerMinute, look_s);
  }
  // Requests a step, of contents or of the same source.
  std::vector<uint64_t> Requests(const Plan& plan, bool same_source) {
    const Result<TimelineReader> reader = TimelineReader::Open(store_, plan);
    EXPECT_TRUE(reader.ok());
    const Result<judge::SubjectHistory> history = reader->Read("POST /orders");
    EXPECT_TRUE(history.ok());
    std::vector<uint64_t> requests;
    for (const auto& summary : same_source ? history->same_source : history->contents) {
      requests.push_back(summary.request ? summary.request->count() : 0);
    }
    return requests;
  }
  uint64_t Stored(const std::string& version, Minute from, Minute to) {
    store::Query query;
    query.streams = {{"production", "orders", version}};
    query.subjects = {"POST /orders"};
    query.from = from;
    query.to = to;
    uint64_t count = 0;
    const Result<std::vector<store::Slice>> slices = store_.Read(query);
    EXPECT_TRUE(slices.ok());
    for (const store::Slice& slice : *slices) count += slice.summary.request->count();
    return count;
  }

  store::MemoryStore store_;
  FabricatedService service_{store_};
};

TEST_F(TimelinesTest, DropsTheOverlapOfTheOldVersion) {
  service_.Run("a", kNoon - 10, kNoon + 2);
  service_.Run("b", kNoon, kNoon + 3);
  const Plan plan = PlanAfter(120);
  EXPECT_EQ(plan.timeline.steps, 12u);
  const std::vector<uint64_t> requests = Requests(plan, false);
  for (size_t step = 0; step < 12; ++step) {
    const Minute minute = kNoon - 10 + static_cast<Minute>(step);
    EXPECT_EQ(requests[step], Stored(step < 10 ? "a" : "b", minute, minute + 1)) << step;
  }
}

TEST_F(TimelinesTest, KeepsWhatTheOldVersionSawBesideTheNewOne) {
  service_.Run("a", kNoon - 10, kNoon + 2);
  service_.Run("b", kNoon, kNoon + 3);
  const Result<TimelineReader> reader = TimelineReader::Open(store_, PlanAfter(120));
  ASSERT_TRUE(reader.ok());
  const Result<judge::SubjectHistory> history = reader->Read("POST /orders");
  ASSERT_TRUE(history.ok());
  ASSERT_NE(history->beside, nullptr);
  for (size_t step = 0; step < 12; ++step) {
    const auto& request = history->beside->contents[step].request;
    const Minute minute = kNoon - 10 + static_cast<Minute>(step);
    EXPECT_EQ(request ? request->count() : 0, step < 10 ? 0 : Stored("a", minute, minute + 1)) << step;
    EXPECT_EQ(history->beside->watched_s[step] > 0, step >= 10) << step;
  }
}

TEST_F(TimelinesTest, HasNothingBesideWhereTheOldVersionEnded) {
  service_.Run("a", kNoon - 10, kNoon);
  service_.Run("b", kNoon, kNoon + 3);
  const Result<TimelineReader> reader = TimelineReader::Open(store_, PlanAfter(120));
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader->Read("POST /orders")->beside, nullptr);
}

TEST_F(TimelinesTest, MergesAllEarlierVersionsBefore) {
  service_.Run("a", kNoon - 20, kNoon - 10);
  service_.Run("b", kNoon - 10, kNoon);
  service_.Run("c", kNoon, kNoon + 2);
  const Plan plan = PlanAfter(60);
  EXPECT_EQ(plan.before.size(), 2u);
  EXPECT_THAT(plan.timeline.known_changes_unix_s, testing::ElementsAre((kNoon - 10) * 60));
  EXPECT_THAT(Requests(plan, false), testing::Each(testing::Gt(0u)));
}

TEST_F(TimelinesTest, ComparesContentsAcrossSourcesAndClocksWithinOne) {
  service_.Run("a", kNoon - 20, kNoon - 10, {}, Source::kReplay);
  service_.Run("a", kNoon - 10, kNoon);
  service_.Run("b", kNoon, kNoon + 2);
  const Plan plan = PlanAfter(60);
  EXPECT_EQ(plan.source, Source::kLive);
  const std::vector<uint64_t> contents = Requests(plan, false), same_source = Requests(plan, true);
  EXPECT_THAT(contents, testing::Each(testing::Gt(0u)));
  for (size_t step = 0; step < same_source.size(); ++step)
    EXPECT_EQ(same_source[step] > 0, step >= 10) << step;
  const Result<TimelineReader> reader = TimelineReader::Open(store_, plan);
  const std::vector<double> watched = reader->Read("POST /orders")->watched_s;
  for (size_t step = 0; step < watched.size(); ++step) EXPECT_EQ(watched[step], step >= 10 ? 60 : 0) << step;
}

TEST_F(TimelinesTest, LeavesOutWhatARollbackRolledBack) {
  service_.Run("a", kNoon - 30, kNoon - 10);
  service_.Run("b", kNoon - 10, kNoon);
  service_.Run("a", kNoon, kNoon + 2);
  const Plan plan = PlanAfter(120);
  const std::vector<uint64_t> requests = Requests(plan, false);
  ASSERT_EQ(requests.size(), 32u);
  for (size_t step = 0; step < 32; ++step) EXPECT_EQ(requests[step] > 0, step < 20 || step >= 30) << step;
  EXPECT_THAT(plan.timeline.excluded_unix_s, testing::ElementsAre(std::pair((kNoon - 10) * 60, kNoon * 60)));
}

TEST_F(TimelinesTest, AnotherDeploymentBeginsWithItsStepAndOneInTheSameStepCameBefore) {
  service_.Run("a", kNoon - 1440, kNoon - 58);
  service_.Run("b", kNoon - 58, kNoon + 2);
  service_.Run("c", kNoon + 2, kNoon + 4);
  service_.Run("d", kNoon + 4, kNoon + 20);
  const Plan plan = PlanAfter(900);
  EXPECT_EQ(plan.after_from, kNoon);
  EXPECT_THAT(plan.timeline.known_changes_unix_s, testing::ElementsAre((kNoon - 60) * 60, kNoon * 60 - 1));
}

struct ResolutionCase {
  int64_t look_s;
  int64_t step_s;
  int64_t span_s;
};

TEST_F(TimelinesTest, ChoosesTheStepByTheLook) {
  service_.Run("a", kNoon - 60 * 1440, kNoon - 60 * 1440 + 1);
  service_.Run("b", kNoon + 7, kNoon + 8);
  for (const auto& [look_s, step_s, span_s] :
       {ResolutionCase{60, 60, 2 * 86'400}, ResolutionCase{899, 60, 2 * 86'400},
        ResolutionCase{900, 300, 15 * 86'400}, ResolutionCase{14'399, 300, 15 * 86'400},
        ResolutionCase{14'400, 3600, 35 * 86'400}, ResolutionCase{86'400, 3600, 35 * 86'400}}) {
    const Plan plan = PlanAfter(look_s);
    EXPECT_EQ(plan.timeline.step_s, step_s) << look_s;
    EXPECT_EQ((plan.after_from - plan.from) * 60, span_s) << look_s;
    EXPECT_EQ(plan.from * 60 % step_s, 0) << look_s;
    EXPECT_LE(plan.after_from, kNoon + 7) << look_s;
    EXPECT_GE(plan.to * 60, (kNoon + 7) * 60 + look_s) << look_s;
    EXPECT_LT(plan.to * 60, (kNoon + 7) * 60 + look_s + step_s) << look_s;
  }
}

TEST_F(TimelinesTest, LooksAtTwoPartialMinutesWhenTheVersionCameInTheMiddleOfOne) {
  service_.Run("a", kNoon - 10, kNoon);
  service_.Run("b", kNoon, kNoon + 2);
  const auto all = store_.Streams();
  const auto streams = StreamsOf(*all, "orders", "production");
  const auto deployments = DeploymentsOf(*StaysOf(store_, streams, kNoon + 2), kNoon + 2);
  const Plan plan = PlanOf(deployments.back(), deployments, streams, kNoonMs + 40'000, 60);
  EXPECT_EQ(plan.after_from, kNoon);
  EXPECT_EQ(plan.to, kNoon + 2);
}

}  // namespace
}  // namespace fieldmark::watch
