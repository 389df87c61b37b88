#include "server/watch/deployments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/watch/fabricated_service.h"

namespace fieldmark::watch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Minute kNow = 10'000;

std::vector<std::string> Names(const std::vector<Deployment>& deployments) {
  std::vector<std::string> names;
  for (const Deployment& one : deployments) {
    names.push_back(one.from_version.value_or("-") + ">" + one.to_version + "@" + std::to_string(one.at) +
                    (one.is_return ? " return" : ""));
  }
  return names;
}

TEST(DeploymentsTest, OrdersVersionsByTheirFirstMinute) {
  EXPECT_THAT(Names(DeploymentsOf({{"b", 100, 200}, {"a", 1, 99}, {"c", 201, 300}}, kNow)),
              ElementsAre("->a@1", "a>b@100", "b>c@201"));
}

TEST(DeploymentsTest, HasNoneWithoutVersions) { EXPECT_THAT(DeploymentsOf({}, kNow), IsEmpty()); }

TEST(DeploymentsTest, TakesARollingHandOverForOneDeployment) {
  const auto deployments = DeploymentsOf({{"a", 1, 104}, {"b", 100, 200}}, kNow);
  EXPECT_THAT(Names(deployments), ElementsAre("->a@1", "a>b@100"));
  EXPECT_EQ(deployments[1].last_old, 104);
}

TEST(DeploymentsTest, KnowsNoLastMinuteOfAVersionThatStillRuns) {
  const auto deployments = DeploymentsOf({{"a", 1, 104}, {"b", 100, 105}}, 105);
  EXPECT_EQ(deployments[1].last_old, std::nullopt);
}

TEST(DeploymentsTest, CountsARollbackAsADeploymentOfTheEarlierVersion) {
  const auto deployments = DeploymentsOf({{"a", 1, 104}, {"b", 100, 130}, {"a", 128, 300}}, kNow);
  EXPECT_THAT(Names(deployments), ElementsAre("->a@1", "a>b@100", "b>a@128 return"));
  EXPECT_EQ(deployments[2].old_since, 100);
}

TEST(DeploymentsTest, DoesNotCountSilenceWithoutAnotherVersion) {
  EXPECT_THAT(Names(DeploymentsOf({{"a", 1, 104}, {"a", 500, 600}}, kNow)), ElementsAre("->a@1"));
}

TEST(DeploymentsTest, ComparesWithWhatWasRunningAfterAnAbandonedCanary) {
  EXPECT_THAT(Names(DeploymentsOf({{"a", 1, 300}, {"canary", 100, 130}, {"b", 300, 400}}, kNow)),
              ElementsAre("->a@1", "a>canary@100", "a>b@300"));
}

TEST(DeploymentsTest, SaysWhatToGoBackTo) {
  const auto deployments = DeploymentsOf({{"a", 1, 99}, {"b", 100, 130}, {"a", 131, 300}}, kNow);
  EXPECT_EQ(RollbackAdvice(deployments[0]), "");
  EXPECT_EQ(RollbackAdvice(deployments[1]), "go back to a");
  EXPECT_EQ(RollbackAdvice(deployments[2]), "this already went back to a");
}

class StaysTest : public testing::Test {
 protected:
  std::vector<Stay> Stays(Minute now) {
    const auto all = store_.Streams();
    Result<std::vector<Stay>> stays = StaysOf(store_, StreamsOf(*all, "orders", "production"), now);
    EXPECT_TRUE(stays.ok());
    return *stays;
  }

  store::MemoryStore store_;
  FabricatedService service_{store_};
};

TEST_F(StaysTest, SplitsAVersionThatWasGoneWhileAnotherRan) {
  service_.Run("a", kNoon, kNoon + 30);
  service_.Run("b", kNoon + 28, kNoon + 40);
  service_.Run("a", kNoon + 39, kNoon + 60);
  EXPECT_THAT(Stays(kNoon + 60),
              testing::UnorderedElementsAre(Stay{"a", kNoon, kNoon + 29}, Stay{"b", kNoon + 28, kNoon + 39},
                                            Stay{"a", kNoon + 39, kNoon + 59}));
}

TEST_F(StaysTest, KeepsAVersionWholeThatRanThroughout) {
  service_.Run("a", kNoon, kNoon + 60);
  service_.Run("b", kNoon + 20, kNoon + 40);
  EXPECT_THAT(Stays(kNoon + 60),
              testing::UnorderedElementsAre(Stay{"a", kNoon, kNoon + 59}, Stay{"b", kNoon + 20, kNoon + 39}));
}

TEST_F(StaysTest, FindsAnOldRollbackAtACoarserStep) {
  const Minute now = kNoon + 5 * 1440;
  service_.Run("a", kNoon, kNoon + 60);
  service_.Run("b", kNoon + 60, kNoon + 120);
  service_.Run("a", kNoon + 120, kNoon + 180);
  const std::vector<Stay> stays = Stays(now);
  EXPECT_EQ(stays.size(), 3u);
  EXPECT_EQ(DeploymentsOf(stays, now).back().is_return, true);
}

// As when a developer saves twice: names, which may be hashes, say nothing of the order.
TEST_F(StaysTest, TellWhichOfTwoVersionsOfTheSameMinuteCameFirst) {
  service_.Run("b", kNoon, kNoon + 1);
  service_.Run("a", kNoon, kNoon + 1, {}, bucket::Source::kLive, 1);
  service_.Run("c", kNoon, kNoon + 1, {}, bucket::Source::kLive, 2);
  EXPECT_THAT(Names(DeploymentsOf(Stays(kNoon + 1), kNoon + 1)),
              ElementsAre("->b@" + std::to_string(kNoon), "b>a@" + std::to_string(kNoon),
                          "a>c@" + std::to_string(kNoon)));
}

TEST_F(StaysTest, LeavesOutTheDataOfBadClocksAndOtherServices) {
  service_.Run("a", kNoon, kNoon + 10);
  service_.Run("(bad clock)", kNoon + 5, kNoon + 10);
  FabricatedService(store_, "orders", "staging").Run("x", kNoon, kNoon + 5);
  EXPECT_THAT(Stays(kNoon + 10), ElementsAre(Stay{"a", kNoon, kNoon + 9}));
}

}  // namespace
}  // namespace fieldmark::watch
