#include "fieldmark/profile/reading.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "fieldmark/json/document.h"
#include "fieldmark/profile/profiler.h"

namespace fieldmark::profile {
namespace {

class Bodies {
 public:
  explicit Bodies(const Limits& limits = {}) : profiler_(limits) {}

  Bodies& Observe(std::string_view body, uint64_t times = 1) {
    profiler_.Observe(reader_.Read(body), times);
    return *this;
  }
  Fields Take() { return profiler_.Take(); }

 private:
  json::Reader reader_;
  Profiler profiler_;
};

std::string Prices(size_t first, size_t count, const std::string& value = "1") {
  std::string body = "{\"id\":1,\"prices\":{";
  for (size_t i = 0; i < count; ++i) {
    body += (i == 0 ? "\"c" : ",\"c") + std::string(1, static_cast<char>('a' + (first + i) / 26)) +
            std::string(1, static_cast<char>('a' + (first + i) % 26)) + "\":" + value;
  }
  return body + "}}";
}

TEST(Reading, WhatIsMissingIsExactWhereEveryKeyHasAName) {
  const Fields fields =
      Bodies().Observe("{\"a\":1,\"b\":{\"c\":1}}", 3).Observe("{\"a\":1}").Observe("[]").Take();
  EXPECT_EQ(MissingOf(fields, "a"), (Missing{4, 0, 0}));
  EXPECT_EQ(MissingOf(fields, "b"), (Missing{4, 1, 1}));
  EXPECT_EQ(MissingOf(fields, "b.c"), (Missing{3, 0, 0}));
  EXPECT_EQ(MissingOf(fields, "d"), (Missing{4, 4, 4}));
}

TEST(Reading, AnObjectWithAKeyWithoutANameMayHaveHeldAnyMember) {
  Limits limits;
  limits.names_max = 1;
  const Fields fields =
      Bodies(limits).Observe("{\"a\":1}", 5).Observe("{\"b\":1}", 3).Observe("{}", 2).Take();
  EXPECT_EQ(MissingOf(fields, "a"), (Missing{10, 2, 5}));
}

TEST(Reading, NothingIsMissingFromWhatHasNoName) {
  const Fields fields = Bodies().Observe("[1,2]").Observe("{\"7\":1}").Take();
  for (const char* path : {"", "[]", "{}"}) EXPECT_EQ(MissingOf(fields, path), Missing{}) << path;
  EXPECT_EQ(MissingOf(fields, "no.such.parent"), Missing{});
}

// Whatever the order and the partition, the true number lies in the interval.
TEST(Reading, TheIntervalOfMissingHoldsTheTruthInEveryOrderAndPartition) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> bodies;
    uint64_t without_a = 0;
    for (int i = 0; i < 30; ++i) {
      std::string body;
      bool has_a = false;
      for (const char key : {'a', 'b', 'c', 'd'}) {
        if (random() % 3 != 0) continue;
        has_a |= key == 'a';
        body += (body.empty() ? "\"" : ",\"") + std::string(1, key) + "\":1";
      }
      without_a += has_a ? 0 : 1;
      bodies.push_back("{" + body + "}");
    }
    std::shuffle(bodies.begin(), bodies.end(), random);
    Limits limits;
    limits.names_max = 2;
    Bodies left(limits), right(limits);
    for (const std::string& body : bodies) (random() % 2 == 0 ? left : right).Observe(body);
    Fields fields = left.Take();
    MergeFields(fields, right.Take());
    const Missing missing = MissingOf(fields, "a");
    EXPECT_EQ(missing.objects, 30u);
    EXPECT_LE(missing.min, without_a);
    EXPECT_GE(missing.max, without_a);
  }
}

TEST(Reading, ManyNamesOfWhichNoneIsInHalfOfTheObjectsAreAMap) {
  Bodies bodies;
  for (size_t i = 0; i < 65; ++i) bodies.Observe(Prices(i, 1));
  const Fields fields = bodies.Take();
  EXPECT_EQ(MapsOf(fields), std::vector<std::string>{"prices"});
  const Fields folded = WithMapsFolded(fields, MapsOf(fields));
  std::set<std::string> paths;
  for (const auto& [path, field] : folded) paths.insert(path);
  EXPECT_EQ(paths, (std::set<std::string>{"", "id", "prices", "prices.{}"}));
  EXPECT_EQ(folded.at("prices.{}").counts.seen, 65u);
  EXPECT_EQ(folded.at("prices.{}").counts.documents, 65u);
  EXPECT_EQ(folded.at("prices.{}").numbers.count(), 65u);
  EXPECT_EQ(folded.at("prices").counts.folded, 65u);
}

TEST(Reading, AWideObjectOrOneOfFewNamesIsNoMap) {
  Bodies few;
  for (size_t i = 0; i < 64; ++i) few.Observe(Prices(i, 1));
  EXPECT_TRUE(MapsOf(few.Take()).empty());
  Bodies wide;
  wide.Observe(Prices(0, 100), 10);
  EXPECT_TRUE(MapsOf(wide.Take()).empty());
  Bodies one_common;  // ninety rare names, one that half of the objects hold
  for (size_t i = 0; i < 90; ++i) one_common.Observe(Prices(i, 1));
  one_common.Observe("{\"prices\":{\"zz\":1}}", 90);
  EXPECT_TRUE(MapsOf(one_common.Take()).empty());
}

TEST(Reading, AMapOfMapsIsFoldedFromTheOutside) {
  Bodies bodies;
  for (size_t i = 0; i < 100; ++i) {
    const std::string name(1, static_cast<char>('a' + i / 26));
    bodies.Observe(
        Prices(i, 1, "{\"x" + name + std::string(1, static_cast<char>('a' + i % 26)) + "\":[{\"n\":1}]}"));
  }
  const Fields fields = bodies.Take();
  const std::vector<std::string> maps = MapsOf(fields);
  EXPECT_EQ(maps, (std::vector<std::string>{"prices", "prices.{}"}));
  const Fields folded = WithMapsFolded(fields, maps);
  EXPECT_EQ(folded.at("prices.{}.{}[].n").counts.integers, 100u);
  EXPECT_EQ(folded.size(), 7u);
}

TEST(Reading, BothSidesOfAComparisonFoldAlike) {
  Bodies some, more;
  for (size_t i = 0; i < 40; ++i) some.Observe(Prices(i, 1));
  for (size_t i = 30; i < 80; ++i) more.Observe(Prices(i, 1));
  const Fields before = some.Take(), after = more.Take();
  EXPECT_TRUE(MapsOf(before).empty());  // neither is one by itself
  EXPECT_TRUE(MapsOf(after).empty());
  Fields both = before;
  MergeFields(both, after);
  const auto maps = MapsOf(both);
  EXPECT_EQ(WithMapsFolded(before, maps).at("prices.{}").counts.seen, 40u);
  EXPECT_EQ(WithMapsFolded(after, maps).at("prices.{}").counts.seen, 50u);
}

TEST(Reading, FoldingLosesNoCountAndCanBeDoneBeforeMerging) {
  std::mt19937_64 random(3);
  Bodies left, right;
  for (int i = 0; i < 300; ++i)
    (random() % 2 == 0 ? left : right).Observe(Prices(random() % 400, 1 + random() % 3));
  const Fields a = left.Take(), b = right.Take();
  Fields both = a;
  MergeFields(both, b);
  const auto maps = MapsOf(both);
  ASSERT_EQ(maps, std::vector<std::string>{"prices"});
  Fields folded_first = WithMapsFolded(a, maps);
  MergeFields(folded_first, WithMapsFolded(b, maps));
  const Fields folded_last = WithMapsFolded(both, maps);
  EXPECT_EQ(folded_first.at("prices.{}").counts.seen, folded_last.at("prices.{}").counts.seen);
  EXPECT_EQ(folded_first.at("prices.{}").numbers, folded_last.at("prices.{}").numbers);
  uint64_t seen = 0;
  for (const auto& [path, field] : both) seen += path.starts_with("prices.") ? field.counts.seen : 0;
  EXPECT_EQ(folded_last.at("prices.{}").counts.seen, seen);
}

TEST(Reading, PathsThatNoProfilerWritesDoNoHarm) {
  for (const char* path : {".", "[", "..", "\"", "a.\"b", "[].", "{}.", "a[b", "]"}) {
    Fields fields;
    fields[""].counts.objects = 10;
    fields[path].counts.seen = 1;
    for (int i = 0; i < 70; ++i) fields[std::string(path) + "." + std::to_string(i)].counts.seen = 1;
    fields[path].counts.objects = 70;
    (void)MissingOf(fields, path);
    EXPECT_LE(WithMapsFolded(fields, MapsOf(fields)).size(), fields.size() + 1) << path;
  }
}

TEST(Reading, WholeNumbersHaveWholeRangesThatHoldThem) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 500; ++round) {
    sketch::Histogram histogram;
    double least = 1e300, most = -1e300;
    for (int i = 0; i < 3; ++i) {
      const auto value = static_cast<double>(static_cast<int64_t>(random() % 2001) - 1000);
      least = std::min(least, value);
      most = std::max(most, value);
      histogram.Add(value);
    }
    histogram.Conceal();
    const Values values(histogram, true);
    EXPECT_LE(values.min(), least);
    EXPECT_GE(values.max(), most);
    EXPECT_LE(least - values.min(), 0.022 * std::abs(least));
    EXPECT_LE(values.max() - most, 0.022 * std::abs(most));
    EXPECT_TRUE(std::abs(least) > 32 || values.min() == least);
    for (const auto& [name, q] : kQuantiles) {
      EXPECT_EQ(values.Quantile(q), std::round(values.Quantile(q)));
      EXPECT_GE(values.Quantile(q), values.min());
      EXPECT_LE(values.Quantile(q), values.max());
    }
  }
  sketch::Histogram huge;
  huge.Add(1e300);
  huge.Conceal();
  EXPECT_GE(Values(huge, true).max(), 1e300);
  EXPECT_EQ(Values(sketch::Histogram{}, true).max(), 0);
}

TEST(Reading, NoMoreValuesAreDistinctThanThereAre) {
  sketch::Categories categories;
  for (uint64_t i = 1; i <= 5000; ++i) categories.Add(i * 0x9E37'79B9'7F4A'7C15);
  EXPECT_LE(DistinctOf(categories), 5000u);
  EXPECT_GE(DistinctOf(categories), 4500u);
  EXPECT_EQ(DistinctOf({}), 0u);
}

}  // namespace
}  // namespace fieldmark::profile
