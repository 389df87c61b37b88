// Columns hold what merging the same summaries into trees, a tree a step, would hold.
#include "fieldmark/profile/columns.h"

#include <gtest/gtest.h>

#include <random>

namespace fieldmark::profile {
namespace {

FieldSummary Sample(std::mt19937_64& random) {
  const auto below = [&](uint64_t bound) { return random() % bound; };
  FieldSummary field;
  if (below(2) == 0) field.counts.documents = field.counts.seen = field.counts.strings = 1 + below(9);
  if (below(2) == 0) field.counts.formats[below(sketch::kFormats)] = 1;
  if (below(3) == 0) field.numbers.Add(static_cast<double>(below(1000)), 1 + below(3));
  if (below(3) == 0) field.string_bytes.Add(static_cast<double>(below(50)));
  if (below(3) == 0) field.array_items.Add(static_cast<double>(below(5)));
  if (below(3) == 0) field.age_ms.Add(static_cast<double>(below(5)));
  if (below(3) == 0) field.categories.Add(random());
  if (below(3) == 0) field.texts.Add(below(20), false, "some text");
  return field;
}

template <class Sketch>
Sketch At(const std::map<size_t, Sketch>& column, size_t step) {
  const auto at = column.find(step);
  return at == column.end() ? Sketch{} : at->second;
}

sketch::Histogram At(const sketch::HistogramColumn& column, size_t step) {
  return column.empty() ? sketch::Histogram{} : column[step];
}

FieldSummary At(const FieldColumn& column, size_t step) {
  FieldSummary field;
  field.counts = column.counts[step];
  field.numbers = At(column.numbers, step);
  field.string_bytes = At(column.string_bytes, step);
  field.array_items = At(column.array_items, step);
  field.age_ms = At(column.age_ms, step);
  field.categories = At(column.categories, step);
  field.texts = At(column.texts, step);
  return field;
}

TEST(FieldColumns, HoldWhatATreeForEachStepWould) {
  constexpr size_t kSteps = 5;
  const std::vector<std::string> paths = {"", "a", "a.b", "items", "items[]", "z"};
  for (uint64_t seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random(seed);
    FieldColumns columns(kSteps);
    std::vector<Fields> trees(kSteps);
    for (int piece = 0; piece < 40; ++piece) {
      const size_t step = random() % kSteps;
      // Mostly in the order of the paths, as summaries have them; not always.
      for (const std::string& path : paths) {
        if (random() % 3 == 0) continue;
        const std::string& chosen = random() % 8 == 0 ? paths[random() % paths.size()] : path;
        FieldSummary field = Sample(random);
        trees[step][chosen].Merge(field);
        columns.Absorb(step, chosen, std::move(field));
      }
    }
    const size_t forgetful = random() % kSteps;
    DropHashed(trees[forgetful]);
    columns.DropHashed(forgetful);

    EXPECT_EQ(columns.Find("nowhere"), nullptr);
    std::string above;
    for (const auto& column : columns.columns()) {
      EXPECT_TRUE(column->path.empty() || above < column->path);
      above = column->path;
      EXPECT_EQ(columns.Find(column->path), column.get());
    }
    for (const std::string& path : paths) {
      const FieldColumn* column = columns.Find(path);
      ASSERT_NE(column, nullptr) << path;
      FieldCounts total;
      for (const Fields& tree : trees) {
        if (tree.contains(path)) total.Merge(tree.at(path).counts);
      }
      EXPECT_EQ(column->counts.Total(), total);
      for (size_t step = 0; step < kSteps; ++step) {
        const auto field = trees[step].find(path);
        const FieldSummary expected = field == trees[step].end() ? FieldSummary{} : field->second;
        EXPECT_EQ(At(*column, step), expected) << path << " " << step << " seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace fieldmark::profile
