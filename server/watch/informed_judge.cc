#include "server/watch/informed_judge.h"

#include <algorithm>

namespace fieldmark::watch {
namespace {

judge::Timeline WithSettled(judge::Timeline timeline, const std::vector<store::Incident>& incidents,
                            int64_t until_unix_s) {
  for (const store::Incident& incident : incidents) {
    const int64_t since_s = incident.since_first / 1000;
    if (incident.settled && since_s < until_unix_s) timeline.known_changes_unix_s.push_back(since_s);
  }
  return timeline;
}

}  // namespace

InformedJudge::InformedJudge(const judge::Timeline& timeline, const judge::Change& change,
                             const judge::Settings& settings, const std::vector<store::Incident>& incidents,
                             int64_t until_unix_s)
    : judge_(WithSettled(timeline, incidents, until_unix_s), change, settings) {
  for (const store::Incident& incident : incidents) {
    const int64_t since_s = incident.since_first / 1000;
    const int64_t over_s = incident.over_at == 0 ? until_unix_s : incident.over_at / 1000;
    const int64_t to_s = std::min(over_s, until_unix_s);
    if (incident.settled || since_s >= to_s) continue;
    left_out_[incident.signal].emplace_back(since_s, to_s);
    for (const std::string& signal : incident.also) left_out_[signal].emplace_back(since_s, to_s);
  }
}

void InformedJudge::Add(const judge::Series& series) {
  const auto left_out = left_out_.find(series.signal);
  judge_.Add(series, left_out == left_out_.end() ? judge::Stretches() : left_out->second);
}

}  // namespace fieldmark::watch
