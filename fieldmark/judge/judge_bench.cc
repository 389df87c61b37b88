// How long judging takes: 100 000 signals of fifteen days of hours, a thousand at a time, as rates alone and
// as the mixture that a service has; with the screen and without. Memory is the process's peak.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "fieldmark/judge/judge.h"

namespace fieldmark::judge {
namespace {

constexpr size_t kSteps = 15 * 24;
constexpr size_t kChunk = 1000;
constexpr size_t kSignals = 100'000;

// Ten to 100 000 documents an hour with a daily rhythm; log odds, or the logarithm of a level, drift by 0.1.
std::vector<Series> ChunkOf(bool all_rates, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<Series> chunk(kChunk);
  for (size_t i = 0; i < kChunk; ++i) {
    Series& series = chunk[i];
    series.subject = "GET /r" + std::to_string(i % 50) + " response 2xx";
    series.field = "f" + std::to_string(i);
    const size_t kind = all_rates ? 0 : i % 10;
    series.kind = kind == 8 ? Kind::kCount : kind == 9 ? Kind::kMean : Kind::kRate;
    series.statistic = series.kind == Kind::kRate    ? "null"
                       : series.kind == Kind::kCount ? "requests"
                                                     : "mean";
    const double documents = std::pow(10, 1 + 4 * uniform(random));
    const double odds = std::pow(10, -4 + 4 * uniform(random));
    double drift = normal(random);
    for (size_t step = 0; step < kSteps; ++step) {
      drift = 0.8 * drift + 0.6 * normal(random);
      const double rhythm = 1 + 0.5 * std::sin(static_cast<double>(step) / 24 * 2 * 3.141592653589793);
      const auto n = static_cast<double>(std::poisson_distribution<int64_t>(documents * rhythm)(random));
      const double moved = odds * std::exp(0.1 * drift);
      if (series.kind == Kind::kRate) {
        const auto events = static_cast<double>(
            std::binomial_distribution<int64_t>(static_cast<int64_t>(n), moved / (1 + moved))(random));
        series.numerators.push_back(events);
        series.values.push_back(n > 0 ? events / n : std::nan(""));
        series.weights.push_back(n);
      } else {
        series.values.push_back(series.kind == Kind::kCount ? n
                                                            : std::exp(0.1 * drift + 0.01 * normal(random)));
        series.weights.push_back(series.kind == Kind::kCount ? 1 : n);
      }
    }
  }
  return chunk;
}

void JudgeAll(benchmark::State& state, bool all_rates, bool screen) {
  std::mt19937_64 random(1);
  std::vector<Series> chunk = ChunkOf(all_rates, random);
  const Timeline timeline{0, 3600, kSteps, {}, {}};
  Change change;
  change.at_unix_s = static_cast<int64_t>(kSteps - 1) * 3600;
  Settings settings;
  settings.screen = screen;
  Verdict verdict;
  for (auto _ : state) {
    Judge judge(timeline, change, settings);
    std::chrono::duration<double> judging{};
    for (size_t from = 0; from < kSignals; from += kChunk) {
      for (size_t i = 0; i < kChunk; ++i) chunk[i].signal = "s" + std::to_string(from + i);
      const auto started = std::chrono::steady_clock::now();
      for (const Series& series : chunk) judge.Add(series);
      judging += std::chrono::steady_clock::now() - started;
    }
    const auto started = std::chrono::steady_clock::now();
    verdict = judge.Finish();
    judging += std::chrono::steady_clock::now() - started;
    state.SetIterationTime(judging.count());
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_MB"] = static_cast<double>(usage.ru_maxrss) / 1024;
  state.counters["findings"] = static_cast<double>(verdict.findings.size());
}

void BM_Rates(benchmark::State& state) { JudgeAll(state, true, true); }
void BM_Mixture(benchmark::State& state) { JudgeAll(state, false, true); }
void BM_RatesUnscreened(benchmark::State& state) { JudgeAll(state, true, false); }
BENCHMARK(BM_Rates)->UseManualTime()->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Mixture)->UseManualTime()->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_RatesUnscreened)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fieldmark::judge
