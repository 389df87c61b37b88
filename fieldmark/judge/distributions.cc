// Distributions: the share of documents beyond a quantile of the past. Such a share is judged like any other,
// so a shifted distribution needs no assumption about its shape, and ties, atoms and long tails cost only
// sensitivity.
#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <string>

#include "fieldmark/judge/dating.h"
#include "fieldmark/judge/evidence.h"
#include "fieldmark/judge/load.h"
#include "fieldmark/judge/tails.h"

namespace fieldmark::judge {
namespace {

using sketch::Histogram;

// Few different values put a lump of documents on either side of a threshold: its share is rougher than
// others'.
constexpr double kDoubt = 2;
constexpr size_t kQuantiles = 31;
constexpr size_t kStepsForTails =
    5;  // of the look: the first requests of a new process are slow and are its tail

constexpr double kFreshnessMsMin = 1000;  // taste: clocks of two hosts differ by as much

// A bucket's place on one line: negative magnitudes, zero, positive ones.
constexpr int64_t kZero = 0;
constexpr int64_t kOffset = int64_t{1} << 20;  // above any bucket index

int64_t Place(int32_t index, int shift) { return kOffset + (int64_t{index} >> shift); }

template <class Visit>
void ForEachBucket(const Histogram& histogram, int scale, Visit visit) {
  const int shift = histogram.scale() - scale;
  for (const auto& bucket : histogram.negative()) visit(-Place(bucket.index, shift), bucket.count);
  if (histogram.zero_count() > 0) visit(kZero, histogram.zero_count());
  for (const auto& bucket : histogram.positive()) visit(Place(bucket.index, shift), bucket.count);
}

int CommonScale(const Series& series) {
  int scale = Histogram::kScaleMax;
  for (size_t step = 0; step < series.distributions.size(); ++step) {
    if (series.distributions.count(step) > 0) scale = std::min(scale, series.distributions.scale(step));
  }
  return scale;
}

// Documents behind each value of a step: an array's items are one document's.
double DocumentsEach(const Series& series, size_t step) {
  const auto count = static_cast<double>(series.distributions.count(step));
  if (count <= 0 || step >= series.weights.size() || !(series.weights[step] > 0)) return count > 0 ? 1 : 0;
  return std::min(1.0, series.weights[step] / count);
}

// The past and the window after the change, each as one histogram.
struct Sides {
  Histogram before;
  Histogram after;
};

Sides SidesOf(const Series& series, const Windows& windows) {
  const size_t steps = series.distributions.size();
  const size_t change = std::min(steps, windows.after().from);
  const auto clean = [&](size_t step) { return windows.clean(step); };
  return {series.distributions.Merged(0, change, clean),
          series.distributions.Merged(change, std::min(steps, windows.after().to), clean)};
}

int64_t PlaceOfQuantile(const Histogram& histogram, int scale, double q) {
  std::map<int64_t, double> counts;
  ForEachBucket(histogram, scale,
                [&](int64_t place, uint64_t count) { counts[place] += static_cast<double>(count); });
  double below = 0;
  const double rank = q * static_cast<double>(histogram.count());
  for (const auto& [place, count] : counts) {
    below += count;
    if (below >= rank) return place;
  }
  return counts.empty() ? kZero : counts.rbegin()->first;
}

// Values beyond `place`: above it, or below it.
struct Threshold {
  int64_t place = 0;
  bool above = true;
  double quantile = 0.5;
};

// Documents of a step beyond it. Places go one way along a side of a histogram, so what is beyond is one of
// the side's ends, and the rest need not be looked at.
double EventsBeyond(const Threshold& threshold, const sketch::HistogramColumn& histograms, size_t step,
                    int scale, double each) {
  const int shift = histograms.scale(step) - scale;
  const auto beyond = [&](int64_t place) {
    return threshold.above ? place > threshold.place : place < threshold.place;
  };
  double events = 0;
  uint64_t whole = 0;  // of documents with one value each, which most have: exact, and summed in less time
  const auto add = [&](std::span<const sketch::PackedBucket> side, int sign) {
    const bool at_end = threshold.above == (sign > 0);
    const auto cut = std::partition_point(side.begin(), side.end(), [&](const auto& bucket) {
      return beyond(sign * Place(bucket.index(), shift)) != at_end;
    });
    const auto begin = at_end ? cut : side.begin();
    const auto end = at_end ? side.end() : cut;
    if (each == 1) {
      for (auto bucket = begin; bucket != end; ++bucket) whole += bucket->count();
    } else {
      for (auto bucket = begin; bucket != end; ++bucket)
        events += each * static_cast<double>(bucket->count());
    }
  };
  add(histograms.negative(step), -1);
  if (beyond(kZero)) events += each * static_cast<double>(histograms.zero_count(step));
  add(histograms.positive(step), 1);
  return events + static_cast<double>(whole);
}

// Of natural logarithms.
double BucketsOfOne(int scale) { return std::exp2(scale) / std::log(2); }

// The same, had each value been larger by so many buckets, of which the last is taken in part.
double EventsBeyond(Threshold threshold, const sketch::HistogramColumn& histograms, size_t step, int scale,
                    double each, double larger) {
  const double whole = std::floor(larger);
  threshold.place -= static_cast<int64_t>(whole);
  const double events = EventsBeyond(threshold, histograms, step, scale, each);
  if (larger == whole) return events;
  --threshold.place;
  return events + (larger - whole) * (EventsBeyond(threshold, histograms, step, scale, each) - events);
}

// One for each threshold. A step's histogram is looked at once for all of them: it is far away in memory.
// The logarithms of a step's values count as so much `larger`; as they are where that is empty.
std::vector<ShareTrack> TracksOf(const Series& series, const Windows& windows, int scale,
                                 const std::vector<Threshold>& thresholds, std::span<const double> larger) {
  const size_t steps = series.distributions.size();
  std::vector<std::vector<double>> events(thresholds.size(), std::vector<double>(steps));
  std::vector<double> documents(steps);
  for (size_t step = 0; step < steps; ++step) {
    const double each = DocumentsEach(series, step);
    documents[step] = each * static_cast<double>(series.distributions.count(step));
    const double by = step < larger.size() ? larger[step] * BucketsOfOne(scale) : 0;
    for (size_t i = 0; i < thresholds.size(); ++i)
      events[i][step] = EventsBeyond(thresholds[i], series.distributions, step, scale, each, by);
  }
  std::vector<ShareTrack> tracks;
  for (const std::vector<double>& of_one : events) tracks.emplace_back(of_one, documents, windows);
  return tracks;
}

// With short history: were the past's values multiplied by the bound, as many as lie beyond its median would
// lie beyond the bound times its median. More than that after the change is more than the bound. The median
// is the one under the load of the window: what that has not made larger is less beyond it (design/load.md).
double BeyondBound(const Series& series, const Windows& windows, int scale, int64_t median, bool up) {
  const auto bound = static_cast<int64_t>(std::ceil(std::log2(kLevelBound) * std::exp2(scale)));
  const Threshold at_median{median, up, 0.5};
  const Threshold scaled{up ? median + bound : median - bound, up, 0.5};
  const std::vector<ShareTrack> tracks = TracksOf(series, windows, scale, {at_median, scaled}, {});
  const Tally before = tracks[0].Over(windows.before());
  const Tally after = tracks[1].Over(windows.after());
  if (before.documents < 30 || after.documents < 30) return 1;
  return std::min(1.0, 2 * OddsUpperMidP(after.events, after.documents, before.events, before.documents, 1));
}

struct Part {
  Threshold threshold;
  ShareJudgement judgement;
  double from = 0;
  double to = 0;
};

bool IsFreshness(const Series& series) { return series.statistic == "freshness"; }
// A clock of ours, whose first seconds in a new process are slow.
bool IsTiming(const Series& series) { return series.unit == "ms" && !IsFreshness(series); }

std::vector<Threshold> ThresholdsOf(const Histogram& before, int scale, const Series& series,
                                    const Windows& windows) {
  const int64_t median = PlaceOfQuantile(before, scale, 0.5);
  std::vector<Threshold> thresholds = {{median, true, 0.5}, {median, false, 0.5}};
  if (!IsTiming(series) || windows.length() >= kStepsForTails) {
    thresholds.push_back({PlaceOfQuantile(before, scale, 0.9), true, 0.9});
    thresholds.push_back({PlaceOfQuantile(before, scale, 0.1), false, 0.1});
  }
  return thresholds;
}

const char* NameOf(double quantile) {
  return quantile > 0.5 ? "90th percentile" : quantile < 0.5 ? "10th percentile" : "median";
}

double Spread(const Histogram& before) {
  const double range = before.Quantile(0.75) - before.Quantile(0.25);
  return std::max({range, 0.05 * std::abs(before.Quantile(0.5)), 1e-12});
}

bool MovedEnough(const Part& part, const Histogram& before, const Series& series, const Settings& settings) {
  const double move = std::abs(part.to - part.from);
  if (IsFreshness(series) && move < kFreshnessMsMin) return false;
  if (IsTiming(series)) {
    return move >= settings.latency_ms_min && move >= settings.latency_effect_min * std::abs(part.from);
  }
  return move >= settings.distribution_effect_min * Spread(before);
}

// The smallest move of all values, relative to their median, that is moved enough.
double LeastMove(const Histogram& before, const Series& series, const Settings& settings) {
  const double median = std::abs(before.Quantile(0.5));
  if (median <= 0) return 1;
  if (IsTiming(series)) return std::max(settings.latency_effect_min, settings.latency_ms_min / median);
  return std::max(settings.distribution_effect_min * Spread(before),
                  IsFreshness(series) ? kFreshnessMsMin : 0) /
         median;
}

// More load makes slow: twice the load four times as slow where three sevenths of the capacity were in use
// (a queue with one server, M/M/1).
bool LoadExplains(const Part& part) {
  const double load = part.judgement.traffic;
  return load > 1 && part.to > part.from && part.to <= load * load * part.from;
}

// By how much the logarithm of each earlier step's values would have been larger under the load of the
// window; empty where they do not follow it.
std::vector<double> LargerUnderLoad(const Series& series, const Windows& windows) {
  std::vector<double> levels;
  std::vector<double> documents;
  for (size_t step = 0; step < series.distributions.size(); ++step) {
    double sum = 0;
    double count = 0;
    for (const sketch::PackedBucket& bucket : series.distributions.positive(step)) {
      sum += bucket.index() * static_cast<double>(bucket.count());
      count += static_cast<double>(bucket.count());
    }
    levels.push_back(count > 0 ? sum / count / BucketsOfOne(series.distributions.scale(step)) : 0);
    documents.push_back(count);
  }
  return UnderLoadOfWindow(levels, documents, windows);
}

// On average over the documents of the past.
double Mean(std::span<const double> larger, const Series& series, const Windows& windows) {
  double sum = 0;
  double documents = 0;
  for (size_t step = 0; step < std::min(larger.size(), windows.before().to); ++step) {
    if (!windows.clean(step)) continue;
    const auto count = static_cast<double>(series.distributions.count(step));
    sum += count * larger[step];
    documents += count;
  }
  return documents > 0 ? sum / documents : 0;
}

std::vector<float> QuantilesOf(const Histogram& histogram) {
  std::vector<float> quantiles;
  for (size_t i = 1; i <= kQuantiles; ++i) {
    quantiles.push_back(static_cast<float>(histogram.Quantile(static_cast<double>(i) / (kQuantiles + 1))));
  }
  return quantiles;
}

}  // namespace

void TakeShape(const Series& series, const Histogram& before, const Histogram& after, Evidence& evidence) {
  // Clocks, lengths and ages have their unit; how many items there are needs none.
  if (!series.unit.empty() || series.statistic == "items") return;
  if (BecameConstant(before, after)) {
    evidence.structure = Structure::kConstant;
  } else if (evidence.factor = UnitFactor(before, after); evidence.factor != 1) {
    evidence.structure = Structure::kUnit;
  }
  if (evidence.structure == Structure::kNone) return;
  // All of it moved, so the middle says it.
  evidence.from = before.Quantile(0.5);
  evidence.to = after.Quantile(0.5);
  evidence.quantile = NameOf(0.5);
}

void WeighDistribution(const Series& series, const Windows& windows, const Settings& settings,
                       Evidence& evidence) {
  const Sides sides = SidesOf(series, windows);
  const int scale = CommonScale(series);
  std::vector<Threshold> thresholds = ThresholdsOf(sides.before, scale, series, windows);
  std::vector<double> larger;
  // With two versions alive neither's documents are the load, and both bear it.
  const bool positive = std::all_of(thresholds.begin(), thresholds.end(),
                                    [](const Threshold& threshold) { return threshold.place > kZero; });
  if (IsTiming(series) && series.beside == nullptr && positive) larger = LargerUnderLoad(series, windows);
  const double all_larger = Mean(larger, series, windows);
  for (Threshold& threshold : thresholds) threshold.place += std::llround(all_larger * BucketsOfOne(scale));
  const auto parts = static_cast<double>(thresholds.size());
  evidence.p = 1;
  double best_p = 2;
  ShareTest median_test;  // what could have been seen is said of all values
  const std::vector<ShareTrack> tracks = TracksOf(series, windows, scale, thresholds, larger);
  for (size_t i = 0; i < thresholds.size(); ++i) {
    const Threshold& threshold = thresholds[i];
    const ShareTrack& track = tracks[i];
    Part part{threshold, JudgeShare(track, windows),
              sides.before.Quantile(threshold.quantile) * std::exp(all_larger),
              sides.after.Quantile(threshold.quantile)};
    if (threshold.quantile == 0.5 && threshold.above) median_test = part.judgement.test;
    double p = kDoubt * parts * part.judgement.p;
    if (part.judgement.test.short_history) {
      // Only the median is sure enough, and of its two sides the one that gained documents.
      if (threshold.quantile != 0.5 || !part.judgement.up) {
        p = 1;
      } else if (threshold.place > kZero) {
        p = parts * BeyondBound(series, windows, scale, threshold.place, threshold.above);
      }
    }
    if (!MovedEnough(part, sides.before, series, settings)) p = 1;
    p = std::min(1.0, p);
    if (p > best_p || (p == best_p && best_p < 2)) continue;
    best_p = p;
    TakeStanding(track, part.judgement, windows, evidence);
    if (evidence.qualifier.empty() && IsTiming(series) && LoadExplains(part))
      evidence.qualifier = kEnvironmentMoved;
    evidence.p = p;
    evidence.from = part.from;
    evidence.to = part.to;
    evidence.up = part.to > part.from;
    evidence.effect = (part.to - part.from) / Spread(sides.before);
    evidence.quantile = NameOf(threshold.quantile);
  }
  TakeShape(series, sides.before, sides.after, evidence);
  evidence.test = median_test;
  evidence.tests = kDoubt * parts;
  evidence.reach_min = LeastMove(sides.before, series, settings);
  evidence.past_quantiles = QuantilesOf(sides.before);
}

}  // namespace fieldmark::judge
