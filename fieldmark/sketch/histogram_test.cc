#include "fieldmark/sketch/histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <vector>

namespace fieldmark::sketch {
namespace {

constexpr double kLargest = std::numeric_limits<double>::max();
constexpr double kSmallest = std::numeric_limits<double>::denorm_min();

// An integer of any size, as little-endian 32-bit digits: all that is needed to compare powers exactly.
using Natural = std::vector<uint32_t>;

Natural Multiply(const Natural& a, const Natural& b) {
  Natural product(a.size() + b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    uint64_t carry = 0;
    for (size_t j = 0; j < b.size() || carry != 0; ++j) {
      carry += product[i + j] + (j < b.size() ? uint64_t{a[i]} * b[j] : 0);
      product[i + j] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
  }
  while (!product.empty() && product.back() == 0) product.pop_back();
  return product;
}

bool Less(const Natural& a, const Natural& b) {
  if (a.size() != b.size()) return a.size() < b.size();
  return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
}

Natural PowerOf32(uint64_t base) {
  Natural power = {static_cast<uint32_t>(base), static_cast<uint32_t>(base >> 32)};
  for (int i = 0; i < 5; ++i) power = Multiply(power, power);
  return power;
}

Natural TwoTo(int exponent) {
  Natural power(exponent / 32 + 1);
  power.back() = uint32_t{1} << exponent % 32;
  return power;
}

// m is above the boundary 2^(j/32) exactly when m^32 is above 2^j; with m = M / 2^52, when M^32 > 2^(1664 +
// j).
TEST(Histogram, BoundariesAreTheExactPowersRoundedDown) {
  for (int j = 0; j < 32; ++j) {
    const double edge = Histogram::BucketEdges(j, 5).first;
    const uint64_t mantissa = (std::bit_cast<uint64_t>(edge) & ((uint64_t{1} << 52) - 1)) | uint64_t{1} << 52;
    const Natural power = TwoTo(52 * 32 + j);
    EXPECT_FALSE(Less(power, PowerOf32(mantissa))) << j;     // edge ≤ boundary
    EXPECT_TRUE(Less(power, PowerOf32(mantissa + 1))) << j;  // and no larger double is
    // Upper inclusive: the edge closes the bucket below, the next double opens the one above.
    EXPECT_EQ(Histogram::BucketIndex(edge), j - 1);
    EXPECT_EQ(Histogram::BucketIndex(std::nextafter(edge, 4)), j);
  }
}

TEST(Histogram, EveryDoubleLiesInsideItsBucket) {
  std::mt19937_64 random(11);
  const auto check = [](double magnitude) {
    const int32_t finest = Histogram::BucketIndex(magnitude);
    for (int scale = Histogram::kScaleMin; scale <= Histogram::kScaleMax; ++scale) {
      const auto [lower, upper] = Histogram::BucketEdges(finest >> (Histogram::kScaleMax - scale), scale);
      EXPECT_LT(lower, magnitude) << scale;
      EXPECT_GE(upper, magnitude) << scale;
    }
  };
  for (int i = 0; i < 100'000; ++i) {
    const double value = std::abs(std::bit_cast<double>(random()));
    if (std::isfinite(value) && value > 0) check(value);
  }
  for (int exponent = -1074; exponent < 1024; ++exponent) {
    const double power = std::ldexp(1.0, exponent);
    EXPECT_EQ(Histogram::BucketIndex(power), exponent * 32 - 1);
    check(power);
    check(std::nextafter(power, kLargest));
    if (power > kSmallest) check(std::nextafter(power, 0));
  }
  check(kLargest);
  EXPECT_EQ(Histogram::BucketIndex(kSmallest), -1074 * 32 - 1);
  EXPECT_EQ(Histogram::BucketIndex(kLargest), 1024 * 32 - 1);
}

TEST(Histogram, IndexesAgreeWithTheLogarithmAwayFromBoundaries) {
  std::mt19937_64 random(13);
  std::uniform_real_distribution<long double> uniform(-700, 700);
  for (int i = 0; i < 50'000; ++i) {
    const double value = static_cast<double>(std::exp(uniform(random)));
    const long double position = std::log2(static_cast<long double>(value)) * 32;
    if (std::abs(position - std::round(position)) < 1e-9L) continue;
    EXPECT_EQ(Histogram::BucketIndex(value), static_cast<int32_t>(std::ceil(position)) - 1) << value;
  }
}

TEST(Histogram, NothingIsNothing) {
  const Histogram empty;
  EXPECT_TRUE(empty.empty());
  EXPECT_EQ(empty.Quantile(0.5), 0);
  EXPECT_EQ(empty.ApproximateMean(), 0);
  EXPECT_EQ(empty.sum(), 0);
  Histogram concealed;
  concealed.Conceal();
  EXPECT_EQ(concealed, empty);
  Histogram zero_times;
  zero_times.Add(3, 0);
  EXPECT_EQ(zero_times, empty);
}

TEST(Histogram, OneValueIsKnownExactlyUntilConcealed) {
  Histogram one;
  one.Add(42, 3);
  EXPECT_EQ(one.count(), 3u);
  EXPECT_EQ(one.min(), 42);
  EXPECT_EQ(one.max(), 42);
  EXPECT_EQ(one.Quantile(0.5), 42);
  EXPECT_EQ(one.sum(), 126);
  one.Conceal();
  EXPECT_EQ(one.sum(), std::nullopt);
  EXPECT_LT(one.min(), 42);
  EXPECT_GT(one.max(), 42);
  EXPECT_NEAR(one.min(), 42, 42 * 0.022);
  EXPECT_NEAR(one.max(), 42, 42 * 0.022);
}

// A value inside (lower, upper], and one on the edge, conceal to the same: nothing tells them apart
// afterwards.
TEST(Histogram, ConcealedValuesOfOneBucketAreTheSame) {
  const auto [lower, upper] = Histogram::BucketEdges(100, 5);
  Histogram edge;
  edge.Add(upper);
  edge.Add(-upper);
  Histogram inside;
  inside.Add(std::nextafter(lower, upper));
  inside.Add(-std::nextafter(lower, upper));
  EXPECT_FALSE(edge == inside);
  edge.Conceal();
  inside.Conceal();
  EXPECT_EQ(edge, inside);
  ByteWriter a, b;
  edge.Encode(a);
  inside.Encode(b);
  EXPECT_EQ(a.bytes(), b.bytes());
}

TEST(Histogram, SubnormalsZeroesAndExtremesAreHeld) {
  Histogram histogram;
  for (const double value : {0.0, -0.0, kSmallest, -kSmallest, kLargest, -kLargest}) histogram.Add(value);
  EXPECT_EQ(histogram.zero_count(), 2u);
  EXPECT_EQ(histogram.count(), 6u);
  EXPECT_EQ(histogram.min(), -kLargest);
  EXPECT_EQ(histogram.max(), kLargest);
  EXPECT_EQ(histogram.scale(), 5);
  ByteWriter out;
  histogram.Encode(out);
  ByteReader in(out.bytes());
  EXPECT_EQ(Histogram::Decode(in), histogram);
  EXPECT_TRUE(in.ok() && in.done());
}

TEST(Histogram, TheCoarsestScaleHoldsAllDoubles) {
  Histogram histogram;
  for (int exponent = -1074; exponent < 1024; ++exponent) {
    for (const double part : {1.0, 1.1, 1.3, 1.7}) {
      histogram.Add(std::ldexp(part, exponent));
      histogram.Add(-std::ldexp(part, exponent));
    }
  }
  EXPECT_EQ(histogram.scale(), Histogram::kScaleMin);
  EXPECT_LE(histogram.positive().size(), Histogram::kBucketsMax);
  EXPECT_EQ(histogram.count(), 2u * 4u * 2098u);
  ByteWriter out;
  histogram.Encode(out);
  ByteReader in(out.bytes());
  EXPECT_EQ(Histogram::Decode(in), histogram);
}

TEST(Histogram, ScaleIsTheLargestAtWhichBothSidesFit) {
  for (const size_t buckets : {1023u, 1024u, 1025u, 2048u, 2049u, 4100u}) {
    Histogram histogram;
    for (size_t i = 0; i < buckets; ++i) {
      histogram.Add(-Histogram::BucketEdges(static_cast<int32_t>(i), 5).second);
    }
    const int expected = buckets <= 1024 ? 5 : buckets <= 2048 ? 4 : buckets <= 4096 ? 3 : 2;
    EXPECT_EQ(histogram.scale(), expected) << buckets;
  }
}

// The obvious twin: all values, sorted.
double ExactQuantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(q * static_cast<double>(values.size()));
  return values[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

std::vector<double> RandomValues(std::mt19937_64& random, size_t size) {
  static constexpr int kKinds = 7;
  std::normal_distribution<double> normal(100, 15);
  std::lognormal_distribution<double> wide(0, 1 + static_cast<double>(random() % 40));
  const uint64_t kind = random() % kKinds;
  std::vector<double> values;
  for (size_t i = 0; i < size; ++i) {
    switch (kind) {
      case 0:
        values.push_back(static_cast<double>(random() % 20));
        break;
      case 1:
        values.push_back(normal(random));
        break;
      case 2:
        values.push_back(wide(random));
        break;
      case 3:
        values.push_back(random() % 2 == 0 ? wide(random) : -wide(random));
        break;
      case 4:
        values.push_back(static_cast<double>(static_cast<int64_t>(random() % 7) - 3));
        break;
      case 5: {
        const double any = std::bit_cast<double>(random());
        values.push_back(std::isfinite(any) ? any : 1);
        break;
      }
      default:
        values.push_back(std::ldexp(1.0, static_cast<int>(random() % 2098) - 1074));
    }
  }
  return values;
}

Histogram Of(const std::vector<double>& values) {
  Histogram histogram;
  for (const double value : values) histogram.Add(value);
  return histogram;
}

TEST(Histogram, QuantilesLieInTheBucketOfTheExactOne) {
  std::mt19937_64 random(17);
  for (int round = 0; round < 300; ++round) {
    const std::vector<double> values = RandomValues(random, 1 + random() % 500);
    const Histogram histogram = Of(values);
    for (const double q : {0.0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0}) {
      const double exact = ExactQuantile(values, q);
      const double found = histogram.Quantile(q);
      ASSERT_EQ(std::signbit(exact) && exact != 0, std::signbit(found) && found != 0) << round << " " << q;
      const int shift = Histogram::kScaleMax - histogram.scale();
      if (exact == 0) {
        EXPECT_EQ(found, 0);
      } else {
        ASSERT_NE(found, 0);
        EXPECT_EQ(Histogram::BucketIndex(std::abs(found)) >> shift,
                  Histogram::BucketIndex(std::abs(exact)) >> shift)
            << round << " " << q << " " << exact << " " << found;
      }
    }
    EXPECT_EQ(histogram.Quantile(0), histogram.min());
    EXPECT_EQ(histogram.Quantile(1), histogram.max());
  }
}

TEST(Histogram, MeanAndSumAreAsCloseAsPromised) {
  std::mt19937_64 random(19);
  for (int round = 0; round < 200; ++round) {
    std::vector<double> values = RandomValues(random, 1 + random() % 300);
    for (double& value : values) {
      if (std::abs(value) > 1e290) value = 1;
    }
    const Histogram histogram = Of(values);
    long double sum = 0;
    long double magnitude = 0;
    for (const double value : values) {
      sum += value;
      magnitude += std::abs(value);
    }
    EXPECT_LE(std::abs(*histogram.sum() - sum), 1e-12L * magnitude);
    if (histogram.scale() == 5) {
      const long double count = static_cast<long double>(values.size());
      // Subnormals have no bits for relative precision.
      EXPECT_LE(std::abs(histogram.ApproximateMean() - sum / count), 0.011L * magnitude / count + 1e-300L);
    }
  }
}

TEST(Histogram, AddingSoOftenIsAddingItThatOften) {
  std::mt19937_64 random(23);
  for (int round = 0; round < 100; ++round) {
    Histogram at_once, singly;
    for (const double value : RandomValues(random, 50)) {
      const uint64_t times = 1 + random() % 5;
      at_once.Add(value, times);
      for (uint64_t i = 0; i < times; ++i) singly.Add(value);
    }
    EXPECT_EQ(at_once, singly);
  }
}

Histogram MergeRandomly(std::mt19937_64& random, std::vector<Histogram> parts) {
  while (parts.size() > 1) {
    const size_t into = random() % parts.size();
    const size_t from = random() % parts.size();
    if (into == from) continue;
    parts[into].Merge(parts[from]);
    parts.erase(parts.begin() + static_cast<ptrdiff_t>(from));
  }
  return parts.empty() ? Histogram() : parts[0];
}

TEST(Histogram, AddingAGroupIsAddingEach) {
  std::mt19937_64 random(21);
  const double odd[] = {0.0, -0.0, 1e308, -1e308, 5e-324, 1.5, -7};
  for (int round = 0; round < 200; ++round) {
    Histogram together;
    Histogram apart;
    RecentBuckets recent;
    for (int group = 0; group < 5; ++group) {
      std::vector<WeightedValue> values(random() % 70);
      for (WeightedValue& each : values) {
        each.value =
            random() % 8 == 0 ? odd[random() % std::size(odd)] : static_cast<double>(random() % 1'000);
        each.times = random() % 5;
        apart.Add(each.value, each.times);
      }
      together.AddAll(values, recent);
      if (random() % 2 == 0) continue;
      together.Settle(recent);
      if (round % 10 == 9 && group == 2) {
        together.Conceal();
        apart.Conceal();
      }
      ASSERT_EQ(together, apart) << round;
      ASSERT_EQ(std::signbit(together.min()), std::signbit(apart.min())) << round;
      ASSERT_EQ(std::signbit(together.max()), std::signbit(apart.max())) << round;
    }
  }
}

TEST(Histogram, MergingIsTheSameOverAnyPartitionInAnyOrder) {
  std::mt19937_64 random(29);
  for (int round = 0; round < 300; ++round) {
    std::vector<double> values;
    // Several kinds together, wide ones among them, so that parts stand at different scales.
    for (uint64_t kinds = random() % 4; kinds > 0; --kinds) {
      const std::vector<double> more = RandomValues(random, random() % 2500);
      values.insert(values.end(), more.begin(), more.end());
    }
    const Histogram whole = Of(values);
    std::shuffle(values.begin(), values.end(), random);
    std::vector<Histogram> parts(1 + random() % 6);
    for (const double value : values) parts[random() % parts.size()].Add(value);
    EXPECT_EQ(MergeRandomly(random, parts), whole);

    Histogram concealed_after = whole;
    concealed_after.Conceal();
    for (Histogram& part : parts) {
      if (random() % 3 != 0) part.Conceal();
    }
    parts[0].Conceal();
    Histogram concealed_before = MergeRandomly(random, parts);
    concealed_before.Conceal();
    ByteWriter before, after;
    concealed_before.Encode(before);
    concealed_after.Encode(after);
    EXPECT_EQ(before.bytes(), after.bytes());
    EXPECT_EQ(concealed_before, concealed_after);
  }
}

TEST(Histogram, ConcealingSomePartsConcealsTheWhole) {
  Histogram secret;
  secret.Add(42);
  secret.Conceal();
  Histogram open;
  open.Add(42.1);
  Histogram merged = open;
  merged.Merge(secret);
  EXPECT_TRUE(merged.concealed());
  EXPECT_EQ(merged.sum(), std::nullopt);
  secret.Merge(open);
  EXPECT_EQ(merged, secret);
  merged.Add(1);
  EXPECT_EQ(merged.min(), Histogram::BucketEdges(-1, 5).first);
  EXPECT_EQ(merged.sum(), std::nullopt);
}

TEST(Histogram, MergingWithItselfDoubles) {
  Histogram histogram;
  histogram.Add(2, 3);
  histogram.Add(-5);
  histogram.Merge(histogram);
  EXPECT_EQ(histogram.count(), 8u);
  EXPECT_EQ(histogram.positive()[0].count, 6u);
}

TEST(Histogram, CountsStopAtTheLargestNumberAndStayReadable) {
  Histogram a;
  a.Add(1, UINT64_MAX - 1);
  Histogram b = a;
  b.Add(2);
  a.Merge(b);
  a.Merge(b);
  EXPECT_EQ(a.count(), UINT64_MAX);
  ByteWriter out;
  a.Encode(out);
  ByteReader in(out.bytes());
  EXPECT_EQ(Histogram::Decode(in), a);
  EXPECT_TRUE(in.ok());
}

TEST(Histogram, ComesBackFromItsBytes) {
  std::mt19937_64 random(31);
  for (int round = 0; round < 300; ++round) {
    Histogram histogram = Of(RandomValues(random, random() % 3000));
    if (random() % 2 == 0) histogram.Conceal();
    ByteWriter out;
    histogram.Encode(out);
    ByteReader in(out.bytes());
    const Histogram back = Histogram::Decode(in);
    ASSERT_TRUE(in.ok() && in.done());
    EXPECT_EQ(back, histogram);
    ByteWriter again;
    back.Encode(again);
    EXPECT_EQ(again.bytes(), out.bytes());
  }
}

// Whatever Decode accepts is exactly what Encode would have written for it.
TEST(Histogram, DamagedBytesAreRefusedOrCanonical) {
  std::mt19937_64 random(37);
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    Histogram histogram = Of(RandomValues(random, random() % 30));
    if (random() % 2 == 0) histogram.Conceal();
    ByteWriter out;
    histogram.Encode(out);
    std::string bytes = out.bytes();
    for (uint64_t flips = 1 + random() % 3; flips > 0; --flips) {
      bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    ByteReader in(bytes);
    const Histogram back = Histogram::Decode(in);
    if (!in.ok()) continue;
    ++accepted;
    ByteWriter again;
    back.Encode(again);
    EXPECT_EQ(again.bytes(), bytes.substr(0, again.size()));
    EXPECT_EQ(again.size(), in.offset());
  }
  EXPECT_GT(accepted, 100);
}

std::string Bytes(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text.push_back(static_cast<char>(byte));
  return text;
}

TEST(Histogram, DecodeRefusesWhatBreaksAnInvariant) {
  // Concealed, one positive bucket of index 0: flags, zeros, positive (size, index, count), negative (size).
  const std::string good = Bytes({0x08, 0, 1, 0, 1, 0});
  const struct {
    const char* what;
    std::string bytes;
  } cases[] = {
      {"a scale below the coarsest", Bytes({0x0f, 0, 1, 0, 1, 0})},
      {"a scale coarser than needed", Bytes({0x09, 0, 1, 0, 1, 0})},
      {"unknown flags", Bytes({0x18, 0, 1, 0, 1, 0})},
      {"concealed and empty", Bytes({0x08, 0, 0, 0})},
      {"a bucket without a count", Bytes({0x08, 0, 1, 0, 0, 0})},
      {"an index beyond all doubles", Bytes({0x08, 0, 1, 0x80, 0x80, 0x04, 1, 0})},
      {"more buckets than bytes", Bytes({0x08, 0, 0xff, 0x07, 0, 1, 0})},
      {"cut short", Bytes({0x08, 0, 1, 0, 1})},
      {"no minimum", Bytes({0x00, 0, 1, 0, 1, 0})},
  };
  ByteReader in(good);
  EXPECT_EQ(Histogram::Decode(in).count(), 1u);
  EXPECT_TRUE(in.ok() && in.done());
  for (const auto& [what, bytes] : cases) {
    ByteReader bad(bytes);
    (void)Histogram::Decode(bad);
    EXPECT_FALSE(bad.ok()) << what;
  }
  // Minimum and maximum outside their buckets.
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{{3, 3},
                                                                        {1.01, 3},
                                                                        {1.01, 1.005},
                                                                        {0.5, 1.01},
                                                                        {-1, 1.01},
                                                                        {1.01, HUGE_VAL},
                                                                        {std::nan(""), 1.01}}) {
    ByteWriter out;
    out.Raw(Bytes({0x00, 0, 1, 0, 2, 0}));
    for (const double value : {low, high, 2.02, 0.0}) out.Double(value);
    ByteReader bad(out.bytes());
    (void)Histogram::Decode(bad);
    EXPECT_FALSE(bad.ok()) << low << " " << high;
  }
}

}  // namespace
}  // namespace fieldmark::sketch
