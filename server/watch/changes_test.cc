#include "server/watch/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fieldmark::watch {
namespace {

using testing::HasSubstr;

constexpr Minute kNoon = 29'500'560;  // 2026-02-02 12:00 UTC
constexpr UnixMs kNoonMs = kNoon * kMsPerMinute;

Deployment Observed(const std::string& version, Minute at) {
  Deployment deployment;
  deployment.from_version = "before";
  deployment.to_version = version;
  deployment.at = at;
  return deployment;
}

store::AnnouncedChange Announced(const std::string& title, Minute at, const std::string& version = "",
                                 const std::string& kind = "deployment") {
  store::AnnouncedChange change;
  change.title = title;
  change.kind = kind;
  change.version = version;
  change.at = at * kMsPerMinute;
  return change;
}

std::vector<std::string> Words(const std::vector<Change>& changes) {
  std::vector<std::string> words;
  for (const Change& change : changes) {
    words.push_back((change.deployment ? change.deployment->to_version : "-") + ":" +
                    (change.announced ? change.announced->title : "-"));
  }
  return words;
}

TEST(ChangesTest, WhatIsSaidOfADeploymentStandsWithTheOneThatWasSeen) {
  const auto changes =
      ChangesOf({Observed("v1", kNoon - 100), Observed("v2", kNoon)},
                {Announced("release 2", kNoon - 3, "v2"), Announced("index", kNoon - 50, "", "migration"),
                 Announced("not seen yet", kNoon + 5, "v3")});
  EXPECT_THAT(Words(changes), testing::ElementsAre("-:not seen yet", "v2:release 2", "-:index", "v1:-"));
  EXPECT_EQ(changes[1].at(), kNoonMs) << "as it was observed";
}

TEST(ChangesTest, OfTwoInOneMinuteTheLaterOneComesFirstWhateverTheyAreCalled) {
  for (const auto& [earlier, later] : {std::pair("a", "b"), std::pair("b", "a")}) {
    const std::vector<Deployment> both =
        DeploymentsOf({{earlier, kNoon, kNoon}, {later, kNoon, kNoon + 9}}, kNoon + 10);
    EXPECT_THAT(Words(ChangesOf(both, {Announced("said", kNoon, earlier)})),
                testing::ElementsAre(std::string(later) + ":-", std::string(earlier) + ":said"));
  }
}

TEST(ChangesTest, OfAVersionThatCameTwiceTheNearerOneIsMeant) {
  const std::vector<Deployment> twice = {Observed("v2", kNoon - 300), Observed("v2", kNoon)};
  EXPECT_THAT(Words(ChangesOf(twice, {Announced("again", kNoon - 10, "v2")})),
              testing::ElementsAre("v2:again", "v2:-"));
  EXPECT_THAT(
      Words(ChangesOf(twice, {Announced("again", kNoon - 10, "v2"), Announced("first", kNoon - 310, "v2")})),
      testing::ElementsAre("v2:again", "v2:first"));
}

TEST(ChangesTest, OfTwoThatMeanOneTheNearerOneIsKeptWhicheverWasSaidFirst) {
  const auto near = Announced("near", kNoon - 1, "v2"), far = Announced("far", kNoon - 20, "v2");
  for (const auto& said : {std::vector{near, far}, std::vector{far, near}}) {
    EXPECT_THAT(Words(ChangesOf({Observed("v2", kNoon)}, said)), testing::ElementsAre("v2:near", "-:far"));
  }
  EXPECT_THAT(Words(ChangesOf({Observed("v2", kNoon)}, {Announced("of another day", kNoon - 1441, "v2")})),
              testing::ElementsAre("v2:-", "-:of another day"));
}

TEST(ChangesTest, RefusesWhatNobodyShouldSay) {
  const auto reason = [](auto change) {
    const Status checked = CheckAnnounced(change, kNoonMs);
    return checked.ok() ? std::string() : checked.error().message;
  };
  EXPECT_EQ(reason(Announced("fine", kNoon, "v2")), "");
  EXPECT_THAT(reason(Announced("", kNoon)), HasSubstr("title is empty"));
  EXPECT_THAT(reason(Announced("two\nlines", kNoon)), HasSubstr("title is not printable"));
  EXPECT_THAT(reason(Announced(std::string(201, 'x'), kNoon)), HasSubstr("longer than 200"));
  EXPECT_THAT(reason(Announced("x", kNoon, "", "party")), HasSubstr("kind is none"));
  EXPECT_THAT(reason(Announced("x", kNoon, "v2", "migration")), HasSubstr("no deployment"));
  EXPECT_THAT(reason(Announced("seconds, not milliseconds", kNoon / 1000)), HasSubstr("time lies"));
  EXPECT_THAT(reason(Announced("x", kNoon + 367 * 1440)), HasSubstr("time lies"));
  store::AnnouncedChange linked = Announced("x", kNoon);
  linked.url = "javascript:alert(1)";
  EXPECT_THAT(reason(linked), HasSubstr("url begins with neither"));
  linked.url = "https://ci.example.org/7";
  EXPECT_EQ(reason(linked), "");
}

TEST(ChangesTest, WhatWasSaidOfTheRollbackCountsMore) {
  Change change{Observed("v2", kNoon), std::nullopt};
  EXPECT_EQ(RollbackAdvice(change), "go back to before");
  change.announced = Announced("x", kNoon, "v2");
  EXPECT_EQ(RollbackAdvice(change), "go back to before");
  change.announced->rollback = "helm rollback shop 41";
  EXPECT_EQ(RollbackAdvice(change), "helm rollback shop 41");
}

}  // namespace
}  // namespace fieldmark::watch
