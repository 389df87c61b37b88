// Series: one signal over time on a timeline of equal steps; what the judge reads. Format fieldmark.series/1.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fieldmark/base/result.h"
#include "fieldmark/sketch/histogram_column.h"

namespace fieldmark::judge {

enum class Kind : uint8_t {
  kRate,          // a share: numerators of weights
  kMean,          // a level: a mean of weights observations
  kCount,         // a volume a step
  kQuantile,      // an imported quantile: never aggregated, only compared
  kDistribution,  // a histogram a step
  kMix,           // counts by category a step
};

// What a finding about the signal may be called: more of it is worse (errors, latency, nulls), or only
// different.
enum class Polarity : uint8_t { kNeutral, kMoreIsWorse };

// What a signal is called and what it counts: the same of its series, its evidence and its finding.
struct Signal {
  std::string signal;     // unique in a family: "POST /orders response 2xx customer.phone null"
  std::string subject;    // "POST /orders response 2xx"
  std::string field;      // "customer.phone", or empty
  std::string statistic;  // "null", "missing", "type string", "value", "length", "items", "mix", "status
                          // 5xx", "latency", "requests"
  std::string unit;       // "ms", "bytes", or empty: shares are ratios in 0..1
  Kind kind = Kind::kRate;
  Polarity polarity = Polarity::kNeutral;
};

struct Series : Signal {
  // One element a step; the vectors that a kind does not use are empty. A step without data has weight 0 and
  // NaN.
  std::vector<double> values;  // kRate, kMean, kCount, kQuantile
  std::vector<double>
      weights;  // documents behind each value; kCount: 1 where the service was watched, else 0
  std::vector<double> numerators;  // kRate: exact; derived from values × weights when the source had none
  std::vector<double> variances;   // optional: sampling variance of each value
  sketch::HistogramColumn distributions;               // kDistribution
  std::vector<std::map<std::string, double>> mixes;    // kMix
  std::map<std::string, std::string> category_values;  // kMix: what categories are, as far as it may be said

  // What the version before saw of the same signal in the steps in which it ran beside the new one.
  std::shared_ptr<const Series> beside;
};

// [from, to): incidents, left out of controls.
using Stretches = std::vector<std::pair<int64_t, int64_t>>;

struct Timeline {
  int64_t start_unix_s = 0;
  int64_t step_s = 60;
  size_t steps = 0;
  std::vector<int64_t> known_changes_unix_s;  // other changes: no windows across them
  Stretches excluded_unix_s;
};

}  // namespace fieldmark::judge
