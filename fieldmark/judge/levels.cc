#include "fieldmark/judge/levels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "fieldmark/judge/dating.h"
#include "fieldmark/judge/mixture.h"
#include "fieldmark/judge/tails.h"

namespace fieldmark::judge {
namespace {

constexpr double kMomentsMin = 19;
// Of the logarithm: an hour of 35 real KPIs (bench/judge, even files) against the two hours before it has a
// standard deviation of 0.19 in the median KPI, and of less than 0.27 in three of four.
constexpr double kShortScale = 0.25;
constexpr double kShortDof = 8;
constexpr double kWholeOfNineTenths = 1.267;
constexpr int kWanderRounds = 3;  // each brings the scale ten times nearer to one
// Events expected, below which the logarithm of those that came is no normal deviate; and below which their
// sampling is most of what varies, so that no heavy tail is to be feared.
constexpr double kManyEvents = 1000;
constexpr double kFewEvents = 25;
constexpr double kUpperTenth = 1.2815515655446004;
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

double Median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The same. Of so few, counting which are below which is quicker than putting them in order.
double MedianOfFew(std::span<const double> values) {
  double median = -INFINITY;
  for (const double value : values) {
    size_t below = 0;
    for (const double other : values) below += other < value;
    if (below <= values.size() / 2) median = std::max(median, value);
  }
  return median;
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
      : track_(track),
        transform_(transform),
        windows_(windows),
        first_(first),
        values_(windows.steps(), NAN) {}

  // The window itself, as yet without a control; none without data.
  std::optional<Difference> Own(const Window& window) const {
    const Level level = track_.Over(window);
    if (level.weight <= 0) return std::nullopt;
    return Difference{Value(window, level), transform_.SamplingVariance(level), {}};
  }

  // `own` against a control.
  std::optional<Difference> At(Control control, const Window& window, const Difference& own) const {
    switch (control) {
      case Control::kWholePast:
      case Control::kJustBefore:
        return Against(own, windows_.StretchOf(control, window.from, first_));
      case Control::kStep:
        return Against(own, JustBefore(window));
      case Control::kSameClock:
        return OverDays(own, window, false);
      case Control::kClockStep: {
        const std::optional<Difference> step = Against(own, JustBefore(window));
        return step ? OverDays(*step, window, true) : step;
      }
    }
    return std::nullopt;
  }
  std::optional<Difference> At(Control control, const Window& window) const {
    const std::optional<Difference> own = Own(window);
    return own ? At(control, window, *own) : own;
  }

  // From a mixture of controls, all of which must speak. It rests on the one that has most weight.
  std::optional<Difference> At(const Weights& weights, const Window& window) const {
    Difference mixed;
    double most = 0;
    for (size_t i = 0; i < kControlCount; ++i) {
      if (weights[i] <= 0) continue;
      const std::optional<Difference> difference = At(kControls[i], window);
      if (!difference) return std::nullopt;
      mixed.value += weights[i] * difference->value;
      mixed.sampling += weights[i] * difference->sampling;  // they share the window: at most so much
      if (weights[i] > most) mixed.control = difference->control;
      most = std::max(most, weights[i]);
    }
    return mixed;
  }

 private:
  // Windows of the look's length are asked for again on each of the days after: a logarithm is dear.
  double Value(const Window& window, const Level& level) const {
    if (window.size() != windows_.length()) return transform_(level);
    double& value = values_[window.from];
    if (std::isnan(value)) value = transform_(level);
    return value;
  }

  std::optional<Difference> Against(Difference difference, const Window& stretch) const {
    const Level control = track_.Over(stretch);
    if (control.weight <= 0) return std::nullopt;
    difference.value -= Value(stretch, control);
    difference.sampling += transform_.SamplingVariance(control);
    difference.control = control;
    return difference;
  }

  // Empty where there is no whole one.
  Window JustBefore(const Window& window) const {
    if (window.from < first_ + windows_.length()) return {};
    return {window.from - windows_.length(), window.from};
  }

  // Less the median of what the days before show at that clock time: one day's incident is no day's habit.
  std::optional<Difference> OverDays(Difference difference, const Window& window, bool steps) const {
    std::array<double, kDaysMax> usual;
    size_t known = 0;
    Level control;
    const size_t days = windows_.VisitEarlierDays(window.from, first_, [&](size_t start) {
      const Window earlier{start, start + window.size()};
      const Level level = track_.Over(earlier);
      if (level.weight <= 0) return false;
      double value = Value(earlier, level);
      if (steps) {
        const Window just_before = JustBefore(earlier);
        const Level before = track_.Over(just_before);
        if (before.weight <= 0) return false;
        value -= Value(just_before, before);
      }
      usual[known++] = value;
      control.total += level.total;
      control.weight += level.weight;
      control.variance += level.variance;
      return true;
    });
    if (days < kDaysMin) return std::nullopt;
    difference.value -= MedianOfFew(std::span(usual).first(known));
    difference.sampling += transform_.SamplingVariance(control) * (steps ? 2 : 1);
    if (!steps) difference.control = control;
    return difference;
  }

  const LevelTrack& track_;
  const Transform& transform_;
  const Windows& windows_;
  size_t first_;
  mutable std::vector<double> values_;  // by first step; NaN where not asked for yet
};

// What an earlier window was away from its control, and how exactly that is known.
struct Placebo {
  double difference = 0;
  double sampling = 0;  // variance
};

struct Placebos {
  std::vector<double> deviations;  // in scales of their own
  double sampling = 0;             // variance, on average
  double moments = 0;
  double wander = 0;  // variance of a difference besides its sampling
};

// The standard deviation of the nine tenths nearest to zero, made that of the whole for a normal
// distribution: the incidents of the past are for the tail to tell.
double Scale(const std::vector<double>& differences) {
  std::vector<double> squares;
  squares.reserve(differences.size());
  for (const double difference : differences) squares.push_back(difference * difference);
  const size_t kept = std::max<size_t>(1, squares.size() * 9 / 10);
  std::nth_element(squares.begin(), squares.begin() + static_cast<std::ptrdiff_t>(kept - 1), squares.end());
  double sum = 0;
  for (size_t i = 0; i < kept; ++i) sum += squares[i];
  return kWholeOfNineTenths * std::sqrt(sum / static_cast<double>(kept));
}

// In scales of their own, what they wander besides their sampling being `wander`.
std::vector<double> DeviationsOf(const std::vector<Placebo>& placebos, double wander) {
  std::vector<double> deviations;
  deviations.reserve(placebos.size());
  for (const Placebo& placebo : placebos) {
    const double variance = wander + placebo.sampling;
    deviations.push_back(variance > 0 ? placebo.difference / std::sqrt(variance) : 0);
  }
  return deviations;
}

// The variance besides sampling that makes placebos one scale wide.
double WanderOf(const std::vector<Placebo>& placebos, double sampling) {
  std::vector<double> differences;
  differences.reserve(placebos.size());
  for (const Placebo& placebo : placebos) differences.push_back(placebo.difference);
  const double scale = Scale(differences);
  double wander = std::max(0.0, scale * scale - sampling);
  for (int round = 0; round < kWanderRounds && sampling > 0; ++round) {
    const double wide = Scale(DeviationsOf(placebos, wander));
    wander = std::max(0.0, (wander + sampling) * wide * wide - sampling);
  }
  return wander;
}

double IndependentMoments(const std::vector<double>& all) {
  double squares = 0;
  double products = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    squares += all[i] * all[i];
    if (i > 0) products += all[i] * all[i - 1];
  }
  const double memory = squares > 0 ? std::clamp(products / squares, 0.0, 0.99) : 0;
  return static_cast<double>(all.size()) * (1 - memory) / (1 + memory);
}

Placebos PlacebosOf(const std::vector<Placebo>& all) {
  Placebos placebos;
  if (all.empty()) return placebos;
  for (const Placebo& placebo : all) placebos.sampling += placebo.sampling / static_cast<double>(all.size());
  placebos.wander = WanderOf(all, placebos.sampling);
  placebos.deviations = DeviationsOf(all, placebos.wander);
  placebos.moments = IndependentMoments(placebos.deviations);
  return placebos;
}

// An earlier window: how far it was from each control, NaN where one says nothing, and the variance of that
// by sampling.
struct Row {
  Differences values{};
  Differences sampling{};
  bool near = false;  // about the same time of day as the change
};

std::vector<Row> RowsOf(const Contrasts& contrasts, const Windows& windows, size_t first) {
  std::vector<Row> rows;
  const std::vector<size_t> starts = windows.Placebos(first);
  rows.reserve(starts.size());
  for (const size_t at : starts) {
    if (at < first + 4 * windows.length()) continue;
    const Window window{at, at + windows.length()};
    const std::optional<Difference> own = contrasts.Own(window);
    Row& row = rows.emplace_back();
    row.near = windows.NearInClock(at);
    for (size_t i = 0; i < kControlCount; ++i) {
      const auto difference = own ? contrasts.At(kControls[i], window, *own) : own;
      row.values[i] = difference ? difference->value : NAN;
      row.sampling[i] = difference ? difference->sampling : 0;
    }
  }
  return rows;
}

// Those of a mixture, where all of it speaks.
std::vector<Placebo> MixedOf(const std::vector<Row>& rows, const Weights& weights, bool near) {
  std::vector<Placebo> mixed;
  mixed.reserve(rows.size());
  for (const Row& row : rows) {
    Placebo placebo;
    for (size_t i = 0; i < kControlCount; ++i) {
      if (weights[i] <= 0) continue;
      placebo.difference += weights[i] * row.values[i];
      placebo.sampling += weights[i] * row.sampling[i];
    }
    if (std::isfinite(placebo.difference) && (row.near || !near)) mixed.push_back(placebo);
  }
  return mixed;
}

// Of a volume those of about the same time of day, where these are enough: nights and a weekend's first hour
// tell nothing of noon.
Placebos PlacebosUnder(const std::vector<Row>& rows, const Weights& weights, bool volume) {
  if (volume) {
    Placebos near = PlacebosOf(MixedOf(rows, weights, true));
    if (near.moments >= kMomentsMin) return near;
  }
  return PlacebosOf(MixedOf(rows, weights, false));
}

// Of the controls that speak at the change and at nearly all placebos. No incident counts for more than three
// scales.
std::optional<Weights> MixtureOf(const std::vector<Row>& rows, std::array<bool, kControlCount> usable) {
  std::vector<Differences> kept;
  kept.reserve(rows.size());
  for (const Row& row : rows) kept.push_back(row.values);
  std::vector<double> spoken;
  spoken.reserve(rows.size());
  for (size_t i = 0; i < kControlCount; ++i) {
    spoken.clear();
    for (const Row& row : rows) {
      if (std::isfinite(row.values[i])) spoken.push_back(row.values[i]);
    }
    usable[i] =
        usable[i] && static_cast<double>(spoken.size()) >= kSpokenMin * static_cast<double>(rows.size());
    const double limit = spoken.empty() ? 0 : kFarScales * Scale(spoken);
    for (Differences& row : kept) {
      if (!usable[i]) row[i] = 0;
      if (std::isfinite(row[i])) row[i] = std::clamp(row[i], -limit, limit);
    }
  }
  std::erase_if(kept, [](const Differences& row) {
    return std::any_of(row.begin(), row.end(), [](double value) { return !std::isfinite(value); });
  });
  if (static_cast<double>(kept.size()) < kMixedFrom) return std::nullopt;
  return SteadiestMixture(kept, usable);
}

// How far a known change moved this level. Where there are days before it, less what the clock does: both the
// step at the change and the day from then on, whichever moved less.
double MovedBy(const LevelTrack& track, const Transform& transform, const Windows& windows, size_t change) {
  const size_t later = windows.before().to;
  const Level old_side = track.Over(Window{0, change});
  const Level new_side = track.Over(Window{change, later});
  if (old_side.weight <= 0 || new_side.weight <= 0) return 0;
  const Contrasts contrasts(track, transform, windows, 0);
  const size_t day = std::max<size_t>(1, windows.day_steps());
  const auto step =
      contrasts.At(Control::kClockStep, Window{change, std::min(later, change + windows.length())});
  const auto stays = contrasts.At(Control::kSameClock, Window{change, std::min(later, change + day)});
  if (!step || !stays) return std::abs(transform(old_side) - transform(new_side));
  return std::min(std::abs(step->value), std::abs(stays->value));
}

// The last known change that moved this level: what was before it is no control.
size_t FirstComparable(const LevelTrack& track, const Transform& transform, const Windows& windows) {
  if (!transform.logarithmic) return 0;
  const auto& changes = windows.known_changes();
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    if (MovedBy(track, transform, windows, *change) > std::log(2.0)) return *change;
  }
  return 0;
}

// Volumes follow the clock: the whole past is none of their controls where there are days of it.
bool Allowed(Control control, Kind kind, const Windows& windows) {
  return kind != Kind::kCount || windows.days() < kDaysMin || control != Control::kWholePast;
}

// Degrees of freedom with which Student's t has as much beyond three scales as placebos have.
double TailDof(double share) {
  double low = kTailDofMin;
  double high = kTailDofMax;
  for (int i = 0; i < 12; ++i) {
    const double middle = (low + high) / 2;
    (2 * StudentUpper(kFarScales, middle) > share ? low : high) = middle;
  }
  return low;
}

// In standard deviations, of so many events where a gamma-Poisson count was expected.
double DeviationOf(const GammaPoisson& count, double events) {
  const bool more = events > count.mean;
  const double tail = more ? UpperMidP(count, events) : LowerMidP(count, events);
  return (more ? 1 : -1) * std::max(0.0, NormalQuantileUpper(tail));
}

void JudgeByPast(LevelJudgement& judgement, const Transform& transform, const Difference& difference,
                 const Level& after, const Placebos& placebos) {
  const double of_control = difference.sampling - transform.SamplingVariance(after);
  const double expected = judgement.from * after.weight;
  double sampling = difference.sampling;
  // Of what was expected: that nothing came is no lack of data.
  const bool counts = transform.volume && transform.logarithmic;
  if (counts) sampling = of_control + 1 / (std::max(expected, after.total) + 0.5);
  judgement.moments = placebos.moments;
  judgement.scale = std::sqrt(placebos.wander + sampling);
  if (judgement.scale <= 0)
    judgement.scale = transform.logarithmic ? 1e-6 : std::abs(judgement.from) * 1e-6 + 1e-12;
  const double deviation = counts && expected < kManyEvents
                               ? DeviationOf({expected, placebos.wander + of_control}, after.total)
                               : difference.value / judgement.scale;
  judgement.deviation = std::abs(deviation);
  judgement.placebos = static_cast<double>(placebos.deviations.size());
  const auto as_large = std::count_if(
      placebos.deviations.begin(), placebos.deviations.end(),
      [&](double placebo) { return placebo * deviation > 0 && std::abs(placebo) >= std::abs(deviation); });
  judgement.seen = 2 * static_cast<double>(as_large) / (judgement.placebos + 1);
  judgement.far =
      static_cast<double>(std::count_if(placebos.deviations.begin(), placebos.deviations.end(),
                                        [](double value) { return std::abs(value) > kFarScales; }));
  judgement.TakeTail({});
  if (counts && expected < kFewEvents) {
    judgement.few =
        FewEvents{expected, after.total, of_control, placebos.wander, placebos.wander + placebos.sampling};
    PooledDispersion own;
    own.Add(judgement);
    judgement.TakeDispersion(own);
  }
}

// `seen_wander` is what the few placebos there are would say.
void JudgeByBound(LevelJudgement& judgement, const Transform& transform, double difference, double sampling,
                  double seen_wander) {
  judgement.short_history = true;
  judgement.dof = kShortDof;
  judgement.scale = std::sqrt(kShortScale * kShortScale + sampling + seen_wander);
  // Where no ratio can be formed there is nothing to bound: too little history to say anything.
  if (!transform.logarithmic) return;
  const double beyond = std::abs(difference) - std::log(kLevelBound);
  judgement.p = std::min(1.0, 2 * StudentUpper(beyond / judgement.scale, judgement.dof));
}

}  // namespace

// How a move went, other than beginning at the change and staying (dating.h). The window before is judged by
// the same contrast; what the hours before had, by the clock where there are days of it.
std::string_view CourseOf(const LevelTrack& track, const Transform& transform, const Contrasts& contrasts,
                          const Weights& weights, const Windows& windows, const LevelJudgement& judgement,
                          double moved) {
  const Window after = windows.after();
  if (after.from < windows.length()) return {};
  const Window before{after.from - windows.length(), after.from};
  const auto earlier = contrasts.At(weights, before);
  const double away = kAwayScales * judgement.scale;
  if (earlier && earlier->value * moved > 0 && std::abs(earlier->value) >= away &&
      std::abs(earlier->value) >= kHalf * std::abs(moved)) {
    return kStartedEarlier;
  }
  const size_t week = kDaysMax * windows.day_steps();
  if (week > 0 && after.from > week) {
    const Window last_week{after.from - week, after.to - week};
    // Where the control does not reach back so far, both weeks from the windows just before: what is left of
    // the move is what last week did not do.
    std::optional<Difference> now;
    auto then = contrasts.At(weights, last_week);
    if (!then) {
      then = contrasts.At(Control::kJustBefore, last_week);
      now = contrasts.At(Control::kJustBefore, after);
    }
    const double left = then ? (now ? now->value : moved) - then->value : moved;
    if (left * moved <= kHalf * moved * moved) return kEnvironmentMoved;
  }
  // A mean's second half; of a volume, which a client can triple for half of an hour, the last quarter.
  const size_t part = transform.volume ? 4 : 2;
  const Window last{after.to - std::min(after.size() / 2, (after.size() + part - 1) / part), after.to};
  const Level level = track.Over(last);
  if (!last.empty() && level.weight > 0) {
    // The clock's own course within the window is none of the move's, where there are days to tell it.
    const auto whole = contrasts.At(Control::kSameClock, after);
    const auto then = contrasts.At(Control::kSameClock, last);
    const double further =
        whole && then ? then->value - whole->value : transform(level) - transform(track.Over(after));
    if (std::abs(moved + further) < kBackWithin * std::abs(moved)) return kPassed;
  }
  const auto usual = contrasts.At(Control::kSameClock, after) ? Control::kSameClock : Control::kWholePast;
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
  Weights best_weights{};
  Placebos best_placebos;
  double best_scale = 0;
  const std::vector<Row> rows = RowsOf(contrasts, windows, first);
  const auto take_steadier = [&](const Weights& weights) {
    const std::optional<Difference> difference = contrasts.At(weights, windows.after());
    if (!difference || (best && difference->sampling >= best_scale)) return;
    Placebos placebos = PlacebosUnder(rows, weights, volume);
    const double scale = placebos.wander + difference->sampling;
    if (placebos.moments < kMomentsMin || (best && scale >= best_scale)) return;
    best = difference;
    best_weights = weights;
    best_scale = scale;
    best_placebos = std::move(placebos);
  };
  std::array<bool, kControlCount> usable{};
  for (size_t i = 0; i < kControlCount; ++i) {
    usable[i] = Allowed(kControls[i], series.kind, windows) && contrasts.At(kControls[i], windows.after());
    if (usable[i]) take_steadier(Only(i));
  }
  if (best) {
    if (const auto weights = MixtureOf(rows, usable)) take_steadier(*weights);
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
    JudgeByPast(judgement, transform, *best, after, best_placebos);
    // The tail may yet turn out lighter.
    if (std::min(judgement.p, judgement.ProbabilityWith(kTailDofMax)) <= kWorthDating) {
      judgement.qualifier =
          CourseOf(track, transform, contrasts, best_weights, windows, judgement, best->value);
    }
  } else {
    judgement.from = before.total / before.weight;
    const double sampling = transform.SamplingVariance(after) + transform.SamplingVariance(before);
    const size_t whole_past = 0;
    const double seen_wander = PlacebosOf(MixedOf(rows, Only(whole_past), false)).wander;
    JudgeByBound(judgement, transform, transform(after) - transform(before), sampling, seen_wander);
  }
  return judgement;
}

double LevelJudgement::ProbabilityWith(double tail_dof) const {
  return std::min(1.0, std::max(2 * kDoubt * StudentUpper(deviation, tail_dof), seen));
}

void PooledDispersion::Add(const LevelJudgement& level) {
  moments += level.moments;
  total += level.moments * level.few->dispersion;
  variance += 2 * level.moments * level.few->spread * level.few->spread;
}

double PooledDispersion::Limit() const { return (total + kUpperTenth * std::sqrt(variance)) / moments; }

void LevelJudgement::TakeDispersion(const PooledDispersion& pooled) {
  const GammaPoisson count{few->expected, std::max(pooled.Limit(), few->dispersion) + few->of_control};
  const double tail =
      few->events > few->expected ? UpperMidP(count, few->events) : LowerMidP(count, few->events);
  p = std::min(1.0, std::max(2 * kDoubt * tail, seen));
}

void LevelJudgement::TakeTail(const FarPlacebos& others) {
  if (short_history || few) return;
  const double usual = (others.far + kFarShare * kFarWeight) / (others.all + kFarWeight);
  dof = std::min(TailDof((far + usual * kFarWeight) / (placebos + kFarWeight)), moments);
  p = ProbabilityWith(dof);
}

double LevelJudgement::Reach(double significance, double least) const {
  double t = 0;
  const double sides = short_history ? 2 : 2 * kDoubt;
  while (t < 1000 && sides * StudentUpper(t, dof) > significance) t += 0.05;
  const double bound = short_history ? std::log(kLevelBound) : 0;
  const double least_move = logarithmic ? std::log1p(least) : least * std::abs(from);
  const double move = std::max(t * scale + bound, least_move) + kFourInFive * scale;
  if (logarithmic) return std::expm1(std::min(move, 20.0));
  return from != 0 ? move / std::abs(from) : 1;
}

}  // namespace fieldmark::judge
