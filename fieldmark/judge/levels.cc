#include "fieldmark/judge/levels.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "fieldmark/judge/dating.h"
#include "fieldmark/judge/tails.h"

namespace fieldmark::judge {
namespace {

constexpr double kMomentsMin = 19;
// Of the logarithm: an hour of 35 real KPIs (bench/judge, even files) against the two hours before it has a
// standard deviation of 0.19 in the median KPI, and of less than 0.27 in three of four.
constexpr double kShortScale = 0.25;
constexpr double kShortDof = 8;
constexpr double kWholeOfNineTenths = 1.267;
// Levels of services have heavier tails than a normal distribution. How heavy, the share of placebos beyond
// three scales tells, among so many that show the share of a middling service; bench/judge on real KPIs.
constexpr double kFarScales = 3;
constexpr double kFarShare = 0.04;
constexpr double kFarWeight = 100;
constexpr double kTailDofMin = 3;
constexpr double kTailDofMax = 30;
// What the placebos do not show: a factor on the tail's probability.
constexpr double kDoubt = 3;
// As far away as kFarShare of a middling service's placebos are: the window before was there by chance in so
// few cases.
constexpr double kAwayScales = kFarScales;
constexpr double kHalf = 0.5;         // of the move, which an earlier beginning or the week before must show
constexpr double kBackWithin = 0.35;  // of a move: as good as back
// A level that touches zero is moved away from it by this share of its median: a logarithm needs that.
constexpr double kAwayFromZero = 0.02;

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
  double added = 0;

  double operator()(const Level& level) const {
    const double extra = volume ? 0.5 : 0;
    const double mean = (level.total + extra) / level.weight + added;
    return logarithmic ? std::log(mean) : mean;
  }
  double Inverse(double value) const { return logarithmic ? std::max(0.0, std::exp(value) - added) : value; }
  double SamplingVariance(const Level& level) const {
    if (volume) return logarithmic ? 1 / (level.total + 0.5) : 0;
    const double mean = level.total / level.weight + added;
    const double variance = level.variance / (level.weight * level.weight);
    return logarithmic && mean > 0 ? variance / (mean * mean) : variance;
  }
};

// What a level is held against; STATISTICS.md says which lies when. The later ones need more history.
enum class Contrast : uint8_t {
  kWholePast,
  kJustBefore,
  kStep,       // the window just before
  kSameClock,  // the same clock time on earlier days
  kClockStep,  // the step, against the steps of earlier days at that clock time
};
constexpr Contrast kContrasts[] = {Contrast::kWholePast, Contrast::kJustBefore, Contrast::kStep,
                                   Contrast::kSameClock, Contrast::kClockStep};

double Median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Transform TransformOf(const LevelTrack& track, const Windows& windows, bool volume) {
  if (volume || track.lowest() > 0) return {track.lowest() >= 0, volume, 0};
  std::vector<double> levels;
  for (size_t step = 0; track.lowest() >= 0 && step < windows.before().to; ++step) {
    const Level level = track.Over(Window{step, step + 1});
    if (level.weight > 0) levels.push_back(level.total / level.weight);
  }
  const double added = levels.empty() ? 0 : kAwayFromZero * Median(levels);
  return {added > 0, false, added};
}

// A window against its past: how far it is from what that contrast expects, and what the expectation rests
// on.
struct Difference {
  double value = 0;
  double sampling = 0;  // variance
  Level control;
};

class Contrasts {
 public:
  Contrasts(const LevelTrack& track, const Transform& transform, const Windows& windows, size_t first)
      : track_(track), transform_(transform), windows_(windows), first_(first) {}

  std::optional<Difference> At(Contrast contrast, const Window& window) const {
    const Level level = track_.Over(window);
    if (level.weight <= 0) return std::nullopt;
    Difference difference{transform_(level), transform_.SamplingVariance(level), {}};
    switch (contrast) {
      case Contrast::kWholePast:
        return Against(difference,
                       track_.Over(windows_.ControlsOf(Control::kWholePast, window.from, first_)));
      case Contrast::kJustBefore:
        return Against(difference,
                       track_.Over(windows_.ControlsOf(Control::kJustBefore, window.from, first_)));
      case Contrast::kStep:
        return Against(difference, JustBefore(window));
      case Contrast::kSameClock:
        return OverDays(difference, window, false);
      case Contrast::kClockStep: {
        const std::optional<Difference> step = Against(difference, JustBefore(window));
        return step ? OverDays(*step, window, true) : step;
      }
    }
    return std::nullopt;
  }

 private:
  std::optional<Difference> Against(Difference difference, const Level& control) const {
    if (control.weight <= 0) return std::nullopt;
    difference.value -= transform_(control);
    difference.sampling += transform_.SamplingVariance(control);
    difference.control = control;
    return difference;
  }

  Level JustBefore(const Window& window) const {
    if (window.from < first_ + windows_.length()) return {};
    return track_.Over(Window{window.from - windows_.length(), window.from});
  }

  // Less the median of what the days before show at that clock time: one day's incident is no day's habit.
  std::optional<Difference> OverDays(Difference difference, const Window& window, bool steps) const {
    std::vector<double> usual;
    Level control;
    const size_t days = windows_.VisitEarlierDays(window.from, first_, [&](size_t start) {
      const Window earlier{start, start + window.size()};
      const Level level = track_.Over(earlier);
      const Level before = steps ? JustBefore(earlier) : Level{0, 1, 0};
      if (level.weight <= 0 || before.weight <= 0) return false;
      usual.push_back(transform_(level) - (steps ? transform_(before) : 0));
      control.total += level.total;
      control.weight += level.weight;
      control.variance += level.variance;
      return true;
    });
    if (days < kDaysMin) return std::nullopt;
    difference.value -= Median(usual);
    difference.sampling += transform_.SamplingVariance(control) * (steps ? 2 : 1);
    if (!steps) difference.control = control;
    return difference;
  }

  const LevelTrack& track_;
  const Transform& transform_;
  const Windows& windows_;
  size_t first_;
};

struct Placebos {
  std::vector<double> differences;
  double moments = 0;
  double scale = 0;
};

// The standard deviation of the nine tenths nearest to zero, made that of the whole for a normal
// distribution: the incidents of the past are for the tail to tell.
double Scale(const std::vector<double>& differences) {
  std::vector<double> squares;
  for (const double difference : differences) squares.push_back(difference * difference);
  const size_t kept = std::max<size_t>(1, squares.size() * 9 / 10);
  std::nth_element(squares.begin(), squares.begin() + static_cast<std::ptrdiff_t>(kept - 1), squares.end());
  double sum = 0;
  for (size_t i = 0; i < kept; ++i) sum += squares[i];
  return kWholeOfNineTenths * std::sqrt(sum / static_cast<double>(kept));
}

Placebos PlacebosOf(const Contrasts& contrasts, Contrast contrast, const Windows& windows, size_t first) {
  Placebos placebos;
  for (const size_t at : windows.Placebos(first)) {
    if (at < first + 4 * windows.length()) continue;
    const auto difference = contrasts.At(contrast, Window{at, at + windows.length()});
    if (difference) placebos.differences.push_back(difference->value);
  }
  const auto& all = placebos.differences;
  if (all.empty()) return placebos;
  double squares = 0;
  double products = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    squares += all[i] * all[i];
    if (i > 0) products += all[i] * all[i - 1];
  }
  const double memory = squares > 0 ? std::clamp(products / squares, 0.0, 0.99) : 0;
  placebos.moments = static_cast<double>(all.size()) * (1 - memory) / (1 + memory);
  placebos.scale = Scale(all);
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

// Volumes follow the clock: the whole past is none of their controls where there are days of it.
bool Allowed(Contrast contrast, Kind kind, const Windows& windows) {
  return kind != Kind::kCount || windows.days() < kDaysMin || contrast != Contrast::kWholePast;
}

// Degrees of freedom with which Student's t has as much beyond three scales as placebos have.
double TailDof(const Placebos& placebos) {
  const auto far = static_cast<double>(
      std::count_if(placebos.differences.begin(), placebos.differences.end(),
                    [&](double value) { return std::abs(value) > kFarScales * placebos.scale; }));
  const double share =
      (far + kFarShare * kFarWeight) / (static_cast<double>(placebos.differences.size()) + kFarWeight);
  double low = kTailDofMin;
  double high = kTailDofMax;
  for (int i = 0; i < 12; ++i) {
    const double middle = (low + high) / 2;
    (2 * StudentUpper(kFarScales, middle) > share ? low : high) = middle;
  }
  return low;
}

void JudgeByPast(LevelJudgement& judgement, const Transform& transform, double difference, double sampling,
                 const Placebos& placebos) {
  judgement.dof = std::min(TailDof(placebos), placebos.moments);
  judgement.scale = std::sqrt(std::max(placebos.scale * placebos.scale, sampling));
  if (judgement.scale <= 0)
    judgement.scale = transform.logarithmic ? 1e-6 : std::abs(judgement.from) * 1e-6 + 1e-12;
  const double tail = StudentUpper(std::abs(difference) / judgement.scale, judgement.dof);
  const auto as_large = std::count_if(
      placebos.differences.begin(), placebos.differences.end(),
      [&](double placebo) { return placebo * difference > 0 && std::abs(placebo) >= std::abs(difference); });
  const double seen =
      2 * static_cast<double>(as_large) / static_cast<double>(placebos.differences.size() + 1);
  judgement.p = std::min(1.0, std::max(2 * kDoubt * tail, seen));
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

// How a move went, other than beginning at the change and staying (dating.h). The window before is judged by
// the same contrast; what the hours before had, by the clock where there are days of it.
std::string_view CourseOf(const LevelTrack& track, const Transform& transform, const Contrasts& contrasts,
                          Contrast contrast, const Windows& windows, const LevelJudgement& judgement,
                          double moved) {
  const Window after = windows.after();
  if (after.from < windows.length()) return {};
  const Window before{after.from - windows.length(), after.from};
  const auto earlier = contrasts.At(contrast, before);
  const double away = kAwayScales * judgement.scale;
  if (earlier && earlier->value * moved > 0 && std::abs(earlier->value) >= away &&
      std::abs(earlier->value) >= kHalf * std::abs(moved)) {
    return kStartedEarlier;
  }
  const size_t week = kDaysMax * windows.day_steps();
  if (week > 0 && after.from > week) {
    const Window last_week{after.from - week, after.to - week};
    auto then = contrasts.At(contrast, last_week);
    if (!then) then = contrasts.At(Contrast::kJustBefore, last_week);
    if (then && then->value * moved > 0 && std::abs(then->value) >= kHalf * std::abs(moved)) {
      return kEnvironmentMoved;
    }
  }
  const Window second_half{after.from + (after.size() + 1) / 2, after.to};
  const Level second = track.Over(second_half);
  if (after.size() > 1 && second.weight > 0) {
    // The clock's own course within the window is none of the move's, where there are days to tell it.
    const auto whole = contrasts.At(Contrast::kSameClock, after);
    const auto half = contrasts.At(Contrast::kSameClock, second_half);
    const double further =
        whole && half ? half->value - whole->value : transform(second) - transform(track.Over(after));
    if (std::abs(moved + further) < kBackWithin * std::abs(moved)) return kPassed;
  }
  const auto usual = contrasts.At(Contrast::kSameClock, after) ? Contrast::kSameClock : Contrast::kWholePast;
  const auto is = contrasts.At(usual, after);
  const auto was = contrasts.At(usual, before);
  if (is && was && std::abs(was->value) >= away && std::abs(is->value) < kBackWithin * std::abs(was->value)) {
    return kRecovered;
  }
  return {};
}

LevelJudgement JudgeLevel(const Series& series, const Windows& windows) {
  const LevelTrack track(series, windows);
  const bool volume = series.kind == Kind::kCount;
  const Transform transform = TransformOf(track, windows, volume);
  const size_t first = FirstComparable(track, transform, windows);
  const Level after = track.Over(windows.after());
  const Contrasts contrasts(track, transform, windows, first);

  LevelJudgement judgement;
  judgement.logarithmic = transform.logarithmic;
  std::optional<Difference> best;
  Contrast best_contrast = Contrast::kWholePast;
  Placebos best_placebos;
  double seen_scale = 0;
  for (const Contrast contrast : kContrasts) {
    const std::optional<Difference> difference = contrasts.At(contrast, windows.after());
    if (!difference) continue;
    Placebos placebos = PlacebosOf(contrasts, contrast, windows, first);
    if (contrast == Contrast::kWholePast) seen_scale = placebos.scale;
    if (!Allowed(contrast, series.kind, windows)) continue;
    if (placebos.moments < kMomentsMin || (best && placebos.scale >= best_placebos.scale)) continue;
    best = difference;
    best_contrast = contrast;
    best_placebos = std::move(placebos);
  }

  const Level past = track.Over(Window{first, windows.before().to});
  const Level before = best ? best->control : past;
  judgement.n_before = volume ? before.total : before.weight;
  judgement.n_after = volume ? after.total : after.weight;
  judgement.steps_after = after.weight;
  const double past_steps = static_cast<double>(windows.before().to - first);
  if (past_steps > 0) {
    judgement.expected_after =
        (volume ? past.total : past.weight) / past_steps * static_cast<double>(windows.length());
  }
  if (before.weight <= 0 || after.weight <= 0) return judgement;

  judgement.to = after.total / after.weight;
  if (best) {
    judgement.from = transform.Inverse(transform(after) - best->value);
    JudgeByPast(judgement, transform, best->value, best->sampling, best_placebos);
    if (judgement.p <= kWorthDating) {
      judgement.qualifier =
          CourseOf(track, transform, contrasts, best_contrast, windows, judgement, best->value);
    }
  } else {
    judgement.from = before.total / before.weight;
    const double sampling = transform.SamplingVariance(after) + transform.SamplingVariance(before);
    JudgeByBound(judgement, transform, transform(after) - transform(before), sampling, seen_scale);
  }
  return judgement;
}

double LevelJudgement::Reach(double significance) const {
  double t = 0;
  const double sides = short_history ? 2 : 2 * kDoubt;
  while (t < 1000 && sides * StudentUpper(t, dof) > significance) t += 0.05;
  const double move = (t + 0.84) * scale + (short_history ? std::log(kLevelBound) : 0);
  if (logarithmic) return std::expm1(std::min(move, 20.0));
  return from != 0 ? move / std::abs(from) : 1;
}

}  // namespace fieldmark::judge
