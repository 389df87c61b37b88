// An incident: what moved between changes, with none to date it from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fieldmark/base/time.h"

namespace fieldmark::store {

struct Incident {
  int64_t id = 0;  // given by the store
  std::string environment;
  std::string service;
  std::string signal;  // of the finding: "POST /orders request customer.phone null"
  std::string subject;
  std::string field;
  std::string statistic;
  std::string direction;            // worse, better, different
  std::string sentence;             // as it was found
  std::vector<std::string> also{};  // signals of other subjects that moved alike
  UnixMs since_first = 0;           // it began between these
  UnixMs since_last = 0;
  UnixMs found_at = 0;   // the end of the look that found it
  UnixMs seen_at = 0;    // and of the last one that still did
  UnixMs over_at = 0;    // 0: it lasts
  bool settled = false;  // it lasted a day and is what is usual now

  bool operator==(const Incident&) const = default;
};

// The newest that are kept of one service in one environment; a further one pushes out the oldest.
inline constexpr size_t kIncidentsMax = 1'000;

}  // namespace fieldmark::store
