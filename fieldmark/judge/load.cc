#include "fieldmark/judge/load.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace fieldmark::judge {
namespace {

constexpr size_t kHoursOfDay = 24;
constexpr size_t kPairsMin = 48;      // two days of hours, each with the same one a day earlier
constexpr double kDocumentsMin = 30;  // in an hour
constexpr double kSureErrors = 4;     // a relation that is none is found once in 30 000 signals
constexpr double kSteepest = 4;       // twice the load sixteen times as slow: no queue is so for days
constexpr double kFarScales = 3;      // no incident counts for more
constexpr double kMedianOfNormal = 0.6745;

struct Sum {
  double levels = 0;  // Σ level · documents
  double documents = 0;
  double steps = 0;  // with documents

  double level() const { return levels / documents; }
  double load() const { return documents / steps; }
};

class LoadTrack {
 public:
  LoadTrack(std::span<const double> levels, std::span<const double> documents, const Windows& windows)
      : sums_(windows.steps() + 1) {
    for (size_t step = 0; step < windows.steps(); ++step) {
      Sum& sum = sums_[step + 1] = sums_[step];
      if (!windows.clean(step) || step >= documents.size() || !(documents[step] > 0)) continue;
      sum.levels += levels[step] * documents[step];
      sum.documents += documents[step];
      ++sum.steps;
    }
  }

  Sum Over(const Window& window) const {
    const Sum& to = sums_[window.to];
    const Sum& from = sums_[window.from];
    return {to.levels - from.levels, to.documents - from.documents, to.steps - from.steps};
  }

 private:
  std::vector<Sum> sums_;
};

// An hour less the same one a day earlier: what the clock does is in neither.
struct Pair {
  double load = 0;  // of logarithms
  double level = 0;
};

std::vector<Pair> PairsOf(const LoadTrack& track, const Windows& windows) {
  const size_t day = windows.day_steps();
  const size_t hour = std::max<size_t>(1, day / kHoursOfDay);
  std::vector<Pair> pairs;
  for (size_t to = windows.before().to; day > 0 && to >= day + hour; to -= hour) {
    const Sum now = track.Over({to - hour, to});
    const Sum then = track.Over({to - hour - day, to - day});
    if (now.documents < kDocumentsMin || then.documents < kDocumentsMin) continue;
    pairs.push_back({std::log(now.load() / then.load()), now.level() - then.level()});
  }
  return pairs;
}

struct Slope {
  double value = 0;
  double error = INFINITY;
};

// Least squares through the origin; the error by what residuals there are, which follow one another.
Slope SlopeOf(const std::vector<Pair>& pairs) {
  double squares = 0;
  double products = 0;
  for (const Pair& pair : pairs) {
    squares += pair.load * pair.load;
    products += pair.load * pair.level;
  }
  if (squares <= 0) return {};
  Slope slope{products / squares, INFINITY};
  double own = 0;
  double with_next = 0;
  double last = 0;
  for (const Pair& pair : pairs) {
    const double pull = pair.load * (pair.level - slope.value * pair.load);
    own += pull * pull;
    with_next += pull * last;
    last = pull;
  }
  const double memory = own > 0 ? std::clamp(with_next / own, 0.0, 0.99) : 0;
  slope.error = std::sqrt(own * (1 + memory) / (1 - memory)) / squares;
  return slope;
}

// Residuals beyond three of their scales are brought that near.
std::vector<Pair> WithoutIncidents(std::vector<Pair> pairs, double slope) {
  std::vector<double> sizes;
  for (const Pair& pair : pairs) sizes.push_back(std::abs(pair.level - slope * pair.load));
  const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
  std::nth_element(sizes.begin(), middle, sizes.end());
  const double limit = kFarScales * *middle / kMedianOfNormal;
  for (Pair& pair : pairs) {
    const double usual = slope * pair.load;
    pair.level = usual + std::clamp(pair.level - usual, -limit, limit);
  }
  return pairs;
}

// By how much levels grow with the logarithm of the load; none where that may be chance.
std::optional<double> GrowthOf(const LoadTrack& track, const Windows& windows) {
  const std::vector<Pair> pairs = PairsOf(track, windows);
  if (pairs.size() < kPairsMin) return std::nullopt;
  const Slope slope = SlopeOf(WithoutIncidents(pairs, SlopeOf(pairs).value));
  if (!(slope.value > kSureErrors * slope.error) || slope.value > kSteepest) return std::nullopt;
  return slope.value;
}

// The hour around a step, as far as it is before the change: what a minute's requests are by chance is no
// load.
Window HourAround(const Windows& windows, size_t step) {
  const size_t half = std::max<size_t>(1, windows.day_steps() / kHoursOfDay / 2);
  return {step - std::min(step, half), std::min(step + half, windows.before().to)};
}

}  // namespace

std::vector<double> UnderLoadOfWindow(std::span<const double> levels, std::span<const double> documents,
                                      const Windows& windows) {
  const LoadTrack track(levels, documents, windows);
  const Sum after = track.Over(windows.after());
  if (after.documents < kDocumentsMin) return {};
  const std::optional<double> growth = GrowthOf(track, windows);
  if (!growth) return {};
  std::vector<double> larger(windows.steps());
  for (size_t step = 0; step < windows.before().to; ++step) {
    const Sum then = track.Over(HourAround(windows, step));
    if (then.documents > 0) larger[step] = *growth * std::log(after.load() / then.load());
  }
  return larger;
}

}  // namespace fieldmark::judge
