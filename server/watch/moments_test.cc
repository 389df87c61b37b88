#include "server/watch/moments.h"

#include <gtest/gtest.h>

#include <set>

#include "server/watch/fabricated_service.h"

namespace fieldmark::watch {
namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kDayMs = 24 * kHourMs;
constexpr UnixMs kTo = kNoon * kMsPerMinute;
constexpr size_t kAll = 1'000;

judge::Timeline DaysUpToNoon(int64_t days) {
  return {(kTo - days * kDayMs) / 1000, 300, static_cast<size_t>(days * 288), {}, {}};
}

Change DeploymentAt(UnixMs at, std::optional<Minute> last_old = std::nullopt) {
  Deployment deployment;
  deployment.from_version = "v1";
  deployment.to_version = "v2";
  deployment.at = MinuteOf(at);
  deployment.last_old = last_old;
  return {deployment, std::nullopt};
}

store::Incident IncidentIn(UnixMs since, UnixMs over) {
  store::Incident incident;
  incident.since_first = incident.since_last = since;
  incident.over_at = over;
  return incident;
}

std::vector<store::Moment> Kept(size_t count, double q_value = 1) {
  std::vector<store::Moment> kept;
  for (const UnixMs at : MomentsToAsk(DaysUpToNoon(15), kTo, QuietTimes({}, {}), {}, count))
    kept.push_back({"production", "orders", at, kMomentLookS, 100, q_value});
  return kept;
}

judge::Verdict VerdictWith(judge::State state, double spend, size_t judged = 120) {
  judge::Verdict verdict;
  verdict.state = state;
  verdict.change.spend = spend;
  verdict.judged = judged;
  return verdict;
}

TEST(MomentsToAskTest, AreApartOfAllClockHoursAndHaveAPastNewestFirst) {
  const std::vector<UnixMs> moments = MomentsToAsk(DaysUpToNoon(15), kTo, QuietTimes({}, {}), {}, kAll);
  EXPECT_GE(moments.size(), 90u);
  EXPECT_LE(moments.size(), store::kMomentsMax);
  EXPECT_LE(moments.front() + kMomentLookS * 1000, kTo);
  EXPECT_GE(moments.back(), kTo - 12 * kDayMs);
  std::set<int64_t> clock_hours;
  for (size_t i = 0; i < moments.size(); ++i) {
    clock_hours.insert(moments[i] / kHourMs % 24);
    EXPECT_TRUE(i == 0 || moments[i - 1] - moments[i] >= 2 * kHourMs) << i;
  }
  EXPECT_EQ(clock_hours.size(), 24u);
  EXPECT_GE(MomentsToAsk(DaysUpToNoon(35), kTo, QuietTimes({}, {}), {}, kAll).back(), kTo - 14 * kDayMs);
  EXPECT_TRUE(MomentsToAsk(DaysUpToNoon(3), kTo, QuietTimes({}, {}), {}, kAll).empty());
}

TEST(MomentsToAskTest, AreThoseThatWereNotAsked) {
  const auto asked = Kept(4);
  const std::vector<UnixMs> next = MomentsToAsk(DaysUpToNoon(15), kTo, QuietTimes({}, {}), asked, 2);
  ASSERT_EQ(next.size(), 2u);
  EXPECT_LT(next[0], asked.back().at);
}

TEST(QuietTimesTest, HoldNoMomentWithinAnHourOfAChange) {
  const QuietTimes quiet({DeploymentAt(kTo)}, {});
  EXPECT_TRUE(quiet.Holds(kTo - kHourMs));
  EXPECT_FALSE(quiet.Holds(kTo - kHourMs + kMsPerMinute));
  EXPECT_FALSE(quiet.Holds(kTo + kHourMs));
  EXPECT_TRUE(quiet.Holds(kTo + kHourMs + kMsPerMinute));
}

TEST(QuietTimesTest, HoldNoMomentAtTheEndOfASlowRollOutAnAnnouncedChangeOrAnIncident) {
  const QuietTimes slow({DeploymentAt(kTo - 10 * kHourMs, MinuteOf(kTo))}, {});
  EXPECT_FALSE(slow.Holds(kTo));
  store::AnnouncedChange migration;
  migration.at = kTo;
  EXPECT_FALSE(QuietTimes({{std::nullopt, migration}}, {}).Holds(kTo));
  const QuietTimes incident({}, {IncidentIn(kTo, kTo + 5 * kHourMs)});
  EXPECT_TRUE(incident.Holds(kTo - kHourMs));
  EXPECT_FALSE(incident.Holds(kTo + 3 * kHourMs));
  EXPECT_TRUE(incident.Holds(kTo + 6 * kHourMs));
  EXPECT_FALSE(QuietTimes({}, {IncidentIn(kTo, 0)}).Holds(kTo + 24 * kHourMs)) << "it lasts";
}

TEST(CountMomentsTest, CountsWhatWouldHaveBeenChangedAtTheVerdictsShareOfTheBudget) {
  std::vector<store::Moment> kept = Kept(30);
  kept[3].q_value = 0.008;
  kept[7].q_value = 0.03;
  const QuietTimes quiet({}, {});
  for (const auto& [spend, flagged] : {std::pair(0.005, 0u), std::pair(0.01, 1u), std::pair(0.05, 2u)}) {
    const auto count = CountMoments(kept, quiet, VerdictWith(judge::State::kChanged, spend), kTo);
    ASSERT_TRUE(count);
    EXPECT_EQ(count->asked, 30u);
    EXPECT_EQ(count->flagged, flagged) << spend;
  }
}

TEST(CountMomentsTest, SaysNothingOnTooFewNorOfAVerdictThatSaysNothing) {
  const QuietTimes quiet({}, {});
  const judge::Verdict changed = VerdictWith(judge::State::kChanged, 0.05);
  EXPECT_TRUE(CountMoments(Kept(kMomentsMin), quiet, changed, kTo));
  EXPECT_FALSE(CountMoments(Kept(kMomentsMin - 1), quiet, changed, kTo));
  EXPECT_FALSE(CountMoments(Kept(30), quiet, VerdictWith(judge::State::kNotEnough, 0.05), kTo));
  EXPECT_FALSE(CountMoments(Kept(30), quiet, VerdictWith(judge::State::kCannotCompare, 0.05), kTo));
}

TEST(CountMomentsTest, LeavesOutWhatCannotBeCompared) {
  const auto asked_of = [](const QuietTimes& quiet, size_t judged, UnixMs now) {
    const auto count = CountMoments(Kept(30), quiet, VerdictWith(judge::State::kNoChange, 0.05, judged), now);
    return count ? count->asked : 0;
  };
  EXPECT_EQ(asked_of(QuietTimes({}, {}), 200, kTo), 30u);
  EXPECT_EQ(asked_of(QuietTimes({}, {}), 201, kTo), 0u) << "most of its signals were too quiet then";
  EXPECT_LT(asked_of(QuietTimes({}, {}), 200, kTo + 12 * kDayMs), 30u) << "older than a fortnight";
  const QuietTimes now_known({}, {IncidentIn(kTo - 20 * kHourMs, kTo - 15 * kHourMs)});
  EXPECT_LT(asked_of(now_known, 200, kTo), 30u) << "what was learnt since they were asked";
}

TEST(CountMomentsTest, SaysSoInASentence) {
  EXPECT_EQ(SentenceOf({96, 1}),
            "On 96 comparable hours of the last 14 days, without a change or an incident, this check would "
            "have flagged 1.");
  EXPECT_EQ(SentenceOf({20, 0}),
            "On 20 comparable hours of the last 14 days, without a change or an incident, this check would "
            "have flagged none.");
}

}  // namespace
}  // namespace fieldmark::watch
