#include "fieldmark/sketch/sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace fieldmark::sketch {
namespace {

__extension__ using Int128 = __int128;

constexpr double kLargest = std::numeric_limits<double>::max();

TEST(Sum, KeepsWhatPlainAdditionLoses) {
  Sum sum;
  sum.Add(1e100);
  for (int i = 0; i < 1000; ++i) sum.Add(1);
  sum.Add(-1e100);
  EXPECT_EQ(sum.value(), 1000);
}

// Terms are multiples of 2^-60 below 2^40, so that 128-bit integers give the exact sum.
TEST(Sum, StaysWithinItsErrorInAnyOrderAndGrouping) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<double> terms;
    Int128 exact = 0;
    double magnitude = 0;
    for (int i = 0; i < 2000; ++i) {
      const int64_t mantissa = static_cast<int64_t>(random() >> 11) * (random() % 2 == 0 ? 1 : -1);
      const int exponent = static_cast<int>(random() % 48);
      exact += static_cast<Int128>(mantissa) << exponent;
      terms.push_back(std::ldexp(static_cast<double>(mantissa), exponent - 60));
      magnitude += std::abs(terms.back());
    }
    std::shuffle(terms.begin(), terms.end(), random);
    std::vector<Sum> parts(1 + random() % 20);
    for (const double term : terms) parts[random() % parts.size()].Add(term);
    Sum whole;
    for (const Sum& part : parts) whole.Merge(part);
    // The high part is a multiple of 2^-60 too; the difference to the exact sum is small enough for a double.
    const double error = static_cast<double>(static_cast<Int128>(std::ldexp(whole.high(), 60)) - exact) +
                         std::ldexp(whole.low(), 60);
    EXPECT_LE(std::abs(std::ldexp(error, -60)), 1e-12 * magnitude);
    EXPECT_LE(std::abs(std::ldexp(error, -60)), 1e-25 * magnitude) << "two doubles should do far better";
  }
}

TEST(Sum, StopsAtTheEndsOfTheRange) {
  Sum sum;
  sum.Add(kLargest);
  sum.Add(kLargest);
  EXPECT_EQ(sum.value(), kLargest);
  sum.Add(-kLargest);
  EXPECT_EQ(sum.value(), 0);
  sum.Add(-kLargest);
  sum.Add(-kLargest / 2);
  EXPECT_EQ(sum.value(), -kLargest);
  sum.Add(5e-324);
  EXPECT_TRUE(std::isfinite(sum.high()) && std::isfinite(sum.low()));
}

TEST(Sum, SubnormalTermsAreExact) {
  Sum sum;
  for (int i = 0; i < 1000; ++i) sum.Add(5e-324);
  EXPECT_EQ(sum.value(), 1000 * 5e-324);
}

}  // namespace
}  // namespace fieldmark::sketch
