// How long judging takes: 100 000 signals of fifteen days of hours, a thousand at a time, as rates alone and
// as a mixture of rates and levels, with the screen and without; and 4 000 of a service's five minutes, all
// kinds of them. Memory is the process's peak.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "fieldmark/judge/judge.h"

namespace fieldmark::judge {
namespace {

struct Family {
  size_t signals;
  size_t chunk;  // so many at a time
  size_t day_steps;
  std::vector<Kind> kinds;  // in turn

  size_t steps() const { return 15 * day_steps; }
};

const Family kRates{100'000, 1000, 24, {Kind::kRate}};
const Family kRatesAndLevels{100'000,
                             1000,
                             24,
                             {Kind::kRate, Kind::kRate, Kind::kRate, Kind::kRate, Kind::kRate, Kind::kRate,
                              Kind::kRate, Kind::kRate, Kind::kCount, Kind::kMean}};
const Family kFiveMinutes{4000,
                          200,
                          288,
                          {Kind::kRate, Kind::kRate, Kind::kRate, Kind::kRate, Kind::kRate, Kind::kRate,
                           Kind::kRate, Kind::kCount, Kind::kDistribution, Kind::kMix}};

const char* StatisticOf(Kind kind) {
  return kind == Kind::kRate           ? "null"
         : kind == Kind::kCount        ? "requests"
         : kind == Kind::kMean         ? "mean"
         : kind == Kind::kDistribution ? "value"
                                       : "mix";
}

// Ten to 100 000 documents an hour with a daily rhythm; log odds, or the logarithm of a level, drift by 0.1.
// Of a distribution or a mix ten documents a step are kept.
std::vector<Series> ChunkOf(const Family& family, std::mt19937_64& random) {
  constexpr int kKept = 10;
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<Series> chunk(family.chunk);
  for (size_t i = 0; i < chunk.size(); ++i) {
    Series& series = chunk[i];
    series.subject = "GET /r" + std::to_string(i % 50) + " response 2xx";
    series.field = "f" + std::to_string(i);
    series.kind = family.kinds[i % family.kinds.size()];
    series.statistic = StatisticOf(series.kind);
    const double documents =
        std::pow(10, 1 + 4 * uniform(random)) * 24 / static_cast<double>(family.day_steps);
    const double odds = std::pow(10, -4 + 4 * uniform(random));
    double drift = normal(random);
    for (size_t step = 0; step < family.steps(); ++step) {
      drift = 0.8 * drift + 0.6 * normal(random);
      const double day = static_cast<double>(step) / static_cast<double>(family.day_steps);
      const double rhythm = 1 + 0.5 * std::sin(day * 2 * 3.141592653589793);
      const auto n = static_cast<double>(std::poisson_distribution<int64_t>(documents * rhythm)(random));
      const double moved = odds * std::exp(0.1 * drift);
      if (series.kind == Kind::kRate) {
        const auto events = static_cast<double>(
            std::binomial_distribution<int64_t>(static_cast<int64_t>(n), moved / (1 + moved))(random));
        series.numerators.push_back(events);
        series.values.push_back(n > 0 ? events / n : std::nan(""));
        series.weights.push_back(n);
      } else if (series.kind == Kind::kCount || series.kind == Kind::kMean) {
        series.values.push_back(series.kind == Kind::kCount ? n
                                                            : std::exp(0.1 * drift + 0.01 * normal(random)));
        series.weights.push_back(series.kind == Kind::kCount ? 1 : n);
      } else {
        sketch::Histogram histogram;
        std::map<std::string, double> mix;
        for (int document = 0; document < kKept; ++document) {
          const double value = 0.1 * drift + normal(random);
          if (series.kind == Kind::kDistribution) histogram.Add(std::exp(value));
          if (series.kind == Kind::kMix) ++mix["c" + std::to_string(std::lround(2 * std::abs(value)))];
        }
        if (series.kind == Kind::kDistribution) series.distributions.push_back(histogram);
        if (series.kind == Kind::kMix) series.mixes.push_back(mix);
        series.weights.push_back(kKept);
      }
    }
  }
  return chunk;
}

void JudgeAll(benchmark::State& state, const Family& family, bool screen) {
  std::mt19937_64 random(1);
  std::vector<Series> chunk = ChunkOf(family, random);
  const int64_t step_s = 86'400 / static_cast<int64_t>(family.day_steps);
  const Timeline timeline{0, step_s, family.steps(), {}, {}};
  Change change;
  change.at_unix_s = 15 * 86'400 - 3600;
  Settings settings;
  settings.screen = screen;
  Verdict verdict;
  for (auto _ : state) {
    Judge judge(timeline, change, settings);
    std::chrono::duration<double> judging{};
    for (size_t from = 0; from < family.signals; from += family.chunk) {
      for (size_t i = 0; i < chunk.size(); ++i) chunk[i].signal = "s" + std::to_string(from + i);
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

void BM_Rates(benchmark::State& state) { JudgeAll(state, kRates, true); }
void BM_Mixture(benchmark::State& state) { JudgeAll(state, kRatesAndLevels, true); }
void BM_RatesUnscreened(benchmark::State& state) { JudgeAll(state, kRates, false); }
void BM_FiveMinutes(benchmark::State& state) { JudgeAll(state, kFiveMinutes, true); }
BENCHMARK(BM_Rates)->UseManualTime()->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Mixture)->UseManualTime()->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_RatesUnscreened)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_FiveMinutes)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fieldmark::judge
