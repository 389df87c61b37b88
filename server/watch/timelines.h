// Timelines: what the judge is given about a deployment, read from the store subject by subject.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fieldmark/judge/judge.h"
#include "fieldmark/judge/signals.h"
#include "server/store/store.h"
#include "server/watch/deployments.h"

namespace fieldmark::watch {

// Which steps hold what. All minutes are multiples of the step.
struct Plan {
  store::Step step = store::Step::kMinute;
  Minute from = 0;          // first step
  Minute before_until = 0;  // earlier versions are read up to here …
  Minute after_from = 0;    // … and the new version from here, the earlier ones beside it
  Minute to = 0;
  std::vector<bucket::Stream> before;
  bucket::Stream after;
  bucket::Source source = bucket::Source::kLive;  // that the new version was seen on
  judge::Timeline timeline;
};

// Minutes of the last two days for a look below 15 minutes, five minutes of 15 days below four hours, else
// hours of 35 days. `began` is when the new version started as exactly as known; the window ends with the
// step that holds began + look_s. A step that the change falls into belongs to the new version: the old one's
// last minutes are dropped. Of a return, the stretch of the version that was rolled back is left out of
// before.
Plan PlanOf(const Deployment& deployment, const std::vector<Deployment>& all,
            const std::vector<store::StreamInfo>& streams, UnixMs began, int64_t look_s);

// What all versions together saw in the 15 days up to `to`, by five minutes, with no side after a change:
// for looks between changes. `to` is a multiple of five.
Plan PlanOfThePast(const std::vector<Deployment>& all, const std::vector<store::StreamInfo>& streams,
                   Minute to);

// Of the steps of a history: the first that is the new version's alone.
inline size_t FirstStepAfter(const Plan& plan) {
  return static_cast<size_t>((plan.after_from - plan.from) / store::MinutesOf(plan.step));
}

class TimelineReader {
 public:
  // `store` must outlive it. Reads what all subjects have in common at once.
  static Result<TimelineReader> Open(store::Store& store, Plan plan);

  const Plan& plan() const { return plan_; }
  const std::vector<std::string>& subjects() const { return subjects_; }
  Result<judge::SubjectHistory> Read(const std::string& subject) const;
  // Calls visit(history) for each subject in turn, until it fails, and reads the next two meanwhile: for
  // whoever is waited for. Two threads beside its own, and three subjects in memory.
  Status VisitHistories(const std::function<Status(judge::SubjectHistory)>& visit) const;
  // Whether the earlier versions were watched for at least as long as the new one, on any source: what they
  // never did in that time is news.
  bool earlier_watched_longer() const { return watched_before_ms_ >= watched_after_ms_; }

 private:
  TimelineReader(store::Store& store, Plan plan) : store_(&store), plan_(std::move(plan)) {}

  enum class Part { kBefore, kAfter, kBeside };
  std::vector<bucket::Stream> StreamsOf(Part part) const;
  // Calls visit(step, piece).
  template <class Visit>
  Status VisitPieces(const std::string& subject, bucket::Source source, Part part, Visit visit) const;
  Status Fill(Part part, judge::SubjectHistory& history) const;

  store::Store* store_;
  Plan plan_;
  std::vector<std::string> subjects_;
  std::vector<double> watched_s_;
  std::vector<double> beside_watched_s_;  // by the earlier versions, while the new one ran
  uint64_t watched_before_ms_ = 0;
  uint64_t watched_after_ms_ = 0;
};

}  // namespace fieldmark::watch
