// How a share is judged. The documents of one window do not fall independently: the share drifts, errors come
// in bursts. So the events of the window after the change are held against a beta-binomial whose correlation
// is what placebo windows of the service's own past show, with an upper confidence limit: a short or rare
// past means caution, not confidence. Where the past is too short for that, the question changes to one that
// needs no past: could the odds have moved by no more than a bound that services' shares do move by for no
// reason?
#include "fieldmark/judge/shares.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "fieldmark/judge/dating.h"
#include "fieldmark/judge/mixture.h"
#include "fieldmark/judge/share_moments.h"
#include "fieldmark/judge/tails.h"
#include "fieldmark/judge/traffic.h"

namespace fieldmark::judge {
namespace {

constexpr double kMomentsMin = 19;        // independent placebos: with fewer none can rank below 5 %
constexpr double kOddsBound = 6;          // taste, checked by the no-op tests with ten minutes of history
constexpr double kOddsBoundFactor = 1.5;  // of the largest move between adjacent windows
constexpr double kDocumentsMin = 30;      // either side, with short history
constexpr double kEventsMin = 10;         // on the larger side, with short history
// Errors come in bursts even where none was seen yet: an incident's share is of this order. It fades as the
// past gains chances to have shown two events in one window.
constexpr double kBurstCorrelation = 0.004;
constexpr double kChancesToFade = 5;
// No service holds still: log odds may wander by so much between windows though few placebos happened not to.
// It fades as they become more.
constexpr double kLogOddsDrift = 0.1;
// The tails are extrapolated far beyond the placebos there are, and documents of one moment share customers
// and goods. With a doubt of 2, and the dispersion as it is from 60 moments on, bench/judge finds 94 changes
// instead of 88, and calls Changed one of 20 moments without a change instead of none
// (docs/reference/judge.md).
constexpr double kDoubt = 4;
// A tail of an eighth is not looked at more closely: times the doubt it says nothing.
constexpr double kCommonplaceZ = 1.15;
// Of a known change, before it cuts the past short: 3.5 normal deviations come by chance once in 2 000 known
// changes, so that a history with a dozen of them is cut for nothing in one signal of 160. Besides, log odds
// wander by 0.14 on either side, more than those of most generated signals: at a share of a half that is
// 2 · 0.14² · ¼ of p(1 − p).
constexpr double kKnownChangeZ = 3.5;
constexpr double kKnownChangeDrift = 0.01;
constexpr size_t kPlacebosCompared = 200;

double Variance(double share) { return share * (1 - share); }

Tally Smoothed(const Tally& tally) { return {tally.events + 0.5, tally.documents + 1}; }

double Wander(double share, double moments) {
  return kLogOddsDrift * kLogOddsDrift * Variance(share) * kMomentsMin / moments;
}

}  // namespace

size_t FirstComparable(const ShareTrack& track, const Windows& windows) {
  size_t later = windows.before().to;
  const auto& changes = windows.known_changes();
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    const Tally old_side = track.Over(Window{0, *change});
    const Tally new_side = track.Over(Window{*change, later});
    if (old_side.documents <= 0 || new_side.documents <= 0) continue;
    const Tally both{old_side.events + new_side.events, old_side.documents + new_side.documents};
    const double variance = Variance(Smoothed(both).share()) *
                            (1 / old_side.documents + 1 / new_side.documents + kKnownChangeDrift);
    if (std::abs(old_side.share() - new_side.share()) > kKnownChangeZ * std::sqrt(variance)) return *change;
  }
  return 0;
}

ShareTest LeastTest(const Tally& before, double documents_after, const Windows& windows) {
  ShareTest test;
  test.documents_after = documents_after;
  test.before = before;
  test.expected = Smoothed(before).share();
  const auto moments_max =
      static_cast<double>(windows.before().size()) / static_cast<double>(windows.length());
  test.correlation = Wander(test.expected, std::max(1.0, moments_max)) + 1 / before.documents;
  return test;
}

namespace {

// How far the moments were from a mixture of controls.
struct Drift {
  std::vector<double> control_events;
  std::vector<double> control_documents;
  std::vector<double> sampling;     // of the difference; infinite where a part of the mixture says nothing
  std::vector<double> differences;  // of shares
  std::vector<double> ratios;       // of their squares to what sampling makes them
  std::vector<double> precisions;
  double placebos = 0;  // moments at which all of the mixture speaks
  double ratio = 0;     // sums over these
  double precision = 0;
  double moments = 0;  // independent ones among them
};

// As many documents as are as sure as the mixture is; none where a part of it says nothing.
Tally Mixed(const std::array<Tally, kControlCount>& controls, const Weights& weights) {
  double share = 0;
  double variance = 0;
  for (size_t i = 0; i < kControlCount; ++i) {
    if (weights[i] <= 0) continue;
    if (controls[i].documents <= 0) return {};
    share += weights[i] * controls[i].share();
    variance += weights[i] * weights[i] / controls[i].documents;
  }
  return {share / variance, 1 / variance};
}

// The same of every moment.
void MixAll(const Moments& moments, const Weights& weights, Drift& drift) {
  std::vector<double>& shares = drift.control_events;
  std::vector<double>& variances = drift.control_documents;
  shares.assign(moments.size(), 0);
  variances.assign(moments.size(), 0);
  for (size_t i = 0; i < kControlCount; ++i) {
    if (weights[i] <= 0) continue;
    for (size_t j = 0; j < shares.size(); ++j) {
      shares[j] += weights[i] * moments.controls[i].shares[j];
      variances[j] += weights[i] * weights[i] / moments.controls[i].documents[j];
    }
  }
  for (size_t j = 0; j < shares.size(); ++j) {
    shares[j] /= variances[j];
    variances[j] = 1 / variances[j];
  }
}

bool Speaks(double sampling) { return sampling < INFINITY; }

// Fills the columns of `drift`, whose memory is used again. `unit` is p(1 − p).
void FindDifferences(const Moments& moments, const Weights& weights, double unit, Drift& drift) {
  MixAll(moments, weights, drift);
  const size_t size = moments.size();
  drift.sampling.resize(size);
  drift.differences.resize(size);
  drift.ratios.resize(size);
  drift.precisions.resize(size);
  for (size_t j = 0; j < size; ++j) {
    drift.sampling[j] = moments.sampling[j] + 1 / drift.control_documents[j];
    drift.differences[j] = moments.windows.shares[j] - drift.control_events[j] / drift.control_documents[j];
  }
  for (size_t j = 0; j < size; ++j) {
    drift.ratios[j] = drift.differences[j] * drift.differences[j] / (unit * drift.sampling[j]);
    drift.precisions[j] = 1 / drift.sampling[j];
  }
  drift.placebos = drift.ratio = drift.precision = 0;
  for (size_t j = 0; j < size; ++j) {
    if (!Speaks(drift.sampling[j])) continue;
    ++drift.placebos;
    drift.ratio += drift.ratios[j];
    drift.precision += drift.precisions[j];
  }
}

// Neighbours that move together are fewer than they look.
double IndependentMoments(const Drift& drift) {
  double products = 0;
  double squares = 0;
  double last_difference = 0;
  double last_scale = 1;
  for (size_t j = 0; j < drift.sampling.size(); ++j) {
    if (!Speaks(drift.sampling[j])) continue;
    const double scale = std::sqrt(drift.sampling[j]);
    const double z = drift.differences[j] / scale;
    squares += z * z;
    products += z * last_difference / last_scale;
    last_difference = drift.differences[j];
    last_scale = scale;
  }
  const double memory = squares > 0 ? std::clamp(products / squares, 0.0, 0.99) : 0;
  return drift.placebos * (1 - memory) / (1 + memory);
}

// What bursts could be hiding in a past in which they would hardly have shown.
double HiddenBursts(const Moments& moments, const Drift& drift, double share) {
  const double rarer = std::min(share, 1 - share);
  double chances = 0;
  for (size_t j = 0; j < moments.size(); ++j) {
    if (!Speaks(drift.sampling[j])) continue;
    const double expected = moments.windows.documents[j] * rarer;
    chances += expected * expected / 2;
  }
  return kBurstCorrelation / (1 + chances / kChancesToFade);
}

double LargestOddsMove(const ShareTrack& track, const Windows& windows, size_t first) {
  double largest = 1;
  std::optional<Tally> earlier;
  for (const size_t at : windows.Placebos(first)) {
    const Tally tally = track.Over(Window{at, at + windows.length()});
    if (tally.documents < kDocumentsMin) continue;
    if (earlier) {
      const double cells[] = {tally.events + 0.5, tally.documents - tally.events + 0.5, earlier->events + 0.5,
                              earlier->documents - earlier->events + 0.5};
      const double log_odds = std::abs(std::log(cells[0] * cells[3] / (cells[1] * cells[2])));
      const double error = std::sqrt(1 / cells[0] + 1 / cells[1] + 1 / cells[2] + 1 / cells[3]);
      largest = std::max(largest, std::exp(log_odds - error));
    }
    earlier = tally;
  }
  return largest;
}

struct Chosen {
  ShareTest test;
  Weights weights = Only(0);
  size_t first = 0;  // what lies before it is no control
  Moments moments;
  Drift drift;          // without placebos with short history
  double variance = 0;  // of the share around what the control says, without the window's own sampling

  bool any() const { return drift.placebos > 0; }
};

// Takes the mixture, which says `before` of the change, where it is steadier. E[difference²] is
// p(1 − p)(sampling + correlation): the method of moments over all placebos. `drift` is memory.
void TakeSteadier(const Weights& weights, const Tally& before, const Tally& past, Chosen& chosen,
                  Drift& drift) {
  const double least = 1 / before.documents;
  const auto steadier = [&](double variance) { return !chosen.any() || variance < chosen.variance; };
  if (!steadier(least)) return;
  FindDifferences(chosen.moments, weights, Variance(Smoothed(past).share()), drift);
  if (drift.placebos == 0) return;
  drift.moments = IndependentMoments(drift);
  if (drift.moments < kMomentsMin) return;
  const double rarer_events = std::min(past.events, past.documents - past.events);
  const double dof = std::max(1.0, std::min(drift.moments, rarer_events));
  const double dispersion = drift.ratio / drift.placebos * dof / ChiSquareLowerTenth(dof);
  const double correlation = std::max(0.0, (dispersion - 1) / (drift.precision / drift.placebos));
  const double variance = correlation + least;
  if (!steadier(variance)) return;
  chosen.variance = variance;
  chosen.weights = weights;
  chosen.test.before = before;
  std::swap(chosen.drift, drift);
}

// Of the controls that speak at the change and at nearly all placebos.
std::optional<Weights> MixtureOf(const std::array<Tally, kControlCount>& now, const Chosen& chosen) {
  const Moments& moments = chosen.moments;
  const auto speaks = [](double documents) { return documents > 0; };
  std::array<bool, kControlCount> usable{};
  for (size_t i = 0; i < kControlCount; ++i) {
    const std::vector<double>& documents = moments.controls[i].documents;
    const auto spoken = std::count_if(documents.begin(), documents.end(), speaks);
    usable[i] = now[i].documents > 0 &&
                static_cast<double>(spoken) >= kSpokenMin * static_cast<double>(moments.size());
  }
  std::vector<Differences> differences;
  differences.reserve(moments.size());
  for (size_t j = 0; j < moments.size(); ++j) {
    const double scale = std::sqrt(moments.sampling[j] + chosen.variance);
    Differences row{};
    bool all_speak = true;
    for (size_t i = 0; i < kControlCount; ++i) {
      if (!usable[i]) continue;
      all_speak = all_speak && speaks(moments.controls[i].documents[j]);
      row[i] = (moments.windows.shares[j] - moments.controls[i].shares[j]) / scale;
    }
    if (all_speak) differences.push_back(row);
  }
  if (static_cast<double>(differences.size()) < kMixedFrom) return std::nullopt;
  return SteadiestMixture(differences, usable);
}

Chosen ChooseControl(const ShareTrack& track, const Windows& windows) {
  const size_t first = FirstComparable(track, windows);
  const Tally past = track.Over(Window{first, windows.before().to});
  Chosen chosen;
  chosen.first = first;
  chosen.test.documents_after = track.Over(windows.after()).documents;
  const std::array<Tally, kControlCount> now = ControlsAt(track, windows, windows.after().from, first);
  chosen.moments = MomentsOf(track, windows, first);
  Drift memory;
  for (size_t i = 0; i < kControlCount; ++i) {
    if (now[i].documents > 0) TakeSteadier(Only(i), now[i], past, chosen, memory);
  }
  if (chosen.any()) {
    if (const std::optional<Weights> weights = MixtureOf(now, chosen)) {
      TakeSteadier(*weights, Mixed(now, *weights), past, chosen, memory);
    }
  }
  ShareTest& test = chosen.test;
  if (!chosen.any()) {
    test.before = past;
    test.expected = Smoothed(past).share();
    test.short_history = true;
    test.odds_bound = std::max(kOddsBound, kOddsBoundFactor * LargestOddsMove(track, windows, first));
  } else {
    test.expected = Smoothed(test.before).share();
    const double least = Wander(test.expected, chosen.drift.moments) + 1 / test.before.documents;
    test.correlation =
        std::max(chosen.variance, least) + HiddenBursts(chosen.moments, chosen.drift, Smoothed(past).share());
  }
  return chosen;
}

// A move that the past has seen without a change is no rarer than that.
double SeenBefore(const Chosen& chosen, double events_after, double p) {
  const ShareTest& test = chosen.test;
  const double after_difference = std::abs(events_after / test.documents_after - test.expected);
  const double after_scale = std::sqrt(1 / test.documents_after + test.correlation);
  size_t compared = 0;
  size_t seen = 0;
  for (size_t j = 0; j < chosen.moments.size(); ++j) {
    const double sampling = chosen.drift.sampling[j];
    if (!Speaks(sampling)) continue;
    const double scale = std::sqrt(sampling + test.correlation);
    if (std::abs(chosen.drift.differences[j]) * after_scale < 0.7 * after_difference * scale) continue;
    if (++compared > kPlacebosCompared) return 1;
    ShareTest then = test;
    then.documents_after = chosen.moments.windows.documents[j];
    then.before = {chosen.drift.control_events[j], chosen.drift.control_documents[j]};
    then.expected = Smoothed(then.before).share();
    if (then.ProbabilityOf(chosen.moments.windows.events[j]) <= p) ++seen;
  }
  return static_cast<double>(seen) / (chosen.drift.placebos + 1);
}

// Whether the same clock time a week ago had half of the move or more, with no change to blame.
bool MovedAWeekAgo(const ShareTrack& track, const Windows& windows, const Chosen& chosen,
                   const Tally& after) {
  const size_t week = kDaysMax * windows.day_steps();
  const size_t at = windows.after().from;
  if (chosen.test.short_history || week == 0 || at < chosen.first + week + 4 * windows.length()) return false;
  const Tally then = track.Over(Window{at - week, at - week + windows.length()});
  const double moved = after.share() - chosen.test.expected;
  double now = moved;
  Tally control = Mixed(ControlsAt(track, windows, at - week, chosen.first), chosen.weights);
  if (control.documents <= 0) {
    // The control does not reach back so far: both weeks from the windows just before. What is left of the
    // move is what last week did not do.
    control = ControlOf(track, windows, Control::kJustBefore, at - week, chosen.first);
    now = after.share() - ControlOf(track, windows, Control::kJustBefore, at, chosen.first).share();
  }
  if (then.documents <= 0 || control.documents <= 0) return false;
  const double left = now - (then.share() - control.share());
  return left * moved <= moved * moved / 2;
}

// Whether so many events are too near to what was expected for any test to say more.
bool IsCommonplace(const ShareTest& test, double events) {
  const double rarer = std::min(test.expected, 1 - test.expected) * test.documents_after;
  if (test.short_history || rarer < kEventsForOdds) return false;
  const double scale = std::sqrt(Variance(test.expected) * (1 / test.documents_after + test.correlation));
  return std::abs(events / test.documents_after - test.expected) < kCommonplaceZ * scale;
}

}  // namespace

ShareTrack::ShareTrack(std::span<const double> events, std::span<const double> documents,
                       const Windows& windows)
    : sums_(windows.steps() + 1) {
  const size_t known = std::min({windows.steps(), events.size(), documents.size()});
  Tally sum;
  for (size_t step = 0; step < known; ++step) {
    const double all = windows.clean(step) ? documents[step] : 0;
    if (all > 0 && all <= kCountMax && std::isfinite(events[step])) {
      sum.events += std::min(std::max(events[step], 0.0), all);
      sum.documents += all;
    }
    sums_[step + 1] = sum;
  }
  std::fill(sums_.begin() + static_cast<std::ptrdiff_t>(known), sums_.end(), sum);
}

double ShareTest::ProbabilityOf(double events_after) const {
  const double share = documents_after > 0 ? events_after / documents_after : 0;
  const bool up = share > expected;
  double tail = 1;
  if (!short_history) {
    const BetaBinomial distribution{documents_after, expected, correlation};
    tail = kDoubt * (up ? UpperMidP(distribution, events_after) : LowerMidP(distribution, events_after));
  } else {
    const double others_after = documents_after - events_after;
    const double others_before = before.documents - before.events;
    const bool enough = documents_after >= kDocumentsMin && before.documents >= kDocumentsMin &&
                        std::max(events_after, before.events) >= kEventsMin &&
                        std::max(others_after, others_before) >= kEventsMin;
    if (!enough) return 1;
    tail = up ? OddsUpperMidP(events_after, documents_after, before.events, before.documents, odds_bound)
              : OddsUpperMidP(others_after, documents_after, others_before, before.documents, odds_bound);
  }
  return std::min(1.0, 2 * tail);
}

double ShareTest::Reach(double p, double least) const {
  if (documents_after <= 0) return 1;
  const bool upwards = expected <= 0.5;
  const auto found = [&](double moved) {
    return ProbabilityOf(upwards ? moved : documents_after - moved) <= p;
  };
  const double start = documents_after * (upwards ? expected : 1 - expected);
  double low = start;
  double high = documents_after;
  if (!found(high)) return 1;
  while (high - low > std::max(0.5, 0.002 * documents_after)) {
    const double middle = (low + high) / 2;
    (found(std::floor(middle)) ? high : low) = middle;
  }
  const double usual = start / documents_after;
  const double share = std::min(1.0, std::max(high / documents_after, usual + least));
  return std::min(1.0, share + Blur(share)) - usual;
}

double ShareTest::Blur(double share) const {
  return kFourInFive * std::sqrt(Variance(share) * (1 / documents_after + correlation));
}

double ShareTest::DocumentsNeeded(double p) const {
  ShareTest more = *this;
  for (double documents = kDocumentsMin; documents < 1e7; documents *= 1.25) {
    more.documents_after = documents;
    if (more.ProbabilityOf(expected <= 0.5 ? documents : 0) <= p) return documents;
  }
  return 1e7;
}

ShareJudgement JudgeShare(const ShareTrack& track, const Windows& windows) {
  const Chosen chosen = ChooseControl(track, windows);
  ShareJudgement judgement;
  judgement.test = chosen.test;
  judgement.after = track.Over(windows.after());
  judgement.up = judgement.after.share() > chosen.test.expected;
  judgement.since_first = judgement.since_best = windows.after().from;
  judgement.since_last = windows.after().to;
  if (judgement.after.documents > 0 && chosen.test.before.documents > 0 &&
      !IsCommonplace(chosen.test, judgement.after.events)) {
    judgement.p = chosen.test.ProbabilityOf(judgement.after.events);
    if (!chosen.test.short_history && judgement.p < 0.05) {
      judgement.p = std::max(judgement.p, SeenBefore(chosen, judgement.after.events, judgement.p));
    }
  }
  if (judgement.p <= kWorthDating) {
    // With short history nothing is known of how documents repeat each other, so nothing is said of the
    // course.
    const double correlation = chosen.test.short_history ? 1 : chosen.test.correlation;
    const Dating dating = DateShare(track, windows, chosen.first, chosen.test.expected, correlation);
    judgement.since_first = dating.first;
    judgement.since_last = dating.last;
    judgement.since_best = dating.best;
    judgement.qualifier =
        MovedAWeekAgo(track, windows, chosen, judgement.after) ? kEnvironmentMoved : dating.qualifier;
    if (judgement.qualifier.empty()) {
      judgement.traffic = TrafficFactor(track, windows);
      if (TrafficExplains(judgement.traffic, judgement.after, chosen.test.expected))
        judgement.qualifier = kMixChanged;
    }
  }
  return judgement;
}

}  // namespace fieldmark::judge
