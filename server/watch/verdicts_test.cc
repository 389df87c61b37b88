#include "server/watch/verdicts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "server/watch/fabricated_service.h"
#include "server/watch/held_store.h"

namespace fieldmark::watch {
namespace {

using testing::HasSubstr;

constexpr Minute kHistory = 10 * 60;
constexpr int64_t kLookS = 300;

class VerdictsTest : public testing::Test {
 protected:
  DeploymentVerdict MustOf(std::optional<std::string_view> version = std::nullopt,
                           std::optional<int64_t> look_s = kLookS) {
    Result<DeploymentVerdict> verdict = verdicts_.Of("orders", "production", version, look_s);
    EXPECT_TRUE(verdict.ok()) << verdict.error().message;
    return *verdict;
  }
  Result<DeploymentVerdict> AtOnce() {
    return verdicts_.Of("orders", "production", std::nullopt, kLookS, std::chrono::milliseconds(0));
  }
  bool Finds(const DeploymentVerdict& verdict, std::string_view field, std::string_view statistic) {
    const auto& findings = verdict.verdict.findings;
    return std::any_of(findings.begin(), findings.end(), [&](const judge::Finding& finding) {
      return finding.state == judge::State::kChanged && finding.field == field &&
             finding.statistic == statistic;
    });
  }

  HeldStore store_;
  FabricatedService service_{store_};
  UnixMs now_ = (kNoon + 6) * kMsPerMinute;
  Verdicts verdicts_{store_, [this] { return now_; }};
};

TEST_F(VerdictsTest, FindsAPlantedShareOfNulls) {
  service_.Run("good", kNoon - kHistory, kNoon);
  service_.Run("bad", kNoon, kNoon + 6, {.null_share = 0.38});
  const DeploymentVerdict verdict = MustOf();
  EXPECT_EQ(verdict.verdict.state, judge::State::kChanged) << verdict.verdict.sentence;
  EXPECT_TRUE(Finds(verdict, "customer.phone", "null"));
  EXPECT_EQ(verdict.deployment.to_version, "bad");
  EXPECT_EQ(verdict.deployment.from_version, "good");
  EXPECT_EQ(verdict.look_s, kLookS);
}

TEST_F(VerdictsTest, SeesNoChangeWhereNothingChanged) {
  service_.Run("good", kNoon - kHistory, kNoon);
  service_.Run("decoy", kNoon, kNoon + 6);
  const DeploymentVerdict verdict = MustOf();
  EXPECT_EQ(verdict.verdict.state, judge::State::kNoChange) << verdict.verdict.sentence;
  EXPECT_TRUE(verdict.verdict.findings.empty());
}

TEST_F(VerdictsTest, FindsAnErrorThatOnlyTheNewVersionLogs) {
  service_.Run("good", kNoon - kHistory, kNoon, {.logs = "WARNING slow answer of %s"});
  service_.Run("bad", kNoon, kNoon + 6, {.logs = "ERROR charging %s failed · Timeout in shop.pay"});
  const DeploymentVerdict verdict = MustOf();
  EXPECT_EQ(verdict.verdict.state, judge::State::kChanged) << verdict.verdict.sentence;
  const std::string kind = "ERROR charging %s failed · Timeout in shop.pay";
  EXPECT_TRUE(Finds(verdict, "", kind));
  ASSERT_EQ(verdict.new_errors.size(), 1u);
  EXPECT_EQ(verdict.new_errors[0].subject, "log shop");
  EXPECT_EQ(verdict.new_errors[0].kind, kind);
  EXPECT_GE(verdict.new_errors[0].count, 60u);
  EXPECT_EQ(verdict.new_errors[0].first_seen_at, kNoon * kMsPerMinute);
}

// And what the earlier version failed and refused has traces too, which are not those of the finding.
TEST_F(VerdictsTest, FindsWhatIsRefusedSinceAVersionAndGivesTracesOfIt) {
  service_.Run("good", kNoon - kHistory, kNoon,
               {.failed_share = 0.001, .refused_share = 0.001, .trace_mark = 1});
  service_.Run("bad", kNoon, kNoon + 6, {.failed_share = 0.2, .refused_share = 0.2, .trace_mark = 2});
  const DeploymentVerdict verdict = MustOf();
  EXPECT_TRUE(Finds(verdict, "body.customer.phone", "invalid missing"));
  EXPECT_TRUE(Finds(verdict, "", "status 5xx"));
  for (const char* signal : {"POST /orders body.customer.phone invalid missing", "POST /orders status 5xx"}) {
    const auto traces = verdict.traces.find(signal);
    ASSERT_NE(traces, verdict.traces.end()) << signal;
    EXPECT_EQ(traces->second.ids().size(), sketch::TraceIds::kIdsMax);
    for (const sketch::TraceId& id : traces->second.ids()) EXPECT_EQ(id[0], 2) << signal;
  }
  for (const auto& [signal, traces] : verdict.traces) {
    const auto& findings = verdict.verdict.findings;
    EXPECT_TRUE(std::any_of(findings.begin(), findings.end(),
                            [&, name = signal](const auto& finding) { return finding.signal == name; }));
  }
}

store::Incident IncidentOf(const std::string& signal, Minute since, Minute over) {
  store::Incident incident;
  incident.environment = "production";
  incident.service = "orders";
  incident.signal = signal;
  incident.since_first = incident.since_last = since * kMsPerMinute;
  incident.over_at = over * kMsPerMinute;
  return incident;
}

TEST_F(VerdictsTest, AnIncidentThatIsKnownIsNoPastToCompareWith) {
  service_.Run("good", kNoon - 2 * 1440, kNoon - 300);
  service_.Run("good", kNoon - 300, kNoon - 120, {.null_share = 0.38});
  service_.Run("good", kNoon - 120, kNoon);
  service_.Run("bad", kNoon, kNoon + 16, {.null_share = 0.08});
  now_ = (kNoon + 16) * kMsPerMinute;
  EXPECT_FALSE(Finds(MustOf(std::nullopt, 900), "customer.phone", "null")) << "as it had been before";
  ASSERT_TRUE(
      store_.SaveIncident(IncidentOf("POST /orders request customer.phone null", kNoon - 300, kNoon - 120))
          .ok());
  Verdicts anew(store_, [this] { return now_; });
  EXPECT_TRUE(Finds(*anew.Of("orders", "production", std::nullopt, 900), "customer.phone", "null"));
}

TEST_F(VerdictsTest, AnIncidentThatLastsIsNotTheDeploymentsDoing) {
  const Behaviour broken{.null_share = 0.38, .latency_ms = 80};
  service_.Run("good", kNoon - 2 * 1440, kNoon - 300);
  service_.Run("good", kNoon - 300, kNoon, broken);
  service_.Run("decoy", kNoon, kNoon + 16, broken);
  now_ = (kNoon + 16) * kMsPerMinute;
  for (const char* signal : {"POST /orders request customer.phone null", "POST /orders latency"})
    ASSERT_TRUE(store_.SaveIncident(IncidentOf(signal, kNoon - 300, 0)).ok());
  const DeploymentVerdict verdict = MustOf(std::nullopt, 900);
  ASSERT_EQ(verdict.verdict.findings.size(), 2u);
  for (const judge::Finding& finding : verdict.verdict.findings)
    EXPECT_EQ(finding.qualifier, "started earlier") << finding.sentence;
}

TEST_F(VerdictsTest, SaysHowOftenItWouldHaveFlaggedTheServiceWithoutAChange) {
  service_.Run("good", kNoon - kHistory, kNoon);
  service_.Run("bad", kNoon, kNoon + 6, {.null_share = 0.38});
  EXPECT_FALSE(MustOf().moments) << "none were asked";
  for (int64_t hours = 2; hours < 2 + 3 * 25; hours += 3) {
    const UnixMs at = (kNoon - hours * 60) * kMsPerMinute;
    ASSERT_TRUE(
        store_.SaveMoment({"production", "orders", at, kMomentLookS, 100, hours == 5 ? 0.04 : 1}).ok());
  }
  const DeploymentVerdict verdict = MustOf();
  ASSERT_TRUE(verdict.moments);
  EXPECT_EQ(verdict.moments->asked, 25u);
  EXPECT_EQ(verdict.moments->flagged, 1u);
}

TEST_F(VerdictsTest, ListsNewErrorsBeforeTheFirstLook) {
  service_.Run("good", kNoon - kHistory, kNoon);
  service_.Run("bad", kNoon, kNoon + 2, {.logs = "ERROR charging %s failed"});
  now_ = (kNoon + 2) * kMsPerMinute;
  const DeploymentVerdict verdict = MustOf();
  EXPECT_EQ(verdict.verdict.state, judge::State::kNotEnough);
  EXPECT_TRUE(verdict.verdict.findings.empty());
  ASSERT_EQ(verdict.new_errors.size(), 1u);
  EXPECT_EQ(verdict.new_errors[0].kind, "ERROR charging %s failed");
  EXPECT_EQ(verdict.new_errors[0].count, 24u);
}

TEST_F(VerdictsTest, AnErrorThatMovedToAnotherLineIsNotNew) {
  service_.Run("good", kNoon - kHistory, kNoon, {.logs = "ERROR payments:41"});
  service_.Run("decoy", kNoon, kNoon + 6, {.logs = "ERROR payments:57"});
  const DeploymentVerdict verdict = MustOf();
  EXPECT_EQ(verdict.verdict.state, judge::State::kNoChange) << verdict.verdict.sentence;
  EXPECT_TRUE(verdict.new_errors.empty());
}

TEST_F(VerdictsTest, WhatTheOldVersionHadNoTimeToLogIsNotCalledNew) {
  service_.Run("good", kNoon - 2, kNoon);
  service_.Run("bad", kNoon, kNoon + 6, {.logs = "ERROR charging %s failed"});
  EXPECT_TRUE(MustOf().new_errors.empty());
}

// Else the look would end with the five minutes that hold both.
TEST_F(VerdictsTest, LooksOnWhereTwoDeploymentsFallIntoOneStepAndSaysThatItCannotTellThem) {
  service_.Run("good", kNoon - kHistory, kNoon + 1, {.requests_a_minute = 20});
  service_.Run("middle", kNoon + 1, kNoon + 3, {.requests_a_minute = 20});
  service_.Run("bad", kNoon + 3, kNoon + 20, {.null_share = 0.38, .requests_a_minute = 20});
  now_ = (kNoon + 20) * kMsPerMinute;
  const DeploymentVerdict verdict = MustOf(std::nullopt, 900);
  ASSERT_TRUE(Finds(verdict, "customer.phone", "null")) << verdict.verdict.sentence;
  const judge::Finding& found = verdict.verdict.findings[0];
  EXPECT_THAT(found.sentence, HasSubstr("cannot separate from the change at 12:00"));
  EXPECT_GE(found.n_after, 17 * 20 * 0.8);
}

TEST_F(VerdictsTest, SeesNoChangeAfterARollback) {
  service_.Run("good", kNoon - kHistory, kNoon - 60);
  service_.Run("bad", kNoon - 60, kNoon, {.null_share = 0.38});
  service_.Run("good", kNoon, kNoon + 6);
  const DeploymentVerdict verdict = MustOf();
  EXPECT_TRUE(verdict.deployment.is_return);
  EXPECT_EQ(verdict.deployment.from_version, "bad");
  EXPECT_EQ(verdict.verdict.state, judge::State::kNoChange) << verdict.verdict.sentence;
}

TEST_F(VerdictsTest, StillAnswersForAnEarlierDeployment) {
  service_.Run("good", kNoon - kHistory, kNoon - 60);
  service_.Run("bad", kNoon - 60, kNoon, {.null_share = 0.38});
  service_.Run("fixed", kNoon, kNoon + 6);
  EXPECT_TRUE(Finds(MustOf("bad"), "customer.phone", "null"));
  EXPECT_EQ(MustOf().deployment.to_version, "fixed");
}

TEST_F(VerdictsTest, CannotCompareTheFirstVersion) {
  service_.Run("good", kNoon - kHistory, kNoon + 6);
  const DeploymentVerdict verdict = MustOf();
  EXPECT_EQ(verdict.verdict.state, judge::State::kCannotCompare);
  EXPECT_EQ(verdict.deployment.from_version, std::nullopt);
}

TEST_F(VerdictsTest, WaitsForAsMuchTimeAsALookTakes) {
  service_.Run("good", kNoon - kHistory, kNoon);
  service_.Run("bad", kNoon, kNoon + 2, {.null_share = 0.38});
  now_ = (kNoon + 2) * kMsPerMinute;
  const DeploymentVerdict verdict = MustOf();
  EXPECT_EQ(verdict.verdict.state, judge::State::kNotEnough);
  EXPECT_EQ(verdict.next_look_at, verdict.deployment.at * kMsPerMinute + kLookS * 1000 + kMsPerMinute);
  EXPECT_THAT(verdict.verdict.sentence, HasSubstr("5 min after the deployment"));
}

TEST_F(VerdictsTest, TakesTheLatestLookOfTheScheduleThatIsDue) {
  service_.Run("good", kNoon - 3 * 1440, kNoon, {.requests_a_minute = 50});
  service_.Run("decoy", kNoon, kNoon + 1, {.requests_a_minute = 50});
  struct Case {
    Minute after;
    int64_t look_s;
    std::optional<Minute> next;
  };
  for (const auto& [after, look_s, next] : {Case{5, 900, 16}, Case{20, 900, 61}, Case{70, 3600, 241},
                                            Case{250, 14'400, 1441}, Case{2000, 86'400, std::nullopt}}) {
    now_ = (kNoon + after) * kMsPerMinute;
    const DeploymentVerdict verdict = MustOf(std::nullopt, std::nullopt);
    EXPECT_EQ(verdict.look_s, look_s) << after;
    EXPECT_EQ(verdict.next_look_at.has_value(), next.has_value()) << after;
    if (next && verdict.next_look_at) {
      EXPECT_EQ(*verdict.next_look_at, (kNoon + *next) * kMsPerMinute) << after;
    }
    if (after >= 20) {
      EXPECT_EQ(verdict.verdict.change.spend, DefaultLooks()[after >= 2000  ? 3
                                                             : after >= 250 ? 2
                                                             : after >= 70  ? 1
                                                                            : 0]
                                                  .spend);
    }
  }
}

TEST_F(VerdictsTest, SpendsTheWholeBudgetOnALookThatWasAskedFor) {
  service_.Run("good", kNoon - kHistory, kNoon);
  service_.Run("decoy", kNoon, kNoon + 6);
  EXPECT_EQ(MustOf().verdict.change.spend, kFalseAlarmBudget);
}

TEST_F(VerdictsTest, JudgesAgainOnlyWhenThereAreNewData) {
  service_.Run("good", kNoon - kHistory, kNoon);
  service_.Run("bad", kNoon, kNoon + 6, {.null_share = 0.38});
  MustOf();
  const int reads = store_.reads.load();
  now_ += 3'600'000;
  MustOf();
  EXPECT_EQ(store_.reads, reads);
  service_.Run("good", kNoon - 3, kNoon, {}, bucket::Source::kLive, /*received_later=*/30);
  now_ += 3'600'000;
  MustOf();
  EXPECT_GT(store_.reads, reads);
}

TEST_F(VerdictsTest, IsMadeOnceForAllWhoAskAtTheSameTime) {
  service_.Run("good", kNoon - kHistory, kNoon);
  service_.Run("bad", kNoon, kNoon + 6, {.null_share = 0.38});
  const int reads_before = store_.reads;
  MustOf(std::nullopt, 60);
  const int reads_for_one = store_.reads - reads_before;
  std::vector<std::thread> askers;
  for (int i = 0; i < 8; ++i) {
    askers.emplace_back([this] { EXPECT_EQ(MustOf().verdict.state, judge::State::kChanged); });
  }
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(store_.reads - reads_before, 2 * reads_for_one);
}

TEST_F(VerdictsTest, SayThatTheyAreBeingMadeToWhoeverDoesNotWait) {
  service_.Run("good", kNoon - kHistory, kNoon);
  service_.Run("bad", kNoon, kNoon + 6, {.null_share = 0.38});
  store_.Hold();
  const int reads_before = store_.reads;
  for (int i = 0; i < 3; ++i) {
    const Result<DeploymentVerdict> soon = AtOnce();
    ASSERT_TRUE(soon.ok()) << soon.error().message;
    EXPECT_TRUE(soon->judging);
    EXPECT_EQ(soon->verdict.state, judge::State::kNotEnough);
    EXPECT_EQ(soon->verdict.title, "Judging");
    EXPECT_TRUE(soon->verdict.findings.empty());
  }
  store_.LetGo();
  const DeploymentVerdict verdict = MustOf();
  EXPECT_FALSE(verdict.judging);
  EXPECT_EQ(verdict.verdict.state, judge::State::kChanged);
  const int reads_for_one = store_.reads - reads_before;
  MustOf(std::nullopt, 60);
  EXPECT_EQ(store_.reads - reads_before, 2 * reads_for_one) << "once for all who asked";
}

TEST_F(VerdictsTest, AreKeptForHundredsOfServices) {
  constexpr int kServices = 300;
  const auto of = [&](int which, Patience patience) {
    return *verdicts_.Of("service-" + std::to_string(which), "production", std::nullopt, std::nullopt,
                         patience);
  };
  for (int which = 0; which < kServices; ++which) {
    FabricatedService one(store_, "service-" + std::to_string(which));
    one.Run("good", kNoon - 2, kNoon, {.requests_a_minute = 2});
    EXPECT_FALSE(of(which, std::nullopt).judging);
  }
  store_.Hold();
  for (int which = 0; which < kServices; ++which)
    EXPECT_FALSE(of(which, std::chrono::milliseconds(0)).judging) << which;
  store_.LetGo();
}

TEST_F(VerdictsTest, OnlySoManyWaitToBeMade) {
  constexpr int kRoom = 256;
  service_.Run("good", kNoon - 4, kNoon, {.requests_a_minute = 2});
  service_.Run("bad", kNoon, kNoon + 6, {.requests_a_minute = 2});
  now_ += 3'600'000;
  const int reads_before = store_.reads;
  MustOf(std::nullopt, 30);
  const int reads_for_one = store_.reads - reads_before;
  ASSERT_GT(reads_for_one, 0);
  store_.Hold();
  for (int look_s = 31; look_s < 31 + 2 * kRoom; ++look_s) {
    const Result<DeploymentVerdict> soon =
        verdicts_.Of("orders", "production", std::nullopt, look_s, std::chrono::milliseconds(0));
    ASSERT_TRUE(soon.ok());
    EXPECT_TRUE(soon->judging);
  }
  store_.LetGo();
  MustOf(std::nullopt, 31 + 2 * kRoom);  // behind those that wait
  EXPECT_LE(store_.reads - reads_before, (kRoom + 3) * reads_for_one);
  EXPECT_FALSE(MustOf(std::nullopt, 30 + 2 * kRoom).judging) << "there is room again";
}

TEST_F(VerdictsTest, StandInForTheirSuccessorsWhileTheyAreRecent) {
  service_.Run("good", kNoon - kHistory, kNoon);
  service_.Run("bad", kNoon, kNoon + 6, {.null_share = 0.38});
  const UnixMs judged_at = MustOf().looked_at;
  service_.Run("good", kNoon - 3, kNoon, {}, bucket::Source::kLive, /*received_later=*/30);
  store_.Hold();
  now_ += 60'000;
  EXPECT_EQ(AtOnce()->looked_at, judged_at);
  EXPECT_FALSE(AtOnce()->judging);
  now_ += 3'600'000;
  EXPECT_TRUE(AtOnce()->judging) << "an hour later it is an old one";
  store_.LetGo();
  EXPECT_GT(MustOf().looked_at, judged_at);
}

TEST_F(VerdictsTest, SayWhyTheyCannotBeMade) {
  service_.Run("good", kNoon - kHistory, kNoon);
  service_.Run("bad", kNoon, kNoon + 6, {.null_share = 0.38});
  store_.LetGo(/*broken=*/true);
  EXPECT_FALSE(verdicts_.Of("orders", "production", std::nullopt, kLookS).ok());
  store_.Hold();
  EXPECT_FALSE(AtOnce().ok()) << "nor does it look as if it were under way";
  store_.LetGo();
  EXPECT_EQ(MustOf().verdict.state, judge::State::kChanged);
}

TEST_F(VerdictsTest, KnowsWhatItNeverHeardOf) {
  service_.Run("good", kNoon - 10, kNoon);
  EXPECT_EQ(verdicts_.Of("nobody", "production").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(verdicts_.Of("orders", "production", "nothing").error().code, ErrorCode::kNotFound);
}

TEST(LooksTest, ShareTheBudget) {
  double spent = 0;
  for (const Look& look : DefaultLooks()) spent += look.spend;
  EXPECT_NEAR(spent, kFalseAlarmBudget, 1e-12);
  const Result<std::vector<Look>> two = LooksOf({60, 300});
  ASSERT_TRUE(two.ok());
  EXPECT_EQ((*two)[1].after_s, 300);
  EXPECT_DOUBLE_EQ((*two)[1].spend, 0.025);
}

TEST(LooksTest, AscendWithinTheirLimits) {
  for (const std::vector<int64_t>& looks :
       std::vector<std::vector<int64_t>>{{}, {29}, {86'401}, {300, 300}, {300, 60}}) {
    EXPECT_EQ(LooksOf(looks).ok(), false);
  }
}

}  // namespace
}  // namespace fieldmark::watch
