#include "fieldmark/sketch/sum.h"

#include <algorithm>
#include <limits>

namespace fieldmark::sketch {
namespace {

struct Parts {
  double high;
  double low;
};

// high + low == a + b exactly, whatever their sizes.
Parts TwoSum(double a, double b) {
  const double high = a + b;
  const double b_part = high - a;
  const double a_part = high - b_part;
  return {high, (a - a_part) + (b - b_part)};
}

constexpr double kMax = std::numeric_limits<double>::max();

bool Overflowed(double value) { return !(value >= -kMax && value <= kMax); }

}  // namespace

// What Merge does with a sum whose low part is 0.
void Sum::Add(double value) {
  const Parts highs = TwoSum(high_, value);
  if (Overflowed(highs.high)) {
    high_ = highs.high > 0 ? kMax : -kMax;
    low_ = 0;
    return;
  }
  const Parts result = TwoSum(highs.high, highs.low + low_);
  high_ = Overflowed(result.high) ? highs.high : result.high;
  low_ = Overflowed(result.high) || Overflowed(result.low) ? 0 : result.low;
}

void Sum::Merge(const Sum& other) {
  const Parts highs = TwoSum(high_, other.high_);
  if (Overflowed(highs.high)) {
    high_ = highs.high > 0 ? kMax : -kMax;
    low_ = 0;
    return;
  }
  const Parts lows = TwoSum(low_, other.low_);
  const Parts once = TwoSum(highs.high, highs.low + lows.high);
  const Parts result = TwoSum(once.high, once.low + lows.low);
  // An overflow of the rounding steps alone leaves the highs right.
  high_ = Overflowed(result.high) ? highs.high : result.high;
  low_ = Overflowed(result.high) || Overflowed(result.low) ? 0 : result.low;
}

Sum Sum::FromParts(double high, double low) {
  Sum sum;
  sum.high_ = high;
  sum.low_ = low;
  return sum;
}

}  // namespace fieldmark::sketch
