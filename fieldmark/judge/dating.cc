#include "fieldmark/judge/dating.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace fieldmark::judge {
namespace {

constexpr double kIntervalUnits = 2;  // log likelihood: about a 95 % interval
constexpr double kDecisiveUnits = 4;  // of quasi-likelihood, before a move is said to have gone otherwise
constexpr double kHalf = 0.5;         // of the move, which an earlier beginning must show
constexpr size_t kRecentWindows = 8;
constexpr double kBackWithin = 0.35;  // of what the window before was away from its past
constexpr double kAwayZ = 3;

double Bounded(double share) { return std::clamp(share, 1e-9, 1 - 1e-9); }

double Share(const Tally& tally) { return (tally.events + 0.5) / (tally.documents + 1); }

double LogLikelihood(const Tally& tally, double share) {
  share = Bounded(share);
  return tally.events * std::log(share) + (tally.documents - tally.events) * std::log1p(-share);
}

class Course {
 public:
  Course(const ShareTrack& track, const Windows& windows, size_t first, double expected, double correlation)
      : track_(track), windows_(windows), first_(first), expected_(expected), correlation_(correlation) {
    after_ = windows.after();
    moved_ = Share(track.Over(after_)) - expected;
  }

  std::string_view Qualifier() const {
    if (StartedEarlier()) return kStartedEarlier;
    if (Passed()) return kPassed;
    return Recovered() ? kRecovered : std::string_view();
  }

 private:
  // Documents of one moment repeat each other: units of likelihood are worth so much less.
  double Dispersion(const Tally& tally) const { return 1 + tally.documents * correlation_; }

  // Old until `onset`, then what all from there on shows.
  double Begun(size_t from, size_t onset) const {
    const Tally rest = track_.Over(Window{onset, after_.to});
    return LogLikelihood(track_.Over(Window{from, onset}), expected_) + LogLikelihood(rest, Share(rest));
  }

  bool StartedEarlier() const {
    const size_t from = std::max(first_, after_.from - std::min(after_.from, windows_.length()));
    const double at_change = Begun(from, after_.from);
    const double dispersion = Dispersion(track_.Over(Window{from, after_.from}));
    for (size_t onset = from; onset < after_.from; ++onset) {
      const double before = Share(track_.Over(Window{onset, after_.from})) - expected_;
      if (before * moved_ <= 0 || std::abs(before) < kHalf * std::abs(moved_)) continue;
      if ((Begun(from, onset) - at_change) / dispersion > kDecisiveUnits) return true;
    }
    return false;
  }

  bool Passed() const {
    if (after_.size() < 2) return false;
    const size_t middle = after_.from + (after_.size() + 1) / 2;
    const Tally first = track_.Over(Window{after_.from, middle});
    const Tally second = track_.Over(Window{middle, after_.to});
    const double gain = LogLikelihood(second, expected_) - LogLikelihood(second, Share(first));
    return gain / Dispersion(second) > kDecisiveUnits;
  }

  // Away from its past in the window before, and back now.
  bool Recovered() const {
    const size_t length = windows_.length();
    if (after_.from < first_ + (kRecentWindows + 4) * length) return false;
    const Tally past = track_.Over(Window{first_, after_.from - kRecentWindows * length});
    const Tally before = track_.Over(Window{after_.from - length, after_.from});
    if (past.documents <= 0 || before.documents <= 0) return false;
    const double usual = Share(past);
    const double scale = std::sqrt(usual * (1 - usual) * (1 / before.documents + correlation_));
    const double was = before.share() - usual;
    const double is = track_.Over(after_).share() - usual;
    return std::abs(was) > kAwayZ * scale && std::abs(is) < kBackWithin * std::abs(was);
  }

  const ShareTrack& track_;
  const Windows& windows_;
  size_t first_;
  double expected_;
  double correlation_;
  Window after_;
  double moved_ = 0;
};

}  // namespace

Dating DateShare(const ShareTrack& track, const Windows& windows, size_t first, double expected,
                 double correlation) {
  const Window after = windows.after();
  Dating dating{after.from, after.to, after.from, {}};
  if (after.empty()) return dating;
  std::vector<double> likelihood;
  for (size_t step = after.from; step < after.to; ++step) {
    const Tally still_old = track.Over(Window{after.from, step});
    const Tally already_new = track.Over(Window{step, after.to});
    likelihood.push_back(LogLikelihood(still_old, expected) + LogLikelihood(already_new, Share(already_new)));
  }
  const double best = *std::max_element(likelihood.begin(), likelihood.end());
  bool started = false;
  for (size_t i = 0; i < likelihood.size(); ++i) {
    if (likelihood[i] == best) dating.best = after.from + i;
    if (likelihood[i] < best - kIntervalUnits) continue;
    if (!started) dating.first = after.from + i;
    started = true;
    dating.last = after.from + i + 1;
  }
  // Right at the change, the last old step is where the interval begins.
  if (dating.first == after.from && after.from > 0) --dating.first;
  dating.qualifier = Course(track, windows, first, expected, correlation).Qualifier();
  return dating;
}

}  // namespace fieldmark::judge
