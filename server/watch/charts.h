// Charts: one signal over time, in at most 720 points.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/store/store.h"
#include "server/watch/verdicts.h"

namespace fieldmark::watch {

inline constexpr int64_t kChartMinutesMin = 5;
inline constexpr int64_t kChartMinutesMax = 20'160;
inline constexpr size_t kChartChangesMax = 100;  // the newest

struct ChartQuery {
  std::string service;
  std::string environment;
  std::string subject;  // empty: all requests of the service
  std::string field;
  std::string statistic;  // as in fieldmark/judge/signals.h
  int64_t minutes = 60;
};

// A step without data is NaN.
struct Chart {
  std::string signal;
  std::string unit;
  int64_t step_s = 60;
  UnixMs start = 0;
  std::vector<double> values;
  std::vector<double> lower;    // of a distribution, such as latency: median; else empty
  std::vector<double> upper;    // of a distribution: 95th percentile; else empty
  std::vector<Change> changes;  // newest first
};

// kNotFound when nothing was heard of the service, or nothing was ever seen of the signal; kInvalidArgument
// for a statistic of all requests that does not add up over subjects.
Result<Chart> ChartOf(store::Store& store, Verdicts& verdicts, const ChartQuery& query, UnixMs now);

}  // namespace fieldmark::watch
