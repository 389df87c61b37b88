#include "fieldmark/sketch/recent_buckets.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace fieldmark::sketch {
namespace {

using Counts = std::map<int32_t, uint64_t>;

Counts Settled(RecentBuckets& recent) {
  Counts counts;
  int64_t last = INT64_MIN;
  recent.Settle([&](int32_t index, uint64_t times) {
    EXPECT_GT(index, last);
    last = index;
    counts[index] += times;
  });
  return counts;
}

TEST(RecentBuckets, TellsWhatItTook) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 300; ++round) {
    RecentBuckets recent;
    Counts expected;
    const auto base = static_cast<int32_t>(random() % 60'000) - 30'000;
    const size_t width = 1 + random() % 800;
    for (int i = 0; i < 400; ++i) {
      const auto index = base + static_cast<int32_t>(random() % width);
      const uint64_t times = random() % 5;
      if (recent.Count(index, times) && times > 0) expected[index] += times;
    }
    EXPECT_LE(recent.heap_bytes(), RecentBuckets::kSizeMax * sizeof(uint32_t));
    EXPECT_EQ(Settled(recent), expected) << round;
    EXPECT_EQ(recent.heap_bytes(), 0u);
    EXPECT_EQ(Settled(recent), Counts{});
  }
}

TEST(RecentBuckets, TakesNeighboursAndRefusesStrangers) {
  RecentBuckets recent;
  EXPECT_TRUE(recent.Count(-7, 1));
  EXPECT_TRUE(recent.Count(490, 1));
  EXPECT_TRUE(recent.Count(-7, 2));
  EXPECT_FALSE(recent.Count(600, 1));
  EXPECT_FALSE(recent.Count(-600, 1));
  EXPECT_EQ(Settled(recent), (Counts{{-7, 3}, {490, 1}}));
  EXPECT_TRUE(recent.Count(600, 1));
}

TEST(RecentBuckets, RefusesWhatItCannotCount) {
  RecentBuckets recent;
  EXPECT_FALSE(recent.Count(1, uint64_t{1} << 32));
  EXPECT_TRUE(recent.Count(1, UINT32_MAX - 1));
  EXPECT_TRUE(recent.Count(1, 1));
  EXPECT_FALSE(recent.Count(1, 1));
  EXPECT_TRUE(recent.Count(2, 1));
  EXPECT_EQ(Settled(recent), (Counts{{1, UINT32_MAX}, {2, 1}}));
}

}  // namespace
}  // namespace fieldmark::sketch
