// RequestTotals: requests of live batches since this server began, by service, as counters for Prometheus:
// they only grow. Safe for use by several threads at once.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fieldmark/bucket/batch.h"

namespace fieldmark::ingest {

// A latency of at most 2^(kLatencyEdgeMin + i) seconds falls into bucket i or below: edges that Prometheus'
// native histograms have too, at their schema 0. Ours are of milliseconds; a bucket of theirs that an edge
// cuts counts on the side of its middle, so that an edge may be 1.1 % off.
inline constexpr size_t kLatencyBuckets = 17;
inline constexpr int kLatencyEdgeMin = -10;  // 0.98 ms; up to 64 s

struct RequestTotal {
  std::map<std::string, uint64_t, std::less<>> by_class;  // "2xx"; "none" when no response was started
  std::array<uint64_t, kLatencyBuckets>
      by_latency{};       // in that bucket alone; slower ones are in `answered` only
  uint64_t answered = 0;  // with a latency
  double latency_sum_ms = 0;
};

class RequestTotals {
 public:
  // Further services count as "(other)": whoever scrapes keeps a time series for each.
  static constexpr size_t kServicesMax = 200;

  void Add(const bucket::Batch& batch);
  // `environment` none: all of them.
  void Forget(const std::string& service, const std::optional<std::string>& environment);

  using Name = std::pair<std::string, std::string>;  // service, environment
  std::map<Name, RequestTotal> All() const;

 private:
  mutable std::mutex mutex_;
  std::map<Name, RequestTotal> totals_;
};

}  // namespace fieldmark::ingest
