// Shares: so many of so many documents. Everything that is no level comes down to one: a rate is a share, a
// shift of a distribution is the share above its earlier median, a changed mix is one category's share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "fieldmark/judge/windows.h"

namespace fieldmark::judge {

struct Tally {
  double events = 0;
  double documents = 0;

  double share() const { return documents > 0 ? events / documents : 0; }
};

// More documents than this in a step are no count: a double does not tell it from the next.
inline constexpr double kCountMax = 1e15;

// Events and documents a step, as prefix sums; steps that are not clean before the change count as without
// data.
class ShareTrack {
 public:
  ShareTrack(std::span<const double> events, std::span<const double> documents, const Windows& windows);

  Tally Over(const Window& window) const {
    if (window.empty()) return {};
    // Differences of sums: what is less than a millionth of an event is rounding.
    const double documents = sums_[window.to].documents - sums_[window.from].documents;
    const double events = sums_[window.to].events - sums_[window.from].events;
    if (documents < 1e-6) return {};
    return {events < 1e-6 ? 0 : std::min(events, documents), documents};
  }

 private:
  std::vector<Tally> sums_;
};

// What the probability of any number of events after the change depends on: of the past and of the amount of
// data.
struct ShareTest {
  double documents_after = 0;
  Tally before;
  double expected = 0;     // share
  double correlation = 0;  // of documents in one window: drift, bursts and the control's own uncertainty
  bool short_history = false;
  double odds_bound = 1;  // with short history: odds may have moved by so much for no reason

  // Two-sided.
  double ProbabilityOf(double events_after) const;
  // The smallest move of the share, up where it is below a half, down where it is above, that would be found
  // four times in five at significance `p`, moves below `least` being none; 1 when none would.
  double Reach(double p, double least) const;
  // How far a share that is seen may be from what it is, four times in five on one side.
  double Blur(double share) const;
  // The documents needed to find a move of everything at significance `p`.
  double DocumentsNeeded(double p) const;
};

// The first step that may be compared with: the past begins after the last known change that moved this
// share, so that what a change brought is not held against what was before it.
size_t FirstComparable(const ShareTrack& track, const Windows& windows);
// The test against `before` with the least correlation that any history can give it.
ShareTest LeastTest(const Tally& before, double documents_after, const Windows& windows);

struct ShareJudgement {
  ShareTest test;
  Tally after;
  double p = 1;
  bool up = true;
  size_t since_first = 0;  // steps between which the change point lies, and its likeliest one
  size_t since_last = 0;
  size_t since_best = 0;
  std::string_view qualifier;  // how it went, other than beginning at the change and staying
  double traffic = 1;          // of a move without a qualifier: how many times the usual documents there were
};

ShareJudgement JudgeShare(const ShareTrack& track, const Windows& windows);

}  // namespace fieldmark::judge
