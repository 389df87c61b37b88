#include "server/ingest/request_totals.h"

#include <algorithm>
#include <cmath>

#include "fieldmark/bucket/recorder.h"

namespace fieldmark::ingest {
namespace {

// The bucket of what lies in the middle of one of ours, from 2^(index / 2^scale) to 2^((index + 1) / 2^scale)
// milliseconds.
size_t LatencyBucket(int32_t index, int scale) {
  const double log2_ms = std::ldexp(static_cast<double>(index) + 0.5, -scale);
  const double edge = std::ceil(log2_ms - std::log2(1000.0)) - kLatencyEdgeMin;
  return static_cast<size_t>(std::max(0.0, edge));
}

void AddLatency(const sketch::Histogram& latency_ms, RequestTotal& into) {
  into.answered += latency_ms.count();
  into.latency_sum_ms += latency_ms.sum().value_or(0);
  into.by_latency[0] += latency_ms.zero_count();
  for (const sketch::HistogramBucket& bucket : latency_ms.positive()) {
    const size_t place = LatencyBucket(bucket.index, latency_ms.scale());
    if (place < kLatencyBuckets) into.by_latency[place] += bucket.count;
  }
}

}  // namespace

void RequestTotals::Add(const bucket::Batch& batch) {
  if (batch.header.source != bucket::Source::kLive) return;
  const std::lock_guard lock(mutex_);
  Name name(batch.header.stream.service, batch.header.stream.environment);
  if (totals_.size() >= kServicesMax && !totals_.contains(name)) name = {"(other)", "(other)"};
  RequestTotal& total = totals_[name];
  for (const auto& [minute, bucket] : batch.buckets) {
    for (const auto& [subject, summary] : bucket) {
      if (!summary.request) continue;
      for (const auto& [status, times] : summary.request->by_status) {
        const std::string_view status_class = bucket::StatusClass(status);
        const auto found = total.by_class.find(status_class);
        if (found != total.by_class.end()) {
          found->second += times;
        } else {
          total.by_class.emplace(status_class, times);
        }
      }
      AddLatency(summary.request->last_byte_ms, total);
    }
  }
}

void RequestTotals::Forget(const std::string& service, const std::optional<std::string>& environment) {
  const std::lock_guard lock(mutex_);
  std::erase_if(totals_, [&](const auto& entry) {
    return entry.first.first == service && (!environment || entry.first.second == *environment);
  });
}

std::map<RequestTotals::Name, RequestTotal> RequestTotals::All() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

}  // namespace fieldmark::ingest
