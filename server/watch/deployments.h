// Deployments are observed: which versions were running when, and the moments at which another one took over.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/store/store.h"

namespace fieldmark::watch {

// A version was running from its first minute to its last, both included, without a gap.
struct Stay {
  std::string version;
  Minute first = 0;
  Minute last = 0;

  bool operator==(const Stay&) const = default;
};

struct Deployment {
  std::optional<std::string> from_version;  // none: the first one ever seen
  std::string to_version;
  Minute at = 0;                   // first minute of the new version
  int nth = 0;                     // of those in that minute, in the order in which they came
  std::optional<Minute> last_old;  // last minute of the old one; none while it is still running
  bool is_return = false;          // the new version had been running before: a rollback
  Minute old_since = 0;            // with is_return: when the version that was rolled back had come

  bool operator==(const Deployment&) const = default;
};

// Pure. Stays in any order, except that of two which began in the same minute the earlier one comes first;
// deployments oldest first. A version that comes back after silence, with no other
// in between, is no deployment.
std::vector<Deployment> DeploymentsOf(std::vector<Stay> stays, Minute now);

// The streams of one service in one environment, without those of a bad clock. Oldest first, also within a
// minute, by when they were first heard of.
std::vector<store::StreamInfo> StreamsOf(const std::vector<store::StreamInfo>& all, std::string_view service,
                                         std::string_view environment);

// kNotFound, for a service without streams.
Error UnknownService(std::string_view service, std::string_view environment);

// In the order of the streams. To the minute: which of two versions came first within one is known of first
// appearances alone (see StreamsOf), not of a version that comes back. Reads the store only where a version
// may have been gone and come back: where another one began within its life.
Result<std::vector<Stay>> StaysOf(store::Store& store, const std::vector<store::StreamInfo>& streams,
                                  Minute now);

// What to go back to, in words; empty when there is nothing.
std::string RollbackAdvice(const Deployment& deployment);

}  // namespace fieldmark::watch
