#include "server/watch/incidents.h"

#include <algorithm>

#include "fieldmark/judge/dating.h"

namespace fieldmark::watch {
namespace {

constexpr int64_t kWeekS = 7 * 86'400;
constexpr int64_t kHourS = 3600;

judge::Settings JudgeSettingsOf(const WatchSettings& settings) {
  judge::Settings judging;
  const double least = static_cast<double>(settings.effect_percent_min) / 100;
  judging.share_effect_min = std::max(judging.share_effect_min, least);
  judging.level_effect_min = std::max(judging.level_effect_min, least);
  judging.latency_effect_min = std::max(judging.latency_effect_min, least);
  return judging;
}

bool IsOf(const store::Incident& incident, const std::string& signal) {
  return incident.signal == signal ||
         std::find(incident.also.begin(), incident.also.end(), signal) != incident.also.end();
}

store::Incident IncidentOf(const judge::Finding& finding, UnixMs found_at) {
  store::Incident incident;
  incident.signal = finding.signal;
  incident.subject = finding.subject;
  incident.field = finding.field;
  incident.statistic = finding.statistic;
  incident.direction = judge::DirectionCode(finding.direction);
  incident.sentence = finding.sentence;
  incident.also = finding.also;
  incident.since_first = finding.since_unix_s.first * 1000;
  incident.since_last = finding.since_unix_s.second * 1000;
  incident.found_at = incident.seen_at = found_at;
  return incident;
}

}  // namespace

double WatchSpend(const WatchSettings& settings) {
  constexpr double kLooksAWeek = static_cast<double>(kWeekS / kWatchEveryS * std::size(kWatchedS));
  return static_cast<double>(settings.alarms_a_week) / kLooksAWeek;
}

WatchedMoment::WatchedMoment(const judge::Timeline& timeline, int64_t to_unix_s,
                             const WatchSettings& settings, std::vector<store::Incident> known)
    : to_unix_s_(to_unix_s), settings_(settings), incidents_(std::move(known)) {
  for (const int64_t length_s : kWatchedS) {
    const bool has_change =
        std::any_of(timeline.known_changes_unix_s.begin(), timeline.known_changes_unix_s.end(),
                    [&](int64_t at) { return at >= to_unix_s - 2 * length_s && at < to_unix_s; });
    if (has_change) continue;
    judge::Change change;
    change.at_unix_s = to_unix_s - length_s;
    change.look_s = length_s;
    change.spend = WatchSpend(settings);
    // An incident that lasts is to be seen again, not to have started earlier: its time is left out up to
    // here.
    looks_.push_back(
        {change.at_unix_s, std::make_unique<InformedJudge>(timeline, change, JudgeSettingsOf(settings),
                                                           incidents_, change.at_unix_s)});
  }
}

bool WatchedMoment::IsMuted(std::string_view signal) const {
  return std::any_of(settings_.mute.begin(), settings_.mute.end(),
                     [&](const std::string& muted) { return signal.starts_with(muted); });
}

void WatchedMoment::Add(const judge::Series& series) {
  if (IsMuted(series.signal)) return;
  for (Look& look : looks_) look.judge->Add(series);
}

void WatchedMoment::Take(const judge::Finding& finding) {
  const UnixMs to = to_unix_s_ * 1000;
  const auto open = std::find_if(incidents_.begin(), incidents_.end(), [&](const store::Incident& one) {
    return one.over_at == 0 && IsOf(one, finding.signal);
  });
  if (open == incidents_.end()) {
    if (finding.state == judge::State::kChanged) incidents_.push_back(IncidentOf(finding, to));
  } else if (finding.qualifier != judge::kPassed) {
    open->seen_at = to;
  }
}

void WatchedMoment::EndOrSettle(store::Incident& incident) const {
  const UnixMs to = to_unix_s_ * 1000;
  const bool seen = incident.seen_at == to;
  if (seen && to - incident.since_first >= kSettledS * 1000) {
    incident.over_at = to;
    incident.settled = true;
  }
  if (seen) return;
  const bool looked_for_an_hour = !looks_.empty() && looks_.back().from_unix_s == to_unix_s_ - kHourS &&
                                  looks_.back().from_unix_s * 1000 >= incident.since_last &&
                                  looks_.back().judge->HasJudged(incident.signal);
  const bool forgotten = to - incident.seen_at >= kSettledS * 1000;
  if (looked_for_an_hour || forgotten || IsMuted(incident.signal)) incident.over_at = incident.seen_at;
}

std::vector<store::Incident> WatchedMoment::Finish() {
  const std::vector<store::Incident> before = incidents_;
  for (Look& look : looks_) {
    const judge::Verdict verdict = look.judge->Finish();
    has_judged_ |= verdict.judged > 0;
    for (const judge::Finding& finding : verdict.findings) Take(finding);
  }
  std::vector<store::Incident> changed;
  for (size_t i = 0; i < incidents_.size(); ++i) {
    if (incidents_[i].over_at == 0) EndOrSettle(incidents_[i]);
    if (i >= before.size() || incidents_[i] != before[i]) changed.push_back(incidents_[i]);
  }
  return changed;
}

}  // namespace fieldmark::watch
