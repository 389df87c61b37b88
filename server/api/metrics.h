// What Prometheus scrapes: this server's own health, and the requests of each service since it began.
#pragma once

#include <cstdint>
#include <string>

#include "server/access/gate.h"
#include "server/api/limits_met.h"
#include "server/ingest/ingest.h"
#include "server/store/store.h"
#include "server/watch/watchman.h"

namespace fieldmark::api {

inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

struct OwnHealth {
  double uptime_s = 0;
  double fold_lag_s = 0;
  uint64_t data_folder_bytes = 0;
  ingest::Counters batches;
  store::Condition store;
  access::GateCounters gate;
  watch::Watch::Counts watch;
};

std::string MetricsText(const OwnHealth& health, const LimitsMet& met, const ingest::RequestTotals& totals);

}  // namespace fieldmark::api
