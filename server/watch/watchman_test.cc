#include "server/watch/watchman.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "server/watch/answers.h"
#include "server/watch/counting_store.h"
#include "server/watch/fabricated_service.h"

namespace fieldmark::watch {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr Minute kHistory = 26 * 60;

class WatchTest : public testing::Test {
 protected:
  // The last quarter before noon, after a day and two hours.
  void RunUntilNoon(const Behaviour& last_quarter) {
    service_.Run("good", kNoon - kHistory, kNoon - 15);
    service_.Run("good", kNoon - 15, kNoon, last_quarter);
  }
  void LookAtAll(Watch& watch) {
    while (true) {
      const Result<bool> looked = watch.LookAtNext();
      ASSERT_TRUE(looked.ok()) << looked.error().message;
      if (!*looked) return;
    }
  }
  std::vector<store::Incident> Found() { return *store_.Incidents("production", "orders"); }

  store::MemoryStore store_;
  FabricatedService service_{store_};
  UnixMs now_ = (kNoon + 1) * kMsPerMinute;
  Clock clock_ = [this] { return now_; };
  Verdicts verdicts_{store_, clock_};
  Watch watch_{store_, verdicts_, clock_};
  const Watch::Name name_{"orders", "production"};
};

TEST_F(WatchTest, AQuarterLikeTheOthersRaisesNothing) {
  RunUntilNoon({});
  LookAtAll(watch_);
  EXPECT_TRUE(Found().empty());
  EXPECT_EQ(watch_.counts().looks, 2u);
  EXPECT_EQ(watch_.counts().open.at(name_), 0u);
}

TEST_F(WatchTest, WhatBreaksWithoutADeploymentIsAnIncidentOfTheService) {
  RunUntilNoon({.null_share = 0.38});
  LookAtAll(watch_);
  ASSERT_EQ(Found().size(), 1u);
  const store::Incident incident = Found()[0];
  EXPECT_THAT(incident.sentence, StartsWith("POST /orders request customer.phone null 1 % → "));
  EXPECT_EQ(incident.found_at, kNoon * kMsPerMinute);
  EXPECT_GE(incident.since_last, (kNoon - 20) * kMsPerMinute);
  EXPECT_EQ(watch_.counts().open.at(name_), 1u);

  Answers answers(store_, verdicts_, clock_, std::nullopt);
  const Result<ServiceStatus> status = answers.Of("orders", "production");
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(status->incidents.size(), 1u);
  EXPECT_EQ(status->state(), AnswerState::kBad);
  EXPECT_THAT(status->headline(), HasSubstr("Moved: POST /orders request customer.phone null"));
}

TEST_F(WatchTest, WhatIsOverIsNoLongerBadAndGoesAfterADay) {
  RunUntilNoon({.null_share = 0.38});
  LookAtAll(watch_);
  service_.Run("good", kNoon, kNoon + 120);
  for (Minute later = 15; later <= 120; later += 15) {
    now_ = (kNoon + later + 1) * kMsPerMinute;
    LookAtAll(watch_);
  }
  EXPECT_NE(Found()[0].over_at, 0);
  EXPECT_EQ(watch_.counts().open.at(name_), 0u);
  Answers answers(store_, verdicts_, clock_, std::nullopt);
  EXPECT_EQ(answers.Of("orders", "production")->state(), AnswerState::kGood);
  EXPECT_EQ(answers.Of("orders", "production")->incidents.size(), 1u);
  now_ += 25 * 60 * kMsPerMinute;
  EXPECT_TRUE(answers.Of("orders", "production")->incidents.empty());
}

TEST_F(WatchTest, AServerThatBeginsAnewGoesOnWithWhatItFound) {
  RunUntilNoon({.null_share = 0.38});
  LookAtAll(watch_);
  Watch anew(store_, verdicts_, clock_);
  service_.Run("good", kNoon, kNoon + 15, {.null_share = 0.38});
  now_ = (kNoon + 16) * kMsPerMinute;
  LookAtAll(anew);
  ASSERT_EQ(Found().size(), 1u);
  EXPECT_EQ(Found()[0].seen_at, (kNoon + 15) * kMsPerMinute);
}

TEST_F(WatchTest, ADeploymentIsLeftToItsVerdict) {
  service_.Run("good", kNoon - kHistory, kNoon - 14);
  service_.Run("bad", kNoon - 14, kNoon + 45, {.null_share = 0.38});
  for (Minute later = 0; later <= 45; later += 15) {
    now_ = (kNoon + later + 1) * kMsPerMinute;
    LookAtAll(watch_);
  }
  EXPECT_TRUE(Found().empty());
  EXPECT_EQ(watch_.counts().looks, 2u) << "quarters from half an hour after it on";
}

TEST_F(WatchTest, AQuarterIsLookedAtOnceAndTheNextWhenItIsOver) {
  RunUntilNoon({});
  LookAtAll(watch_);
  now_ = (kNoon + 15) * kMsPerMinute;  // what was sent last may still come
  EXPECT_FALSE(*watch_.LookAtNext());
  now_ += 15'000;
  EXPECT_TRUE(*watch_.LookAtNext());
  EXPECT_FALSE(*watch_.LookAtNext());
}

TEST_F(WatchTest, LooksAtEveryServiceThatIsNotSilentTheOneThatWaitedLongestFirst) {
  RunUntilNoon({});
  FabricatedService other(store_, "billing", "production"), gone(store_, "gone", "production");
  other.Run("v1", kNoon - 60, kNoon);
  gone.Run("v1", kNoon - 3 * 1440, kNoon - 2 * 1440);
  EXPECT_TRUE(*watch_.LookAtNext());
  EXPECT_TRUE(watch_.counts().open.contains({"billing", "production"}));
  EXPECT_FALSE(watch_.counts().open.contains(name_));
  now_ += 15 * kMsPerMinute;
  EXPECT_TRUE(*watch_.LookAtNext()) << "a quarter went by before all were looked at";
  EXPECT_TRUE(watch_.counts().open.contains(name_));
  LookAtAll(watch_);
  EXPECT_FALSE(watch_.counts().open.contains({"gone", "production"}));
}

// Ends whoever looks, by its first read.
class EndingStore : public CountingStore {
 public:
  Status Visit(const store::Query& query, const store::PieceVisitor& visit) override {
    end.request_stop();
    return CountingStore::Visit(query, visit);
  }
  std::stop_source end;
};

TEST(Watch, ALookThatIsStoppedEndsWithTheSubjectThatItIsAt) {
  EndingStore store;
  FabricatedService service(store);
  service.Run("good", kNoon - 300, kNoon);
  const Clock clock = [] { return (kNoon + 1) * kMsPerMinute; };
  Verdicts verdicts(store, clock);
  Watch watch(store, verdicts, clock);
  const Result<bool> stopped = watch.LookAtNext(store.end.get_token());
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(watch.counts().looks, 0u);
  const int reads_of_one = store.reads.exchange(0);

  Watch again(store, verdicts, clock);
  EXPECT_TRUE(*again.LookAtNext());
  EXPECT_GT(store.reads, reads_of_one);
}

TEST_F(WatchTest, WithoutABudgetNothingIsLookedAt) {
  RunUntilNoon({.null_share = 0.38});
  Watch off(store_, verdicts_, clock_, {.alarms_a_week = 0});
  EXPECT_FALSE(*off.LookAtNext());
  EXPECT_TRUE(Found().empty());
}

TEST_F(WatchTest, EachLookAsksAMomentOfThePast) {
  constexpr Minute kSeven = kNoon - 300, kEight = kNoon - 240;  // in a night when nobody watched
  service_.Run("good", kNoon - 4 * 1440, kSeven);
  service_.Run("good", kSeven, kEight, {.null_share = 0.38});
  service_.Run("good", kEight, kNoon);
  LookAtAll(watch_);
  EXPECT_EQ(store_.Moments("production", "orders")->size(), 1u);
  service_.Run("good", kNoon, kNoon + 15);
  now_ += 15 * kMsPerMinute;
  LookAtAll(watch_);
  const std::vector<store::Moment> asked = *store_.Moments("production", "orders");
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].at, (kNoon - 120) * kMsPerMinute);
  EXPECT_EQ(asked[0].q_value, 1);
  EXPECT_GT(asked[0].judged, 0);
  EXPECT_EQ(asked[1].at, kSeven * kMsPerMinute);
  EXPECT_LT(asked[1].q_value, 0.005);
}

TEST_F(WatchTest, AThreadLooks) {
  RunUntilNoon({.null_share = 0.38});
  const Watchman watchman(watch_, std::chrono::milliseconds(1));
  while (Found().empty()) std::this_thread::yield();
}

}  // namespace
}  // namespace fieldmark::watch
