// A service that nothing happens to, for tests: daily rhythm, drift that remembers, bursts of errors, values
// from a finite pool. Seeded; the same on every run.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "fieldmark/judge/series.h"

namespace fieldmark::judge {

struct SampleOptions {
  size_t steps = 0;
  int64_t step_s = 60;
  size_t signals = 20;
  double documents_per_minute = 40;  // of a middling signal; others have a quarter to four times as many
  double drift = 0.1;  // standard deviation of a share's log odds, of a level's logarithm half of it
  double drift_memory_s = 3600;
  double rhythm = 0.5;        // of volumes, as a logarithm; of all else a third of it
  double bursts_per_day = 2;  // of rare events: the odds ten times as high for five minutes
};

class SampleService {
 public:
  SampleService(uint64_t seed, const SampleOptions& options) : random_(seed), options_(options) {
    timeline_.start_unix_s = 1'767'225'600;  // 2026-01-01T00:00:00Z
    timeline_.step_s = options.step_s;
    timeline_.steps = options.steps;
    for (size_t i = 0; i < options.signals; ++i) series_.push_back(MakeSignal(i));
  }

  const Timeline& timeline() const { return timeline_; }
  std::vector<Series>& series() { return series_; }
  int64_t TimeOf(size_t step) const {
    return timeline_.start_unix_s + static_cast<int64_t>(step) * timeline_.step_s;
  }

  uint64_t Binomial(uint64_t n, double p) {
    return n == 0 ? 0 : std::binomial_distribution<uint64_t>(n, std::clamp(p, 0.0, 1.0))(random_);
  }
  uint64_t Poisson(double mean) { return std::poisson_distribution<uint64_t>(std::max(mean, 1e-9))(random_); }
  double Normal() { return std::normal_distribution<double>()(random_); }
  double Uniform() { return std::uniform_real_distribution<double>()(random_); }

 private:
  // Ornstein and Uhlenbeck's walk, one value a step, in stationary state from the start.
  std::vector<double> Drift(double deviation) {
    std::vector<double> drift(options_.steps);
    const double memory = std::exp(-static_cast<double>(options_.step_s) / options_.drift_memory_s);
    double value = Normal();
    for (double& step : drift) {
      step = deviation * value;
      value = memory * value + std::sqrt(1 - memory * memory) * Normal();
    }
    return drift;
  }

  double RhythmAt(size_t step) const {
    const auto second = static_cast<double>((static_cast<int64_t>(step) * options_.step_s) % 86'400);
    return std::sin(second / 86'400 * 2 * 3.141592653589793);
  }

  std::vector<bool> Bursts() {
    std::vector<bool> bursts(options_.steps);
    const double starts = options_.bursts_per_day * static_cast<double>(options_.step_s) / 86'400;
    const auto length = static_cast<size_t>(std::max<int64_t>(1, 300 / options_.step_s));
    for (size_t step = 0; step < options_.steps; ++step) {
      if (Uniform() >= starts) continue;
      for (size_t i = step; i < std::min(options_.steps, step + length); ++i) bursts[i] = true;
    }
    return bursts;
  }

  std::vector<uint64_t> Volume() {
    const double mean = options_.documents_per_minute * static_cast<double>(options_.step_s) / 60 *
                        std::exp2(Uniform() * 4 - 2);
    const std::vector<double> drift = Drift(options_.drift);
    std::vector<uint64_t> volume(options_.steps);
    for (size_t step = 0; step < options_.steps; ++step) {
      volume[step] = Poisson(mean * std::exp(options_.rhythm * RhythmAt(step) + drift[step]));
    }
    return volume;
  }

  Series Named(size_t index, Kind kind, const std::string& statistic) {
    Series series;
    series.subject = "GET /r" + std::to_string(index % 8) + " response 2xx";
    series.field = "f" + std::to_string(index);
    series.statistic = statistic;
    series.signal = series.subject + " " + series.field + " " + statistic;
    series.kind = kind;
    return series;
  }

  Series MakeSignal(size_t index) {
    switch (index % 10) {
      case 0:
        return Rate(index, "null", 0.01, true);
      case 1:
        return Rate(index, "status 5xx", 0.0005, true);
      case 2:
        return Rate(index, "true", 0.3, false);
      case 3:
        return Rate(index, "missing", index % 20 < 10 ? 0.0 : 0.05, false);
      case 4:
        return Rate(index, "type string", 0.97, false);
      case 5:
        return Latency(index);
      case 6:
        return PoolValues(index);
      case 7:
        return Enum(index, 5, false);
      case 8:
        return Enum(index, 64, true);
      default:
        return index % 20 < 10 ? Requests(index) : WideValues(index);
    }
  }

  Series Rate(size_t index, const std::string& statistic, double share, bool bursty) {
    Series series = Named(index, Kind::kRate, statistic);
    series.polarity = Polarity::kMoreIsWorse;
    const std::vector<uint64_t> volume = Volume();
    const std::vector<double> drift = Drift(options_.drift);
    const std::vector<bool> bursts = bursty ? Bursts() : std::vector<bool>(options_.steps);
    for (size_t step = 0; step < options_.steps; ++step) {
      const double log_odds = std::log(share / (1 - share)) + drift[step] +
                              options_.rhythm / 3 * RhythmAt(step) + (bursts[step] ? std::log(10.0) : 0);
      const double p = share <= 0 ? 0 : 1 / (1 + std::exp(-log_odds));
      const auto events = static_cast<double>(Binomial(volume[step], p));
      const auto documents = static_cast<double>(volume[step]);
      series.numerators.push_back(events);
      series.weights.push_back(documents);
      series.values.push_back(documents > 0 ? events / documents : std::nan(""));
    }
    return series;
  }

  Series Values(size_t index, const std::string& statistic, const std::string& unit,
                const std::function<double(size_t)>& draw) {
    Series series = Named(index, Kind::kDistribution, statistic);
    series.unit = unit;
    if (unit == "ms") series.polarity = Polarity::kMoreIsWorse;
    for (const uint64_t volume : Volume()) {
      sketch::Histogram histogram;
      for (uint64_t i = 0; i < volume; ++i) histogram.Add(draw(series.distributions.size()));
      series.distributions.push_back(histogram);
      series.weights.push_back(static_cast<double>(volume));
    }
    return series;
  }
  Series Latency(size_t index) {
    const std::vector<double> drift = Drift(options_.drift / 2);
    const double median = std::exp(Uniform() * 5);
    return Values(index, "latency", "ms", [this, drift, median](size_t step) {
      return median * std::exp(0.4 * Normal() + drift[step] + options_.rhythm / 3 * RhythmAt(step));
    });
  }
  Series WideValues(size_t index) {
    const std::vector<double> drift = Drift(options_.drift / 2);
    return Values(index, "value", "",
                  [this, drift](size_t step) { return 20 * std::exp(1.5 * Normal() + drift[step]); });
  }
  Series PoolValues(size_t index) {
    std::vector<double> pool(30);
    for (double& value : pool) value = std::round(100 * std::exp(Normal())) / 100;
    return Values(index, "value", "", [this, pool](size_t) { return pool[random_() % pool.size()]; });
  }

  Series Enum(size_t index, size_t categories, bool even) {
    Series series = Named(index, Kind::kMix, "mix");
    std::vector<double> weights(categories);
    for (double& weight : weights) weight = even ? 1 : std::exp(Normal());
    const std::vector<double> drift = Drift(even ? 0 : options_.drift);
    for (const uint64_t volume : Volume()) {
      std::map<std::string, double>& mix = series.mixes.emplace_back();
      std::vector<double> now = weights;
      now[0] *= std::exp(drift[series.mixes.size() - 1]);
      std::discrete_distribution<size_t> draw(now.begin(), now.end());
      for (uint64_t i = 0; i < volume; ++i) mix["c" + std::to_string(draw(random_))] += 1;
      series.weights.push_back(static_cast<double>(volume));
    }
    return series;
  }

  Series Requests(size_t index) {
    Series series = Named(index, Kind::kCount, "requests");
    series.field.clear();
    for (const uint64_t volume : Volume()) {
      series.values.push_back(static_cast<double>(volume));
      series.weights.push_back(1);
    }
    return series;
  }

  std::mt19937_64 random_;
  SampleOptions options_;
  Timeline timeline_;
  std::vector<Series> series_;
};

}  // namespace fieldmark::judge
