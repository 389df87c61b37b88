// Shortfalls: what passed through a service in the last day and was not recorded as it should have been, in
// words. What was limited is shown, never silently missing. Safe for use by several threads at once.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/store/store.h"
#include "server/watch/verdicts.h"

namespace fieldmark::watch {

class Shortfalls {
 public:
  // `store` must outlive it.
  Shortfalls(store::Store& store, Clock clock);

  // A sentence each; none when everything was recorded. Looks again after a minute at the soonest.
  Result<std::vector<std::string>> Of(std::string_view service, std::string_view environment);

 private:
  struct Kept {
    UnixMs made_at = 0;
    std::vector<std::string> sentences;
  };

  Result<std::vector<std::string>> Make(std::string_view service, std::string_view environment, UnixMs now);

  store::Store& store_;
  const Clock clock_;
  std::mutex mutex_;  // of kept_ alone
  std::map<std::pair<std::string, std::string>, Kept> kept_;
};

}  // namespace fieldmark::watch
