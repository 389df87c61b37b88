// What could have been seen is found four times in five, and what was seen of others makes a tail lighter.
#include <gtest/gtest.h>

#include <cmath>

#include "fieldmark/judge/family.h"
#include "fieldmark/judge/tails.h"

namespace fieldmark::judge {
namespace {

// How often a share that moved by `move` is found at `p`.
double Power(const ShareTest& test, double p, double move) {
  double events = std::ceil(test.expected * test.documents_after);
  while (test.ProbabilityOf(events) > p) ++events;
  return UpperMidP({test.documents_after, test.expected + move, test.correlation}, events);
}

TEST(Reach, OfAShareIsFoundFourTimesInFive) {
  for (const double documents : {300.0, 3000.0, 30'000.0}) {
    for (const double expected : {0.02, 0.1, 0.4}) {
      ShareTest test;
      test.documents_after = documents;
      test.before = {expected * 1e6, 1e6};
      test.expected = expected;
      test.correlation = 2e-4;
      const double power = Power(test, 1e-3, test.Reach(1e-3, 0));
      EXPECT_GT(power, 0.75) << documents << " " << expected;
      EXPECT_LT(power, 0.90) << documents << " " << expected;
    }
  }
}

// A move as large as the least that counts is half the time seen as less.
TEST(Reach, IsBeyondTheLeastThatCounts) {
  ShareTest test;
  test.documents_after = 100'000;
  test.before = {5e4, 1e6};
  test.expected = 0.05;
  test.correlation = 1e-5;
  EXPECT_NEAR(test.Reach(1e-3, 0.02), 0.02 + test.Blur(0.07), 1e-9);
  LevelJudgement level;
  level.scale = 0.02;
  level.dof = 30;
  EXPECT_NEAR(level.Reach(0.05, 0.5), 1.5 * std::exp(kFourInFive * 0.02) - 1, 1e-9);
}

Evidence Volume(double far) {
  Evidence evidence;
  evidence.kind = Kind::kCount;
  evidence.standing = Standing::kJudged;
  LevelJudgement level;
  level.scale = 0.1;
  level.deviation = 5;
  level.placebos = level.moments = 300;
  level.far = far;
  level.TakeTail({});
  evidence.test = level;
  evidence.p = level.p;
  return evidence;
}

TEST(PooledTails, AreThoseOfTheFamily) {
  Family alone{Volume(0)};
  PoolTails(alone);
  EXPECT_EQ(alone[0].p, Volume(0).p) << "nobody else says anything";

  Family calm(12, Volume(0));
  PoolTails(calm);
  EXPECT_LT(calm[0].p, alone[0].p / 3);

  Family wild(12, Volume(30));
  wild[0] = Volume(0);
  PoolTails(wild);
  EXPECT_GT(wild[0].p, alone[0].p) << "its own past is short; that of the others counts";

  Evidence small = Volume(0);
  small.p = 1;  // below the least effect
  Family family(12, small);
  PoolTails(family);
  EXPECT_EQ(family[0].p, 1);
}

}  // namespace
}  // namespace fieldmark::judge
