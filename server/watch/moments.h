// Moments: how often this very check would have called a service Changed when nothing changed. Hours of its
// past without a change or an incident are looked at as if a deployment had been made at their beginning, and
// what each look said is kept. Pure: the store is the caller's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/store/incident.h"
#include "server/store/moment.h"
#include "server/watch/changes.h"
#include "server/watch/informed_judge.h"

namespace fieldmark::watch {

inline constexpr int64_t kMomentLookS = 3600;
inline constexpr int64_t kMomentDays = 14;
// Fewer say nothing: with one false alarm in twenty, none among twenty is no surprise.
inline constexpr size_t kMomentsMin = 20;

// When nothing is known to have happened to a service.
class QuietTimes {
 public:
  QuietTimes(const std::vector<Change>& changes, const std::vector<store::Incident>& incidents);

  // That neither a look from `at` on nor the hour before it holds a change, or an incident.
  bool Holds(UnixMs at) const;

 private:
  std::vector<std::pair<UnixMs, UnixMs>> disturbed_;  // (from, to)
};

// Those that were not asked yet, newest first, at most `count`. They are three hours apart, of all clock
// hours in turn, and have three days of past: fewer know no clock time. `to` is the end of what is known.
std::vector<UnixMs> MomentsToAsk(const judge::Timeline& timeline, UnixMs to, const QuietTimes& quiet,
                                 const std::vector<store::Moment>& asked, size_t count);

// Asks the family at some moments together, so that each series is made once.
class MomentsAsked {
 public:
  MomentsAsked(const judge::Timeline& timeline, const std::vector<UnixMs>& at,
               const std::vector<store::Incident>& incidents);

  void Add(const judge::Series& series);
  // As moments of the stream's service.
  std::vector<store::Moment> Finish(const bucket::Stream& stream);

 private:
  std::vector<std::pair<UnixMs, std::unique_ptr<InformedJudge>>> judges_;
};

// What a verdict says of them.
struct MomentCount {
  size_t asked = 0;
  size_t flagged = 0;  // would have been Changed, at the verdict's share of the budget
};
// Of the last fourteen days, those at which half as many signals or more had enough data as the verdict
// judged. None where they are too few, or the verdict itself says nothing.
std::optional<MomentCount> CountMoments(const std::vector<store::Moment>& asked, const QuietTimes& quiet,
                                        const judge::Verdict& verdict, UnixMs now);
// "On 96 comparable hours of the last 14 days, without a change or an incident, this check would have flagged
// 1."
std::string SentenceOf(const MomentCount& count);

}  // namespace fieldmark::watch
