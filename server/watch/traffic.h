// Traffic: the requests and jobs of a whole service, all routes and versions together, step by step.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/store/store.h"

namespace fieldmark::watch {

struct Traffic {
  bucket::RequestSummary requests;  // of its durations and sizes the latency alone
  bucket::RunSummary runs;
  uint64_t observed_ms = 0;  // 0: nobody was watching, which is not zero traffic
};

// What a subject's name says it is (DESIGN §2).
bool IsBody(std::string_view subject);  // "POST /orders request", "POST /orders response 2xx"
bool IsJob(std::string_view subject);   // "job nightly-export"

using Families = std::vector<profile::Family>;
inline const Families kCountsAndLatency = {profile::Family::kCounts, profile::Family::kDistributions};
// [from, to) in steps; a step without anything is left out. `source` none: both. `subjects` empty: all but
// bodies. `families` without distributions: no latency, which is quicker.
Result<std::map<Minute, Traffic>> TrafficOf(store::Store& store,
                                            const std::vector<store::StreamInfo>& streams,
                                            std::optional<bucket::Source> source, Minute from, Minute to,
                                            store::Step step, std::vector<std::string> subjects = {},
                                            Families families = kCountsAndLatency);

// Started without a response, or 5xx: what a caller sees as failed.
uint64_t FailedOf(const bucket::RequestSummary& requests);

// The middle nine tenths of some values, as what is usual. None with fewer than `least`.
struct Band {
  double low = 0;
  double high = 0;
};
std::optional<Band> BandOf(std::vector<double> values, size_t least);

}  // namespace fieldmark::watch
