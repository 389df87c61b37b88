// Rates: so many of so many documents.
#include <algorithm>
#include <cmath>

#include "fieldmark/judge/dating.h"
#include "fieldmark/judge/evidence.h"
#include "fieldmark/judge/screen.h"
#include "fieldmark/judge/structure.h"

namespace fieldmark::judge {
namespace {

constexpr double kEventsMin = 5;  // documents of what there is more of, before it is Changed

std::vector<double> DerivedNumerators(const Series& series) {
  std::vector<double> numerators(series.values.size());
  for (size_t step = 0; step < numerators.size() && step < series.weights.size(); ++step) {
    numerators[step] = std::round(series.values[step] * series.weights[step]);
  }
  return numerators;
}

// A handful of documents is a first one and its neighbours, however rare it was: no more than a suspicion.
void GateFew(const ShareJudgement& judgement, Evidence& evidence) {
  const Tally& after = judgement.after;
  const double moved = judgement.up ? after.events : after.documents - after.events;
  if (moved < kEventsMin) evidence.suspected_at_most = true;
}

// As of a share that stayed where the whole past was.
void TakeScreened(const ShareTrack& track, const Windows& windows, const Settings& settings,
                  Evidence& evidence) {
  ShareJudgement judgement;
  judgement.after = track.Over(windows.after());
  judgement.test = LeastTest(track.Over(windows.before()), judgement.after.documents, windows);
  judgement.since_first = judgement.since_best = windows.after().from;
  judgement.since_last = windows.after().to;
  TakeStanding(track, judgement, windows, evidence);
  evidence.screened = true;
  evidence.from = judgement.test.before.share();
  evidence.to = judgement.after.share();
  evidence.effect = evidence.to - evidence.from;
  evidence.reach_min = ShareMoveMin(evidence.from, settings);
}

}  // namespace

void WeighRate(const Series& series, const Windows& windows, const Settings& settings, Evidence& evidence) {
  std::vector<double> derived;
  if (series.numerators.empty()) derived = DerivedNumerators(series);
  const ShareTrack track(series.numerators.empty() ? derived : series.numerators, series.weights, windows);
  if (settings.screen && CannotHaveMoved(track, windows, settings)) {
    TakeScreened(track, windows, settings, evidence);
    return;
  }
  const ShareJudgement judgement = JudgeShare(track, windows);
  TakeStanding(track, judgement, windows, evidence);
  if (evidence.qualifier == kMixChanged && IsFailure(evidence)) evidence.qualifier = {};
  evidence.from = judgement.test.before.share();
  evidence.to = judgement.after.share();
  evidence.effect = evidence.to - evidence.from;
  evidence.reach_min = ShareMoveMin(evidence.from, settings);
  if (!ShareMovedEnough(evidence.from, evidence.to, settings)) evidence.p = 1;
  GateFew(judgement, evidence);
  WeighStructure(series, track, judgement, windows, settings, evidence);
}

}  // namespace fieldmark::judge
