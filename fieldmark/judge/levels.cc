#include "fieldmark/judge/levels.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "fieldmark/judge/tails.h"

namespace fieldmark::judge {
namespace {

constexpr double kMomentsMin = 19;
constexpr double kShortScale = 0.25;  // of the logarithm: what few placebos cannot tell
constexpr double kShortDof = 8;

struct Level {
  double total = 0;   // Σ value · weight
  double weight = 0;  // Σ weight
  double variance = 0;
};

class LevelTrack {
 public:
  LevelTrack(const Series& series, const Windows& windows) : totals_(windows.steps() + 1) {
    lowest_ = INFINITY;
    for (size_t step = 0; step < windows.steps(); ++step) {
      totals_[step + 1] = totals_[step];
      if (!windows.clean(step) || step >= series.values.size() || !std::isfinite(series.values[step]))
        continue;
      const double weight = step < series.weights.size() ? series.weights[step] : 1;
      if (!(weight > 0) || !std::isfinite(weight)) continue;
      lowest_ = std::min(lowest_, series.values[step]);
      totals_[step + 1].total += series.values[step] * weight;
      totals_[step + 1].weight += weight;
      if (step < series.variances.size() && std::isfinite(series.variances[step])) {
        totals_[step + 1].variance += series.variances[step] * weight * weight;
      }
    }
  }

  Level Over(const Window& window) const {
    if (window.empty()) return {};
    const Level& to = totals_[window.to];
    const Level& from = totals_[window.from];
    return {to.total - from.total, to.weight - from.weight, to.variance - from.variance};
  }
  Level Over(const ControlWindows& windows) const {
    Level sum;
    for (const Window& window : windows) {
      const Level level = Over(window);
      sum.total += level.total;
      sum.weight += level.weight;
      sum.variance += level.variance;
    }
    return sum;
  }
  double lowest() const { return lowest_; }

 private:
  std::vector<Level> totals_;
  double lowest_ = 0;
};

// How a window's level is put on a scale where ordinary moves are of one size.
struct Transform {
  bool logarithmic = true;
  bool volume = false;

  double operator()(const Level& level) const {
    const double extra = volume ? 0.5 : 0;
    const double mean = (level.total + extra) / level.weight;
    return logarithmic ? std::log(mean) : mean;
  }
  double SamplingVariance(const Level& level) const {
    if (volume) return logarithmic ? 1 / (level.total + 0.5) : 0;
    const double mean = level.total / level.weight;
    const double variance = level.variance / (level.weight * level.weight);
    return logarithmic && mean > 0 ? variance / (mean * mean) : variance;
  }
};

struct Placebos {
  std::vector<double> differences;
  double moments = 0;
  double scale = 0;
};

Placebos PlacebosOf(const LevelTrack& track, const Transform& transform, const Windows& windows,
                    Control control, size_t first) {
  Placebos placebos;
  for (const size_t at : windows.Placebos(first)) {
    if (at < first + 4 * windows.length()) continue;
    const Level window = track.Over(Window{at, at + windows.length()});
    const Level before = track.Over(windows.ControlsOf(control, at, first));
    if (window.weight <= 0 || before.weight <= 0) continue;
    placebos.differences.push_back(transform(window) - transform(before));
  }
  double squares = 0;
  double products = 0;
  const auto& all = placebos.differences;
  for (size_t i = 0; i < all.size(); ++i) {
    squares += all[i] * all[i];
    if (i > 0) products += all[i] * all[i - 1];
  }
  if (all.empty()) return placebos;
  const double memory = squares > 0 ? std::clamp(products / squares, 0.0, 0.99) : 0;
  placebos.moments = static_cast<double>(all.size()) * (1 - memory) / (1 + memory);
  placebos.scale = std::sqrt(squares / static_cast<double>(all.size()));
  return placebos;
}

// Whether the last known change moved this level: then what was before it is no control.
size_t FirstComparable(const LevelTrack& track, const Transform& transform, const Windows& windows) {
  size_t later = windows.before().to;
  const auto& changes = windows.known_changes();
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    const Level old_side = track.Over(Window{0, *change});
    const Level new_side = track.Over(Window{*change, later});
    if (old_side.weight <= 0 || new_side.weight <= 0) continue;
    if (transform.logarithmic && std::abs(transform(old_side) - transform(new_side)) > std::log(2.0))
      return *change;
  }
  return 0;
}

// Volumes are held against the same clock time where there are days of it.
bool Allowed(Control control, Kind kind, const Windows& windows) {
  if (kind != Kind::kCount || windows.days() < 3) return true;
  return control != Control::kWholePast;
}

void JudgeByPast(LevelJudgement& judgement, const Transform& transform, double difference, double sampling,
                 const Placebos& placebos) {
  judgement.dof = placebos.moments;
  judgement.scale = std::sqrt(std::max(placebos.scale * placebos.scale, sampling));
  if (judgement.scale <= 0)
    judgement.scale = transform.logarithmic ? 1e-6 : std::abs(judgement.from) * 1e-6 + 1e-12;
  const double tail = StudentUpper(std::abs(difference) / judgement.scale, judgement.dof);
  const auto as_large =
      std::count_if(placebos.differences.begin(), placebos.differences.end(),
                    [&](double placebo) { return std::abs(placebo) >= std::abs(difference); });
  const double seen = static_cast<double>(as_large) / static_cast<double>(placebos.differences.size() + 1);
  judgement.p = std::max(std::min(1.0, 2 * tail), seen);
}

// `seen_scale` is what the few placebos there are would say.
void JudgeByBound(LevelJudgement& judgement, const Transform& transform, double difference, double sampling,
                  double seen_scale) {
  judgement.short_history = true;
  judgement.dof = kShortDof;
  judgement.scale = std::sqrt(kShortScale * kShortScale + sampling + seen_scale * seen_scale);
  // Where no ratio can be formed there is nothing to bound: too little history to say anything.
  if (!transform.logarithmic) return;
  const double beyond = std::abs(difference) - std::log(kLevelBound);
  judgement.p = std::min(1.0, 2 * StudentUpper(beyond / judgement.scale, judgement.dof));
}

}  // namespace

LevelJudgement JudgeLevel(const Series& series, const Windows& windows) {
  const LevelTrack track(series, windows);
  const bool volume = series.kind == Kind::kCount;
  const Transform transform{volume ? track.lowest() >= 0 : track.lowest() > 0, volume};
  const size_t first = FirstComparable(track, transform, windows);
  const Level after = track.Over(windows.after());

  LevelJudgement judgement;
  judgement.logarithmic = transform.logarithmic;
  std::optional<Control> best;
  Placebos best_placebos;
  double seen_scale = 0;
  for (const Control control : kControls) {
    if (track.Over(windows.ControlsOf(control, windows.after().from, first)).weight <= 0) continue;
    Placebos placebos = PlacebosOf(track, transform, windows, control, first);
    if (control == Control::kWholePast) seen_scale = placebos.scale;
    if (!Allowed(control, series.kind, windows)) continue;
    if (placebos.moments < kMomentsMin || (best && placebos.scale >= best_placebos.scale)) continue;
    best = control;
    best_placebos = std::move(placebos);
  }

  const Level past = track.Over(Window{first, windows.before().to});
  const Level before = best ? track.Over(windows.ControlsOf(*best, windows.after().from, first)) : past;
  judgement.n_before = volume ? before.total : before.weight;
  judgement.n_after = volume ? after.total : after.weight;
  judgement.steps_after = after.weight;
  const double past_steps = static_cast<double>(windows.before().to - first);
  if (past_steps > 0) {
    judgement.expected_after =
        (volume ? past.total : past.weight) / past_steps * static_cast<double>(windows.length());
  }
  if (before.weight <= 0 || after.weight <= 0) return judgement;

  judgement.from = before.total / before.weight;
  judgement.to = after.total / after.weight;
  const double difference = transform(after) - transform(before);
  const double sampling = transform.SamplingVariance(after) + transform.SamplingVariance(before);
  if (best) {
    JudgeByPast(judgement, transform, difference, sampling, best_placebos);
  } else {
    JudgeByBound(judgement, transform, difference, sampling, seen_scale);
  }
  return judgement;
}

double LevelJudgement::Reach(double significance) const {
  double t = 0;
  while (t < 1000 && 2 * StudentUpper(t, dof) > significance) t += 0.05;
  const double move = (t + 0.84) * scale + (short_history ? std::log(kLevelBound) : 0);
  if (logarithmic) return std::expm1(std::min(move, 20.0));
  return from != 0 ? move / std::abs(from) : 1;
}

}  // namespace fieldmark::judge
