// Incidents: what moves between changes. At every quarter of an hour the last quarter and the last hour are
// held against the service's own past, each as if a change had been made at its beginning, within a budget of
// false alarms. Pure: the same in the server and on a file of series.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/judge/judge.h"
#include "server/store/incident.h"
#include "server/watch/informed_judge.h"

namespace fieldmark::watch {

struct WatchSettings {
  int64_t alarms_a_week = 1;        // false ones, of a service in an environment; 0: nothing is watched
  int64_t effect_percent_min = 0;   // relative moves below it are none; the judge's own minima stay
  std::vector<std::string> mute{};  // signals that begin like this raise none
};

inline constexpr int64_t kWatchEveryS = 900;
// A quarter sees at once what is drastic, an hour what is small.
inline constexpr int64_t kWatchedS[] = {900, 3600};
// What lasts so long is what is usual from then on.
inline constexpr int64_t kSettledS = 86'400;

// The share of the week's false alarms that one look may spend, as judge::Change::spend.
double WatchSpend(const WatchSettings& settings);

// One moment's looks at one service.
class WatchedMoment {
 public:
  // Both looks end at `to_unix_s`. One whose window, or the window before it, holds a known change is left
  // out: that change has looks of its own. `known` are the incidents of the service so far.
  WatchedMoment(const judge::Timeline& timeline, int64_t to_unix_s, const WatchSettings& settings,
                std::vector<store::Incident> known);

  // Each signal once. What it showed during incidents of its own is left out of its past.
  void Add(const judge::Series& series);
  // New incidents, with the id 0, and known ones that went on or ended. An incident is over once its signal
  // was looked at for an hour and did not show it: silence ends none.
  std::vector<store::Incident> Finish();
  size_t looks() const { return looks_.size(); }
  // After Finish: whether a look had enough data to judge anything.
  bool has_judged() const { return has_judged_; }

 private:
  struct Look {
    int64_t from_unix_s = 0;
    std::unique_ptr<InformedJudge> judge;
  };

  bool IsMuted(std::string_view signal) const;
  void Take(const judge::Finding& finding);
  void EndOrSettle(store::Incident& incident) const;

  const int64_t to_unix_s_;
  const WatchSettings settings_;
  std::vector<store::Incident> incidents_;
  std::vector<Look> looks_;
  bool has_judged_ = false;
};

}  // namespace fieldmark::watch
