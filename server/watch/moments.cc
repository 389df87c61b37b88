#include "server/watch/moments.h"

#include <algorithm>
#include <limits>
#include <set>

#include "fieldmark/judge/windows.h"
#include "server/watch/verdicts.h"

namespace fieldmark::watch {
namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kDayMs = 24 * kHourMs;
constexpr int64_t kLookMs = kMomentLookS * 1000;
constexpr int64_t kEveryHours = 3;
constexpr int64_t kPastMsMin = static_cast<int64_t>(judge::kDaysMin) * kDayMs;

// Every third hour, and each day another third of the day's.
bool IsAsked(int64_t hour) { return (hour + hour / 24) % kEveryHours == 0; }

}  // namespace

QuietTimes::QuietTimes(const std::vector<Change>& changes, const std::vector<store::Incident>& incidents) {
  for (const Change& change : changes) {
    disturbed_.emplace_back(change.at(), change.at() + kMsPerMinute);
    // A roll-out ends with the old version's last minute, and takes hours at times.
    if (!change.deployment || !change.deployment->last_old) continue;
    const UnixMs ended = *change.deployment->last_old * kMsPerMinute;
    disturbed_.emplace_back(ended, ended + kMsPerMinute);
  }
  for (const store::Incident& incident : incidents) {
    const UnixMs over = incident.over_at == 0 ? std::numeric_limits<UnixMs>::max() : incident.over_at;
    disturbed_.emplace_back(incident.since_first, over);
  }
}

bool QuietTimes::Holds(UnixMs at) const {
  return std::none_of(disturbed_.begin(), disturbed_.end(), [&](const auto& stretch) {
    return stretch.first < at + kLookMs && stretch.second > at - kHourMs;
  });
}

std::vector<UnixMs> MomentsToAsk(const judge::Timeline& timeline, UnixMs to, const QuietTimes& quiet,
                                 const std::vector<store::Moment>& asked, size_t count) {
  std::set<UnixMs> known;
  for (const store::Moment& moment : asked) known.insert(moment.at);
  std::vector<UnixMs> moments;
  const UnixMs first = std::max(timeline.start_unix_s * 1000 + kPastMsMin, to - kMomentDays * kDayMs);
  for (int64_t hour = (to - kLookMs) / kHourMs; hour * kHourMs >= first && moments.size() < count; --hour) {
    const UnixMs at = hour * kHourMs;
    if (IsAsked(hour) && !known.contains(at) && quiet.Holds(at)) moments.push_back(at);
  }
  return moments;
}

MomentsAsked::MomentsAsked(const judge::Timeline& timeline, const std::vector<UnixMs>& at,
                           const std::vector<store::Incident>& incidents) {
  for (const UnixMs moment : at) {
    judge::Change change;
    change.at_unix_s = moment / 1000;
    change.look_s = kMomentLookS;
    change.spend = kFalseAlarmBudget;
    judges_.emplace_back(moment,
                         std::make_unique<InformedJudge>(timeline, change, judge::Settings{}, incidents));
  }
}

void MomentsAsked::Add(const judge::Series& series) {
  for (auto& [at, judge] : judges_) judge->Add(series);
}

std::vector<store::Moment> MomentsAsked::Finish(const bucket::Stream& stream) {
  std::vector<store::Moment> moments;
  for (auto& [at, judge] : judges_) {
    const judge::Verdict verdict = judge->Finish();
    store::Moment moment;
    moment.environment = stream.environment;
    moment.service = stream.service;
    moment.at = at;
    moment.look_s = kMomentLookS;
    moment.judged = static_cast<int64_t>(verdict.judged);
    for (const judge::Finding& finding : verdict.findings) {
      if (finding.state == judge::State::kChanged) moment.q_value = std::min(moment.q_value, finding.q_value);
    }
    moments.push_back(moment);
  }
  return moments;
}

std::optional<MomentCount> CountMoments(const std::vector<store::Moment>& asked, const QuietTimes& quiet,
                                        const judge::Verdict& verdict, UnixMs now) {
  if (verdict.state > judge::State::kNoChange) return std::nullopt;
  MomentCount count;
  for (const store::Moment& moment : asked) {
    const bool is_comparable = moment.look_s == kMomentLookS && moment.at >= now - kMomentDays * kDayMs &&
                               2 * moment.judged >= static_cast<int64_t>(verdict.judged) &&
                               quiet.Holds(moment.at);
    if (!is_comparable) continue;
    ++count.asked;
    count.flagged += moment.q_value <= verdict.change.spend;
  }
  if (count.asked < kMomentsMin) return std::nullopt;
  return count;
}

std::string SentenceOf(const MomentCount& count) {
  return "On " + std::to_string(count.asked) + " comparable hours of the last " +
         std::to_string(kMomentDays) +
         " days, without a change or an incident, this check would have flagged " +
         (count.flagged == 0 ? "none" : std::to_string(count.flagged)) + ".";
}

}  // namespace fieldmark::watch
