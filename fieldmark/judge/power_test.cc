// What must be found, among twenty signals that drift and burst: each fault in at least 19 of 20 services.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <ostream>

#include "fieldmark/judge/judge.h"
#include "fieldmark/judge/sample_service.h"

namespace fieldmark::judge {
namespace {

// Before the change and after it.
using Planted = std::function<Series(SampleService&, size_t steps, size_t change)>;

struct Fault {
  const char* name;
  int64_t step_s;
  size_t history_steps;
  int64_t look_s;
  Planted plant;
};

void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

Series RateSeries(SampleService& service, size_t steps, size_t change, double documents, double before,
                  double after, const char* statistic = "null") {
  Series series;
  series.signal = series.subject = "planted";
  series.statistic = statistic;
  series.kind = Kind::kRate;
  for (size_t step = 0; step < steps; ++step) {
    const uint64_t n = service.Poisson(documents);
    const auto events = static_cast<double>(service.Binomial(n, step < change ? before : after));
    series.numerators.push_back(events);
    series.weights.push_back(static_cast<double>(n));
    series.values.push_back(n > 0 ? events / static_cast<double>(n) : std::nan(""));
  }
  return series;
}

Planted Rate(double documents, double before, double after, const char* statistic = "null") {
  return [=](SampleService& service, size_t steps, size_t change) {
    return RateSeries(service, steps, change, documents, before, after, statistic);
  };
}

Planted Values(double documents, const char* unit, double median, double spread, double new_median,
               double new_spread) {
  return [=](SampleService& service, size_t steps, size_t change) {
    Series series;
    series.signal = series.subject = "planted";
    series.statistic = "value";
    series.unit = unit;
    series.kind = Kind::kDistribution;
    for (size_t step = 0; step < steps; ++step) {
      sketch::Histogram histogram;
      const bool after = step >= change;
      for (uint64_t n = service.Poisson(documents); n > 0; --n) {
        histogram.Add((after ? new_median : median) *
                      std::exp((after ? new_spread : spread) * service.Normal()));
      }
      series.distributions.push_back(histogram);
    }
    return series;
  };
}

// One category of five takes over, so often.
Planted TakeOver(double documents, double share) {
  return [=](SampleService& service, size_t steps, size_t change) {
    Series series;
    series.signal = series.subject = "planted";
    series.statistic = "mix";
    series.kind = Kind::kMix;
    for (size_t step = 0; step < steps; ++step) {
      auto& mix = series.mixes.emplace_back();
      for (uint64_t n = service.Poisson(documents); n > 0; --n) {
        const bool taken = step >= change && service.Uniform() < share;
        mix[taken ? "0" : std::to_string(static_cast<int>(service.Uniform() * 5))] += 1;
      }
    }
    return series;
  };
}

class Power : public testing::TestWithParam<Fault> {};

TEST_P(Power, FindsIt) {
  const Fault& fault = GetParam();
  constexpr int kServices = 20;
  int found = 0;
  for (uint64_t seed = 1; seed <= kServices; ++seed) {
    SampleOptions options;
    options.step_s = fault.step_s;
    const auto look_steps = static_cast<size_t>(std::max<int64_t>(1, fault.look_s / fault.step_s));
    options.steps = fault.history_steps + look_steps;
    SampleService service(seed, options);
    Change change;
    change.at_unix_s = service.TimeOf(fault.history_steps);
    change.look_s = fault.look_s;
    Judge judge(service.timeline(), change);
    for (const Series& series : service.series()) judge.Add(series);
    judge.Add(fault.plant(service, options.steps, fault.history_steps));
    for (const Finding& finding : judge.Finish().findings) {
      found += finding.signal == "planted" && finding.state == State::kChanged;
    }
  }
  std::printf("%-32s found %d of %d\n", fault.name, found, kServices);
  EXPECT_GE(found, 19);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, Power,
    testing::Values(Fault{"nulls_60_documents_10_minutes", 60, 10, 60, Rate(60, 0.01, 0.38)},
                    Fault{"nulls_300_documents_2_minutes", 60, 2, 60, Rate(300, 0.01, 0.38)},
                    Fault{"nulls_60_documents_2_days", 60, 2880, 60, Rate(60, 0.01, 0.38)},
                    Fault{"errors_400_requests_2_days", 900, 192, 900, Rate(400, 0, 0.03)},
                    Fault{"errors_400_requests_2_percent", 900, 192, 900, Rate(400, 0, 0.02)},
                    Fault{"field_vanished", 60, 2880, 60, Rate(80, 0.02, 1, "missing")},
                    Fault{"field_new", 60, 2880, 60, Rate(80, 1, 0.02, "missing")},
                    Fault{"field_vanished_10_minutes", 60, 10, 60, Rate(80, 0.02, 1, "missing")},
                    Fault{"type_flip", 60, 2880, 60, Rate(80, 1, 0.02, "type number")},
                    Fault{"price_in_cents_2_days", 60, 2880, 60, Values(60, "", 20, 1.5, 2000, 1.5)},
                    Fault{"price_in_cents_10_minutes", 60, 10, 60, Values(60, "", 20, 1.5, 2000, 1.5)},
                    Fault{"latency_2_minutes", 60, 2, 60, Values(150, "ms", 5, 0.5, 65, 0.1)},
                    Fault{"latency_40_requests", 60, 3, 60, Values(40, "ms", 5, 0.5, 65, 0.1)},
                    Fault{"latency_half_slower_2_days", 60, 2880, 900, Values(100, "ms", 50, 0.5, 75, 0.5)},
                    Fault{"enum_takes_over", 60, 2880, 60, TakeOver(60, 0.6)},
                    Fault{"enum_takes_over_10_minutes", 60, 10, 60, TakeOver(60, 0.9)}),
    [](const auto& parameters) { return std::string(parameters.param.name); });

// The first requests of a new process are slow; that is no finding, with minutes of history or with days.
TEST(ColdStart, IsNoFinding) {
  for (const size_t history : {size_t{3}, size_t{600}}) {
    int moved = 0;
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      SampleOptions options;
      options.steps = history + 2;
      options.signals = 0;
      SampleService service(seed, options);
      Series latency = Values(150, "ms", 5, 0.5, 5, 0.5)(service, options.steps, history);
      sketch::Histogram slow;
      for (int i = 0; i < 12; ++i) slow.Add(400 + 50 * service.Uniform());
      latency.distributions.Merge(history, slow);
      Change change;
      change.at_unix_s = service.TimeOf(history);
      change.look_s = 60;
      Judge judge(service.timeline(), change);
      judge.Add(latency);
      moved += judge.Finish().state == State::kChanged;
    }
    EXPECT_EQ(moved, 0) << history << " minutes of history";
  }
}

}  // namespace
}  // namespace fieldmark::judge
