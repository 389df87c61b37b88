// A column holds what as many histograms would, and merges as they do.
#include "fieldmark/sketch/histogram_column.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

namespace fieldmark::sketch {
namespace {

Histogram RandomHistogram(std::mt19937_64& random) {
  Histogram histogram;
  if (random() % 5 == 0) return histogram;
  std::lognormal_distribution<double> wide(0, 1 + static_cast<double>(random() % 40));
  const bool signs = random() % 2 == 0;
  for (uint64_t left = random() % (random() % 2 == 0 ? 20 : 2500); left > 0; --left) {
    const double value = random() % 50 == 0 ? 0 : wide(random);
    histogram.Add(signs && random() % 2 == 0 ? -value : value, 1 + random() % 3);
  }
  if (random() % 3 == 0) histogram.Conceal();
  return histogram;
}

TEST(HistogramColumn, GivesBackWhatWasPutIn) {
  std::mt19937_64 random(41);
  for (int round = 0; round < 50; ++round) {
    HistogramColumn column(3);
    std::vector<Histogram> twins(3);
    for (int change = 0; change < 30; ++change) {
      const Histogram histogram = RandomHistogram(random);
      const size_t step = random() % twins.size();
      switch (random() % 3) {
        case 0:
          column.Set(step, histogram);
          twins[step] = histogram;
          break;
        case 1:
          column.Merge(step, histogram);
          twins[step].Merge(histogram);
          break;
        default:
          column.push_back(histogram);
          twins.push_back(histogram);
      }
    }
    column.resize(column.size() + 1);
    twins.emplace_back();
    ASSERT_EQ(column.size(), twins.size());
    for (size_t step = 0; step < twins.size(); ++step) {
      EXPECT_EQ(column[step], twins[step]);
      EXPECT_EQ(column.count(step), twins[step].count());
      EXPECT_EQ(column.zero_count(step), twins[step].zero_count());
      EXPECT_EQ(column.scale(step), twins[step].scale());
    }
  }
}

TEST(HistogramColumn, MergesAsHistogramsDo) {
  std::mt19937_64 random(43);
  std::set<int> scales;
  for (int round = 0; round < 100; ++round) {
    HistogramColumn column;
    Histogram expected;
    const size_t steps = random() % 8, from = random() % 3, to = steps - random() % (steps + 1) / 4;
    for (size_t step = 0; step < steps; ++step) {
      column.push_back(RandomHistogram(random));
      scales.insert(column.scale(step));
      if (step >= from && step < to && step % 3 != 1) expected.Merge(column[step]);
    }
    EXPECT_EQ(column.Merged(from, to, [](size_t step) { return step % 3 != 1; }), expected);
  }
  EXPECT_GT(scales.size(), 2u) << "all at one scale";
}

TEST(HistogramColumn, TakesNoMoreForManyPiecesThanForFew) {
  HistogramColumn column(4320);
  Histogram expected;
  for (int piece = 0; piece < 10'000; ++piece) {
    Histogram histogram;
    histogram.Add(std::pow(1.1, piece % 100));
    expected.Merge(histogram);
    column.Merge(7, histogram);
  }
  EXPECT_EQ(column[7], expected);
  EXPECT_LT(column.heap_bytes(), 4320 * 4 + 10'000) << "or every piece left its buckets behind";
}

TEST(HistogramColumn, HoldsEveryIndexAndCountsToItsLimit) {
  Histogram histogram;
  for (const double value : {5e-324, 1.0, 1.7976931348623157e308}) {
    histogram.Add(value, 1);
    histogram.Add(-value, uint64_t{1} << 60);
  }
  histogram.Add(0, uint64_t{1} << 60);
  HistogramColumn column;
  column.push_back(histogram);
  ASSERT_EQ(column.positive(0).size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(column.positive(0)[i].index(), histogram.positive()[i].index);
    EXPECT_EQ(column.positive(0)[i].count(), 1u);
    EXPECT_EQ(column.negative(0)[i].index(), histogram.negative()[i].index);
    EXPECT_EQ(column.negative(0)[i].count(), PackedBucket::kCountMax);
  }
  EXPECT_EQ(column.count(0), 4 * PackedBucket::kCountMax + 3) << "no more than its buckets hold";
}

}  // namespace
}  // namespace fieldmark::sketch
