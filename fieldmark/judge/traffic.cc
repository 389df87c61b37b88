#include "fieldmark/judge/traffic.h"

#include <cmath>

#include "fieldmark/judge/levels.h"

namespace fieldmark::judge {
namespace {

// Taste: what a look's traffic is off by on any day explains nothing.
constexpr double kFactorMin = 1.2;
// Of the level's test, which multiplies by three what one signal by itself would have. A wrong yes costs a
// finding its sureness, not its place.
constexpr double kMovedP = 0.3;

}  // namespace

double TrafficFactor(const ShareTrack& track, const Windows& windows) {
  Series documents;
  documents.kind = Kind::kCount;
  for (size_t step = 0; step < windows.steps(); ++step) {
    documents.values.push_back(track.Over(Window{step, step + 1}).documents);
  }
  const LevelJudgement judgement = JudgeLevel(documents, windows);
  if (judgement.p > kMovedP || judgement.from <= 0) return 1;
  const double factor = judgement.to / judgement.from;
  if (factor > 1 / kFactorMin && factor < kFactorMin) return 1;
  // It is known to one scale of the past: the farther of the two explains more.
  return factor * std::exp(factor > 1 ? judgement.scale : -judgement.scale);
}

bool TrafficExplains(double factor, const Tally& after, double expected) {
  if (factor == 1 || factor <= 0) return false;
  const double usual = after.documents / factor;
  const double others = after.documents - usual;  // fewer than none where some stayed away
  const double share = (after.events - expected * usual) / others;
  return share >= 0 && share <= 1;
}

}  // namespace fieldmark::judge
