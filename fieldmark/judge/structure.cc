#include "fieldmark/judge/structure.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "fieldmark/judge/evidence.h"
#include "fieldmark/judge/judge.h"
#include "fieldmark/judge/tails.h"

namespace fieldmark::judge {
namespace {

constexpr double kAbsentBeforeMin = 1000;  // earlier documents without it, and
constexpr double kAbsentTimesShare = 30;   // so many times what one occurrence takes
constexpr double kFirstMinutesMin = 3;     // of errors: one burst is one event
// The odds may have risen so much for no reason, as with short history (shares.cc).
constexpr double kOddsBound = 6;
// What nearly every document has is no visitor of one clock hour.
constexpr double kNearlyAll = 0.9;

bool CountsPresence(const Series& series) { return series.statistic == "missing"; }

bool IsType(const Series& series) { return series.statistic.starts_with("type "); }

// Errors come in bursts, so they are counted in minutes.
bool CountsErrors(const Series& series) {
  return series.statistic.starts_with("status ") || series.statistic == "exception" ||
         series.statistic.starts_with("invalid ");
}

// The rarer side of a share that was nothing or all: what had never been.
Tally NeverBefore(const Tally& tally, bool was_all) {
  return {was_all ? tally.documents - tally.events : tally.events, tally.documents};
}

double FirstP(const Tally& after, double absent) {
  return std::min(1.0, 2 * OddsUpperMidP(after.events, after.documents, 0, absent, kOddsBound));
}

bool AbsentLongEnough(const Tally& after, double absent) {
  return absent >= std::max(kAbsentBeforeMin, kAbsentTimesShare / after.share());
}

// Whether an earlier day's documents at this clock time are among those that never had it: else it may be
// what that hour brings.
bool KnowsClockHour(const ShareTrack& track, const Windows& windows) {
  const size_t day = windows.day_steps();
  const Window after = windows.after();
  for (size_t back = day; day > 0 && back <= after.from; back += day) {
    if (track.Over(Window{after.from - back, after.to - back}).documents > 0) return true;
  }
  return false;
}

// Steps with it among steps with documents.
Tally StepsOf(const ShareTrack& track, const Window& window, bool was_all) {
  Tally steps;
  for (size_t step = window.from; step < window.to; ++step) {
    const Tally tally = NeverBefore(track.Over(Window{step, step + 1}), was_all);
    steps.documents += tally.documents > 0;
    steps.events += tally.events > 0;
  }
  return steps;
}

double MinutesOf(const Windows& windows, double steps) {
  return steps * static_cast<double>(windows.TimeOf(1) - windows.TimeOf(0)) / 60;
}

void WeighFirst(const Series& series, const ShareTrack& track, const Windows& windows, bool was_all,
                Evidence& evidence) {
  evidence.structure = Structure::kFirst;
  const Tally after = NeverBefore(track.Over(windows.after()), was_all);
  const double absent = track.Over(windows.before()).documents;
  if (after.events < kFirstEventsMin) {
    evidence.suspected_at_most = true;
    return;
  }
  const bool long_enough = AbsentLongEnough(after, absent);
  if (CountsPresence(series)) {
    const bool known_hour = after.share() >= kNearlyAll || KnowsClockHour(track, windows);
    if (was_all && (!long_enough || !known_hour)) evidence.suspected_at_most = true;
  }
  if (!long_enough) return;
  if (CountsErrors(series)) {
    const Tally steps = StepsOf(track, windows.after(), was_all);
    if (MinutesOf(windows, steps.events) < kFirstMinutesMin) return;
    evidence.p = std::min(evidence.p, FirstP(steps, StepsOf(track, windows.before(), was_all).documents));
  } else if ((CountsPresence(series) || IsType(series)) && KnowsClockHour(track, windows)) {
    evidence.p = std::min(evidence.p, FirstP(after, absent));
  }
}

// A field that no document has any more; it vanished only if many were to have it.
void WeighVanished(const ShareTrack& track, const ShareJudgement& judgement, const Windows& windows,
                   const Settings& settings, Evidence& evidence) {
  const Tally& after = judgement.after;
  const auto expected = [](const Tally& before, double documents) {
    return (1 - before.share()) * documents;
  };
  if (expected(judgement.test.before, after.documents) < settings.vanished_expected_min) {
    evidence.p = 1;
    return;
  }
  const Tally before = track.Over(windows.before());
  for (const size_t at : windows.Placebos(0)) {
    const Tally then = track.Over(Window{at, at + windows.length()});
    if (then.events >= then.documents && expected(before, then.documents) >= settings.vanished_expected_min)
      return;
  }
  const double tail =
      OddsUpperMidP(after.events, after.documents, before.events, before.documents, kOddsBound);
  if (KnowsClockHour(track, windows)) evidence.p = std::min(evidence.p, 2 * tail);
}

}  // namespace

void WeighStructure(const Series& series, const ShareTrack& track, const ShareJudgement& judgement,
                    const Windows& windows, const Settings& settings, Evidence& evidence) {
  const Tally& after = judgement.after;
  const Tally past = track.Over(windows.before());
  if (after.documents <= 0 || past.documents <= 0) return;
  const bool was_none = past.events <= 0;
  const bool was_all = past.events >= past.documents;
  if ((was_none && after.events > 0) || (was_all && after.events < after.documents)) {
    WeighFirst(series, track, windows, was_all, evidence);
  } else if (CountsPresence(series) && !was_all && after.events >= after.documents) {
    WeighVanished(track, judgement, windows, settings, evidence);
  }
}

double NewValueP(const ShareTrack& track, const Windows& windows, bool values_are_known) {
  const Tally after = track.Over(windows.after());
  const Tally past = track.Over(windows.before());
  if (!values_are_known || past.events > 0 || after.events < kFirstEventsMin) return 1;
  if (!AbsentLongEnough(after, past.documents) || !KnowsClockHour(track, windows)) return 1;
  return FirstP(after, past.documents);
}

double UnitFactor(const sketch::Histogram& before, const sketch::Histogram& after) {
  // Units beside each other differ by a half of the logarithm or more.
  constexpr double kUnits[] = {10, 60, 100, 1000, 3600, 1e4, 1e5, 1e6, 1e9};
  constexpr double kNear = 0.1;       // of the logarithm: a bucket is 0.02 wide, values drift
  constexpr double kErrorMax = 0.25;  // of the median's, two standard errors: else one unit may be another
  constexpr double kQuantiles[] = {0.1, 0.25, 0.5, 0.75, 0.9};
  struct Ratio {
    double least, middle, most;
  };
  const auto ratio_at = [&](double q) {
    const double error = 2 * std::sqrt(q * (1 - q) / static_cast<double>(after.count()));
    const double from = before.Quantile(q);
    const double ends[] = {after.Quantile(q - error) / from, after.Quantile(q + error) / from};
    return Ratio{std::log(std::min(ends[0], ends[1])), std::log(after.Quantile(q) / from),
                 std::log(std::max(ends[0], ends[1]))};
  };
  if (before.empty() || after.empty()) return 1;
  const Ratio median = ratio_at(0.5);
  if (!(median.most - median.least <= 2 * kErrorMax)) return 1;
  for (const double unit : kUnits) {
    for (const double factor : {unit, 1 / unit}) {
      const double log_factor = std::log(factor);
      const bool all_moved_by_it = std::all_of(std::begin(kQuantiles), std::end(kQuantiles), [&](double q) {
        const Ratio ratio = ratio_at(q);
        return ratio.least - kNear <= log_factor && log_factor <= ratio.most + kNear;
      });
      if (all_moved_by_it && std::abs(median.middle - log_factor) <= kErrorMax) return factor;
    }
  }
  return 1;
}

bool BecameConstant(const sketch::Histogram& before, const sketch::Histogram& after) {
  const auto buckets = [](const sketch::Histogram& histogram) {
    return histogram.negative().size() + (histogram.zero_count() > 0) + histogram.positive().size();
  };
  return buckets(before) > 1 && buckets(after) == 1;
}

}  // namespace fieldmark::judge
