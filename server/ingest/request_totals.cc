#include "server/ingest/request_totals.h"

#include <algorithm>

#include "fieldmark/bucket/recorder.h"

namespace fieldmark::ingest {
namespace {

// The smallest i with 2^i at or above the bucket's upper edge, 2^((index + 1) / 2^scale).
int64_t PowerAbove(int32_t index, int scale) {
  const int64_t upper = int64_t{index} + 1;
  if (scale < 0) return upper * (int64_t{1} << -scale);
  const int64_t parts = int64_t{1} << scale;
  return upper > 0 ? (upper + parts - 1) / parts : -(-upper / parts);
}

void AddLatency(const sketch::Histogram& latency_ms, RequestTotal& into) {
  into.answered += latency_ms.count();
  into.latency_sum_ms += latency_ms.sum().value_or(0);
  into.by_latency[0] += latency_ms.zero_count();
  for (const sketch::HistogramBucket& bucket : latency_ms.positive()) {
    const int64_t power = std::max<int64_t>(0, PowerAbove(bucket.index, latency_ms.scale()));
    if (power < static_cast<int64_t>(kLatencyBuckets))
      into.by_latency[static_cast<size_t>(power)] += bucket.count;
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

std::map<RequestTotals::Name, RequestTotal> RequestTotals::All() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

}  // namespace fieldmark::ingest
