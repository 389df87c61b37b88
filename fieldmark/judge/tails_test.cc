// Against sums written out, and values from tables.
#include "fieldmark/judge/tails.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fieldmark::judge {
namespace {

double LogChoose(double n, double k) {
  return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
}
double LogBeta(double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); }

double SlowUpper(double n, double mean, double correlation, int x) {
  const double a = mean * (1 / correlation - 1);
  const double b = (1 - mean) * (1 / correlation - 1);
  const auto mass = [&](int k) {
    return std::exp(LogChoose(n, k) + LogBeta(k + a, n - k + b) - LogBeta(a, b));
  };
  double sum = mass(x) / 2;
  for (int k = x + 1; k <= n; ++k) sum += mass(k);
  return sum;
}

TEST(BetaBinomial, IsTheSumWrittenOut) {
  for (const double n : {1.0, 7.0, 60.0, 400.0}) {
    for (const double mean : {0.001, 0.05, 0.5, 0.97}) {
      for (const double correlation : {1e-5, 1e-3, 0.05, 0.4}) {
        for (const double part : {0.0, 0.1, 0.5, 1.0}) {
          const int x = static_cast<int>(n * part);
          const double slow = SlowUpper(n, mean, correlation, x);
          const double fast = UpperMidP({n, mean, correlation}, x);
          EXPECT_NEAR(fast, slow, 1e-6 + 1e-6 * slow) << n << ' ' << mean << ' ' << correlation << ' ' << x;
          EXPECT_NEAR(LowerMidP({n, mean, correlation}, x), 1 - slow, 1e-6);
        }
      }
    }
  }
}

TEST(BetaBinomial, StaysATailOfManyDocuments) {
  EXPECT_NEAR(UpperMidP({1e8, 0.5, 1e-6}, 5e7), 0.5, 0.01);
  EXPECT_LT(UpperMidP({1e8, 0.5, 1e-6}, 5.1e7), 1e-30);
  EXPECT_LT(UpperMidP({1e8, 1e-7, 1e-9}, 1e6), 1e-30);
}

double SlowUpper(double mean, double dispersion, int x) {
  const double shape = 1 / dispersion;
  const auto mass = [&](int k) {
    return std::exp(std::lgamma(k + shape) - std::lgamma(shape) - std::lgamma(k + 1) +
                    shape * std::log(shape / (shape + mean)) + k * std::log(mean / (shape + mean)));
  };
  double below = mass(x) / 2;
  for (int k = 0; k < x; ++k) below += mass(k);
  return 1 - below;
}

TEST(GammaPoisson, IsTheSumWrittenOut) {
  for (const double mean : {0.2, 4.0, 24.0, 300.0}) {
    for (const double dispersion : {1e-4, 0.02, 0.5, 3.0}) {
      for (const double times : {0.0, 0.5, 1.0, 2.5}) {
        const int x = static_cast<int>(mean * times);
        const double slow = SlowUpper(mean, dispersion, x);
        EXPECT_NEAR(UpperMidP(GammaPoisson{mean, dispersion}, x), slow, 1e-6)
            << mean << ' ' << dispersion << ' ' << x;
        EXPECT_NEAR(LowerMidP(GammaPoisson{mean, dispersion}, x), 1 - slow, 1e-6);
      }
    }
  }
}

TEST(GammaPoisson, WithoutDispersionIsPoissons) {
  // P(X = 0) is exp(-20); mid-p takes half of it.
  EXPECT_NEAR(LowerMidP(GammaPoisson{20, 0}, 0), std::exp(-20) / 2, 1e-12);
  EXPECT_EQ(UpperMidP(GammaPoisson{20, 0.1}, 1e9), 0);
}

TEST(Odds, OfOneIsFishersExactTest) {
  // Fisher's tea: 3 of 4 against 1 of 4. P(X ≥ 3) = 17/70; mid-p takes half of P(X = 3) = 16/70 away.
  EXPECT_NEAR(OddsUpperMidP(3, 4, 1, 4, 1), 9.0 / 70, 1e-12);
}

TEST(Odds, ForgivesMovesUpToTheBound) {
  // 5 % → 24 % is an odds ratio of 6: as likely more as less.
  EXPECT_NEAR(OddsUpperMidP(240, 1000, 50, 1000, 6), 0.5, 0.1);
  EXPECT_LT(OddsUpperMidP(240, 1000, 50, 1000, 1), 1e-20);
  EXPECT_GT(OddsUpperMidP(20, 1000, 10, 1000, 6), 0.9);
  EXPECT_LT(OddsUpperMidP(114, 300, 3, 300, 6), 1e-3);
}

TEST(Student, IsThatOfTables) {
  EXPECT_NEAR(StudentUpper(2.228, 10), 0.025, 1e-5);
  EXPECT_NEAR(StudentUpper(6.314, 1), 0.05, 1e-5);
  EXPECT_NEAR(StudentUpper(-1.96, 1e6), 0.975, 1e-4);
}

TEST(ChiSquare, LowerTenthIsThatOfTables) {
  EXPECT_NEAR(ChiSquareLowerTenth(1), 0.0158, 0.001);
  EXPECT_NEAR(ChiSquareLowerTenth(2), 0.211, 0.01);
  EXPECT_NEAR(ChiSquareLowerTenth(5), 1.610, 0.02);
  EXPECT_NEAR(ChiSquareLowerTenth(30), 20.599, 0.05);
}

}  // namespace
}  // namespace fieldmark::judge
