#include "fieldmark/judge/evidence.h"

#include <algorithm>
#include <cmath>

#include "fieldmark/judge/dating.h"
#include "fieldmark/judge/event_signals.h"
#include "fieldmark/judge/side_by_side.h"

namespace fieldmark::judge {
namespace {

// Above which a share of a distribution lies, given its quantiles.
double ValueAbove(const std::vector<float>& quantiles, double share) {
  const auto count = static_cast<double>(quantiles.size());
  const double at = std::clamp((1 - share) * (count + 1) - 1, 0.0, count - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, quantiles.size() - 1);
  const double part = at - static_cast<double>(below);
  return (1 - part) * quantiles[below] + part * quantiles[above];
}

// The relative move of all values that puts `move` more of a distribution beyond a place which `share` is
// above.
double RelativeMove(const std::vector<float>& quantiles, double share, double move) {
  if (quantiles.empty() || !(share + move < 1)) return 1;
  const double place = ValueAbove(quantiles, share);
  const double value = ValueAbove(quantiles, share + move);
  if (place == 0) return 1;
  return value * place > 0 ? std::abs(place / value - 1) : std::abs(place - value) / std::abs(place);
}

}  // namespace

double ShareMoveMin(double from, const Settings& settings) {
  return std::max(settings.share_points_min, settings.share_effect_min * std::min(from, 1 - from));
}

bool ShareMovedEnough(double from, double to, const Settings& settings) {
  const double smaller_side = std::min(std::min(from, to), std::min(1 - from, 1 - to));
  return std::abs(to - from) >= std::max(settings.share_points_min, settings.share_effect_min * smaller_side);
}

void TakeStanding(const ShareTrack& track, const ShareJudgement& judgement, const Windows& windows,
                  Evidence& evidence) {
  const Tally past = track.Over(windows.before());
  const auto steps_before = static_cast<double>(windows.before().size());
  evidence.documents_after = judgement.after.documents;
  if (steps_before > 0) {
    evidence.documents_expected = past.documents / steps_before * static_cast<double>(windows.length());
  }
  evidence.n_before = judgement.test.before.documents;
  evidence.n_after = judgement.after.documents;
  evidence.short_history = judgement.test.short_history;
  evidence.test = judgement.test;
  evidence.up = judgement.up;
  evidence.p = judgement.p;
  evidence.qualifier = judgement.qualifier;
  const std::optional<size_t> other = windows.NeighbourChange();
  if (other && track.Over(Window{*other, windows.after().from}).documents < kDocumentsMin) {
    evidence.or_of_unix_s = windows.TimeOf(*other);
  }
  evidence.since_unix_s = {windows.TimeOf(judgement.since_first), windows.TimeOf(judgement.since_last)};
  evidence.since_best_unix_s = windows.TimeOf(judgement.since_best);
  if (judgement.test.before.documents < kDocumentsMin) {
    evidence.standing = Standing::kCannotCompare;
  } else if (judgement.after.documents < kDocumentsMin) {
    evidence.standing = Standing::kNotEnough;
  } else {
    evidence.standing = Standing::kJudged;
  }
}

void WeighLevel(const Series& series, const Windows& windows, const Settings& settings, Evidence& evidence) {
  const LevelJudgement judgement = JudgeLevel(series, windows);
  evidence.counts_documents = series.kind != Kind::kCount;
  evidence.n_before = judgement.n_before;
  evidence.n_after = judgement.n_after;
  evidence.documents_after = judgement.n_after;
  evidence.documents_expected = judgement.expected_after;
  evidence.short_history = judgement.short_history;
  evidence.from = judgement.from;
  evidence.to = judgement.to;
  evidence.up = judgement.to > judgement.from;
  evidence.effect = judgement.from != 0 ? judgement.to / judgement.from - 1 : (judgement.to != 0 ? 1 : 0);
  evidence.since_unix_s = {windows.TimeOf(windows.after().from), windows.TimeOf(windows.after().to)};
  evidence.since_best_unix_s = evidence.since_unix_s.first;
  evidence.standing = judgement.n_before <= 0      ? Standing::kCannotCompare
                      : judgement.steps_after <= 0 ? Standing::kNotEnough
                                                   : Standing::kJudged;
  evidence.p = std::abs(evidence.effect) < settings.level_effect_min ? 1 : judgement.p;
  evidence.suspected_at_most = series.kind == Kind::kCount && judgement.short_history;
  evidence.qualifier = judgement.qualifier;
  evidence.test = judgement;
  evidence.reach_min = settings.level_effect_min;
}

double Evidence::Reach(double significance) const {
  const double part = significance / tests;
  if (const auto* level = std::get_if<LevelJudgement>(&test)) return level->Reach(part, reach_min);
  const auto& share = std::get<ShareTest>(test);
  if (kind != Kind::kDistribution) return share.Reach(part, reach_min);
  const double seen = RelativeMove(past_quantiles, share.expected, share.Reach(part, 0));
  const double blur = RelativeMove(past_quantiles, share.expected, share.Blur(share.expected));
  return std::max(short_history ? kLevelBound * (1 + seen) - 1 : seen, (1 + reach_min) * (1 + blur) - 1);
}

bool IsFailure(const Evidence& evidence) {
  const std::string& statistic = evidence.statistic;
  return statistic == "status 5xx" || statistic == "exception" || statistic.starts_with("invalid ") ||
         evidence.unit == kOfTheTime;
}

namespace {

Evidence Weighed(const Series& series, const Windows& windows, const Settings& settings) {
  Evidence evidence;
  static_cast<Signal&>(evidence) = series;
  switch (series.kind) {
    case Kind::kRate:
      WeighRate(series, windows, settings, evidence);
      break;
    case Kind::kDistribution:
      WeighDistribution(series, windows, settings, evidence);
      break;
    case Kind::kMix:
      WeighMix(series, windows, settings, evidence);
      break;
    case Kind::kMean:
    case Kind::kCount:
    case Kind::kQuantile:
      WeighLevel(series, windows, settings, evidence);
      break;
  }
  if (!std::isfinite(evidence.p)) evidence.p = 1;
  return evidence;
}

// Clients ask either version: a volume is that of both.
Series VolumeOfBoth(const Series& series, const Windows& windows) {
  Series both = series;
  const std::vector<double>& beside = series.beside->values;
  for (size_t step = windows.after().from; step < std::min(both.values.size(), beside.size()); ++step) {
    if (std::isfinite(both.values[step]) && std::isfinite(beside[step])) both.values[step] += beside[step];
  }
  return both;
}

}  // namespace

Evidence EvidenceOf(const Series& series, const Windows& windows, const Settings& settings) {
  if (series.beside == nullptr) return Weighed(series, windows, settings);
  if (series.kind == Kind::kCount) return Weighed(VolumeOfBoth(series, windows), windows, settings);
  Evidence evidence = Weighed(series, windows, settings);
  if (evidence.standing == Standing::kJudged && evidence.p <= kWorthDating) {
    CompareSideBySide(Weighed(EarlierVersionOf(series, windows), windows, settings), evidence);
  }
  return evidence;
}

}  // namespace fieldmark::judge
