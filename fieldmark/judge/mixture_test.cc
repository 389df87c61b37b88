// Weights that can be told from how the differences were made.
#include "fieldmark/judge/mixture.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace fieldmark::judge {
namespace {

constexpr std::array<bool, kControlCount> kFirstTwo{true, true, false, false, false};

double Sum(const Weights& weights) { return std::accumulate(weights.begin(), weights.end(), 0.0); }

TEST(Mixture, WeighsWhatErrsByItselfByHowLittle) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  std::vector<Differences> placebos;
  for (int i = 0; i < 20'000; ++i) placebos.push_back({normal(random), 2 * normal(random), 0, 0, 0});
  const Weights weights = SteadiestMixture(placebos, kFirstTwo);
  EXPECT_NEAR(weights[0], 0.8, 0.02);
  EXPECT_NEAR(weights[1], 0.2, 0.02);
  EXPECT_NEAR(Sum(weights), 1, 1e-12);
}

// A walk back to its mean is foretold by so much of the last value as it remembers, and the rest of the mean.
TEST(Mixture, KnowsHowLongADriftRemembers) {
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal;
  std::vector<Differences> placebos;
  double drift = 0;
  for (int i = 0; i < 20'000; ++i) {
    const double earlier = drift;
    drift = 0.6 * drift + 0.8 * normal(random);
    placebos.push_back({drift, drift - earlier, 0, 0, 0});
  }
  EXPECT_NEAR(SteadiestMixture(placebos, kFirstTwo)[1], 0.6, 0.03);
}

TEST(Mixture, UsesNothingAgainstItself) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  std::vector<Differences> placebos;
  for (int i = 0; i < 1000; ++i) {
    const double shared = normal(random);
    placebos.push_back({shared, 3 * shared + 0.1 * normal(random), 0, 0, 0});
  }
  EXPECT_EQ(SteadiestMixture(placebos, kFirstTwo), Only(0));
}

TEST(Mixture, OfOneAndTheSameIsOne) {
  const std::vector<Differences> placebos(200, {0.5, 0.5, 0, 0, 0});
  const Weights weights = SteadiestMixture(placebos, kFirstTwo);
  EXPECT_NEAR(Sum(weights), 1, 1e-9);
  EXPECT_NEAR(weights[0], 0.5, 1e-3);
}

TEST(Mixture, OfNoDifferencesAtAllSumsToOne) {
  const std::vector<Differences> placebos(200, Differences{});
  EXPECT_NEAR(Sum(SteadiestMixture(placebos, kFirstTwo)), 1, 1e-9);
}

}  // namespace
}  // namespace fieldmark::judge
