// Watchman: looks at every service between its changes, and keeps what it finds in the store. Safe for use by
// several threads at once.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/store/store.h"
#include "server/watch/incidents.h"
#include "server/watch/verdicts.h"

namespace fieldmark::watch {

class Watch {
 public:
  // Both must outlive it.
  Watch(store::Store& store, Verdicts& verdicts, Clock clock, WatchSettings settings = {});

  // Looks at the last whole quarter of an hour of one service where that was not done yet; a quarter that was
  // missed is not made up for. False when no service is left. Costs as much as a look after a deployment.
  // kUnavailable when it was stopped: after one subject at the most.
  Result<bool> LookAtNext(const std::stop_token& stop = {});

  using Name = std::pair<std::string, std::string>;  // service, environment
  struct Counts {
    uint64_t looks = 0;           // since this server began
    std::map<Name, size_t> open;  // incidents of each service that was looked at
  };
  Counts counts() const;

 private:
  // The one that was looked at longest ago, of those that were not looked at up to `to`.
  std::optional<Name> Next(const std::vector<store::StreamInfo>& all, Minute to);
  Status LookAt(const std::vector<store::StreamInfo>& streams, Minute to, const std::stop_token& stop);

  store::Store& store_;
  Verdicts& verdicts_;
  const Clock clock_;
  const WatchSettings settings_;
  mutable std::mutex mutex_;  // of what follows
  std::map<Name, Minute> looked_to_;
  Counts counts_;
};

// The thread that looks, until it is destroyed, for a tenth of one core at the most.
class Watchman {
 public:
  explicit Watchman(Watch& watch, std::chrono::milliseconds pause = std::chrono::seconds(5));

 private:
  std::jthread thread_;
};

}  // namespace fieldmark::watch
