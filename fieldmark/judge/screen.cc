#include "fieldmark/judge/screen.h"

#include <algorithm>
#include <cmath>

#include "fieldmark/judge/evidence.h"
#include "fieldmark/judge/share_moments.h"

namespace fieldmark::judge {
namespace {

constexpr size_t kMomentsMin =
    40;  // windows: with fewer, history may be too short for the test that is bounded
constexpr double kFewEvents = 25;
// Two-sided, with the doubt of shares.cc, a tail of 0.0025 is p = 0.02; that is 2.8 of a normal distribution,
// and less of one that is skewed.
constexpr double kManyZ = 2.5;
constexpr double kFewZ = 2.1;
// What begins with the change is away from the hours before too, though these know the share less well.
constexpr double kRecent = 0.5;

double Deviation(const ShareTest& test, double events) {
  const double documents = test.documents_after;
  const double expected = test.expected * documents;
  if (std::min(expected, documents - expected) >= kFewEvents) {
    const double variance =
        test.expected * (1 - test.expected) * (1 / documents + test.correlation) * documents * documents;
    return (std::abs(events - expected) - 0.5) / std::sqrt(variance) / kManyZ;
  }
  // Of the rarer outcome: square roots of counts have about one variance, however few (Anscombe 1948).
  const bool rare_are_others = test.expected > 0.5;
  const double rarer = rare_are_others ? documents - events : events;
  const double usual = rare_are_others ? documents - expected : expected;
  return 2 * std::abs(std::sqrt(rarer + 0.375) - std::sqrt(usual + 0.375)) / kFewZ;
}

}  // namespace

bool CannotHaveMoved(const ShareTrack& track, const Windows& windows, const Settings& settings) {
  const Tally after = track.Over(windows.after());
  if (after.documents < kDocumentsMin) return true;  // then it is not judged
  const size_t first = FirstComparable(track, windows);
  // Without a long history the question is another one.
  if (windows.before().to < first + kMomentsMin * windows.length()) return false;
  // What was never seen, or never absent, has a test of its own.
  const Tally past = track.Over(windows.before());
  const bool is_first = (past.events <= 0 && after.events > 0) ||
                        (past.events >= past.documents && after.events < after.documents);
  if (is_first) return false;
  double recent = 0;  // what the hours before say, if they say anything, and what any control does
  bool has_recent = false;
  double any = 0;
  for (const Control control : kControls) {
    const Tally before = ControlOf(track, windows, control, windows.after().from, first);
    // With fewer it is not comparable, whatever its p.
    if (before.documents < kDocumentsMin) continue;
    const double deviation = Deviation(LeastTest(before, after.documents, windows), after.events);
    if (control == Control::kJustBefore || control == Control::kStep) {
      recent = std::max(recent, deviation);
      has_recent = true;
    }
    if (ShareMovedEnough(before.share(), after.share(), settings)) any = std::max(any, deviation);
  }
  return any <= 1 || (has_recent && recent <= kRecent);
}

}  // namespace fieldmark::judge
