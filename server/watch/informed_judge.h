// A judge that is told of the incidents of a service: what went wrong for a while is no past that a change is
// held against, and what stayed is what is usual.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "fieldmark/judge/judge.h"
#include "server/store/incident.h"

namespace fieldmark::watch {

class InformedJudge {
 public:
  // Of incidents that began before `until`: what their signals showed from then on is left out of what lies
  // before it, or, where they settled, their beginning counts as a known change.
  InformedJudge(const judge::Timeline& timeline, const judge::Change& change, const judge::Settings& settings,
                const std::vector<store::Incident>& incidents, int64_t until_unix_s);
  // Until one look before the change: whether a move began earlier, or is a recovery, is seen in that window.
  InformedJudge(const judge::Timeline& timeline, const judge::Change& change, const judge::Settings& settings,
                const std::vector<store::Incident>& incidents)
      : InformedJudge(timeline, change, settings, incidents, change.at_unix_s - change.look_s) {}

  void Add(const judge::Series& series);
  judge::Verdict Finish() { return judge_.Finish(); }
  bool HasJudged(std::string_view signal) const { return judge_.HasJudged(signal); }

 private:
  judge::Judge judge_;
  std::unordered_map<std::string, judge::Stretches> left_out_;  // by signal
};

}  // namespace fieldmark::watch
