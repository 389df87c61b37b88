// What one value costs on the request path, once its buckets are known.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "fieldmark/sketch/categories.h"
#include "fieldmark/sketch/formats.h"
#include "fieldmark/sketch/histogram.h"
#include "fieldmark/sketch/moments.h"
#include "fieldmark/sketch/sum.h"
#include "fieldmark/sketch/texts.h"
#include "fieldmark/sketch/trace_ids.h"

namespace fieldmark::sketch {
namespace {

constexpr size_t kValues = 4096;

std::vector<double> Values(double spread) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> values(3, spread);
  std::vector<double> list(kValues);
  for (double& value : list) value = values(random);
  return list;
}

// Spread 0: all in one bucket; 0.5: latencies; 5: most buckets occupied.
void BM_HistogramAdd(benchmark::State& state) {
  const std::vector<double> values = Values(static_cast<double>(state.range(0)) / 10);
  Histogram histogram;
  for (const double value : values) histogram.Add(value);
  size_t i = 0;
  for (auto _ : state) histogram.Add(values[i++ % kValues]);
}
BENCHMARK(BM_HistogramAdd)->Arg(0)->Arg(5)->Arg(50);

// In groups, as profilers have them; a value.
void BM_HistogramAddAll(benchmark::State& state) {
  std::vector<WeightedValue> values;
  for (const double value : Values(static_cast<double>(state.range(0)) / 10)) values.push_back({value, 1});
  constexpr size_t kGroup = 8;
  Histogram histogram;
  RecentBuckets recent;
  size_t i = 0;
  for (auto _ : state) {
    histogram.AddAll(std::span(values).subspan(i, kGroup), recent);
    i = (i + kGroup) % kValues;
  }
  state.SetItemsProcessed(static_cast<int64_t>(kGroup * state.iterations()));
}
BENCHMARK(BM_HistogramAddAll)->Arg(0)->Arg(5)->Arg(50);

void BM_CategoriesAdd(benchmark::State& state) {
  std::mt19937_64 random(2);
  std::vector<uint64_t> hashes(static_cast<size_t>(state.range(0)));
  for (uint64_t& hash : hashes) hash = random();
  Categories categories;
  for (const uint64_t hash : hashes) categories.Add(hash);
  size_t i = 0;
  for (auto _ : state) categories.Add(hashes[i++ % hashes.size()]);
}
BENCHMARK(BM_CategoriesAdd)->Arg(4)->Arg(64)->Arg(4096);

void BM_CategoriesAddAll(benchmark::State& state) {
  std::mt19937_64 random(2);
  std::vector<CategoryCount> values(static_cast<size_t>(state.range(0)));
  for (CategoryCount& value : values) value = {random(), 1};
  constexpr size_t kGroup = 4;
  Categories categories;
  categories.AddAll(values);
  size_t i = 0;
  for (auto _ : state) {
    categories.AddAll(std::span(values).subspan(i, kGroup));
    i = (i + kGroup) % values.size();
  }
  state.SetItemsProcessed(static_cast<int64_t>(kGroup * state.iterations()));
}
BENCHMARK(BM_CategoriesAddAll)->Arg(4)->Arg(64)->Arg(4096);

void BM_HistogramMerge(benchmark::State& state) {
  Histogram from;
  for (const double value : Values(0.5)) from.Add(value);
  Histogram into = from;
  for (auto _ : state) into.Merge(from);
}
BENCHMARK(BM_HistogramMerge);

void BM_CategoriesMerge(benchmark::State& state) {
  std::mt19937_64 random(3);
  Categories from, into;
  for (int i = 0; i < state.range(0); ++i) from.Add(random());
  into = from;
  for (auto _ : state) into.Merge(from);
}
BENCHMARK(BM_CategoriesMerge)->Arg(8)->Arg(4096);

// By kind: a word, an identifier, a time, an address, free text of 100 and of 1 000 bytes.
void BM_Formats(benchmark::State& state) {
  static const std::string kTexts[] = {
      "shipped",
      "550e8400-e29b-41d4-a716-446655440000",
      "2026-11-24T10:00:00.125Z",
      "anna.smith@example.com",
      "please leave it at the door, or with the neighbours on the second floor "
      "if nobody answers by noon..",
      std::string(1'000, 'x')};
  const std::string& text = kTexts[state.range(0)];
  for (auto _ : state) {
    benchmark::DoNotOptimize(text.data());
    benchmark::DoNotOptimize(FormatsOf(text));
  }
  state.counters["bytes"] = static_cast<double>(text.size());
}
BENCHMARK(BM_Formats)->DenseRange(0, 5);

// Of 4 values all are kept, of 4 096 most are too large by their hash.
void BM_TextsAdd(benchmark::State& state) {
  std::mt19937_64 random(4);
  std::vector<std::pair<uint64_t, std::string>> values(static_cast<size_t>(state.range(0)));
  for (auto& [hash, text] : values) {
    hash = random();
    text = "value " + std::to_string(hash % 1000);
  }
  Texts texts;
  for (const auto& [hash, text] : values) texts.Add(hash, false, text);
  size_t i = 0;
  for (auto _ : state) {
    const auto& [hash, text] = values[i++ % values.size()];
    texts.Add(hash, false, text);
  }
}
BENCHMARK(BM_TextsAdd)->Arg(4)->Arg(64)->Arg(4096);

void BM_TextsMerge(benchmark::State& state) {
  std::mt19937_64 random(5);
  Texts from;
  for (int i = 0; i < state.range(0); ++i) from.Add(random(), false, "value " + std::to_string(i));
  Texts into = from;
  for (auto _ : state) into.Merge(from);
}
BENCHMARK(BM_TextsMerge)->Arg(4)->Arg(64);

void BM_MomentOfText(benchmark::State& state) {
  static const std::string kTexts[] = {"2026-11-24T10:00:00Z", "2026-11-24T10:00:00.125+01:00"};
  const std::string& text = kTexts[state.range(0)];
  for (auto _ : state) {
    benchmark::DoNotOptimize(text.data());
    benchmark::DoNotOptimize(MomentOfText(text));
  }
}
BENCHMARK(BM_MomentOfText)->DenseRange(0, 1);

void BM_IsMoment(benchmark::State& state) {
  const std::vector<double> values = Values(5);
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(IsMoment(values[i++ % kValues]));
}
BENCHMARK(BM_IsMoment);

void BM_SumAdd(benchmark::State& state) {
  const std::vector<double> values = Values(5);
  Sum sum;
  size_t i = 0;
  for (auto _ : state) sum.Add(values[i++ % kValues]);
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(BM_SumAdd);

void BM_TraceIdsAdd(benchmark::State& state) {
  std::mt19937_64 random(6);
  std::vector<TraceId> ids(kValues);
  for (TraceId& id : ids) {
    for (uint8_t& byte : id) byte = static_cast<uint8_t>(random());
  }
  TraceIds kept;
  size_t i = 0;
  for (auto _ : state) kept.Add(ids[i++ % kValues]);
}
BENCHMARK(BM_TraceIdsAdd);

}  // namespace
}  // namespace fieldmark::sketch
