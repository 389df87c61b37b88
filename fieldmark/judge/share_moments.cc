#include "fieldmark/judge/share_moments.h"

#include <algorithm>
#include <cmath>

namespace fieldmark::judge {
namespace {

bool EnoughForOdds(const Tally& tally) {
  return std::min(tally.events, tally.documents - tally.events) >= kEventsForOdds;
}

double LogOdds(const Tally& tally) {
  return std::log((tally.events + 0.5) / (tally.documents - tally.events + 0.5));
}

void Add(Tally& sum, const Tally& tally) {
  sum.events += tally.events;
  sum.documents += tally.documents;
}

// The same clock time on earlier days, one window earlier to one later.
Tally SameClock(const ShareTrack& track, const Windows& windows, size_t at, size_t first) {
  const size_t length = windows.length();
  const size_t days = windows.has_clock() ? windows.EarlierDays(at, first + length) : 0;
  if (days < kDaysMin) return {};
  Tally usual;
  for (size_t day = 1; day <= days; ++day) {
    const size_t start = at - day * windows.day_steps();
    Add(usual, track.Over(Window{start - length, start + 2 * length}));
  }
  return usual;
}

// The window before, its odds moved as they move at that clock time on earlier days; as many documents as
// would make it as sure. None where a ratio of odds would be mere noise.
class ClockStep {
 public:
  ClockStep(const ShareTrack& track, const Windows& windows, size_t first)
      : track_(track), windows_(windows), first_(first) {}

  Tally At(size_t at) {
    const size_t length = windows_.length();
    const size_t days = windows_.has_clock() ? windows_.EarlierDays(at, first_ + length) : 0;
    if (days < kDaysMin) return {};
    const Tally before = track_.Over(Window{at - length, at});
    if (!EnoughForOdds(before)) return {};
    const Usual usual_before = UsualAt(at - length, days);
    const Usual usual = last_ = UsualAt(at, days);
    if (!usual_before.enough || !usual.enough) return {};
    const double log_odds = LogOdds(before) + usual.log_odds - usual_before.log_odds;
    const double documents = 1 / (1 / before.documents + 1 / usual.documents + 1 / usual_before.documents);
    return {documents / (1 + std::exp(-log_odds)), documents};
  }

 private:
  struct Usual {
    size_t at = 0;
    size_t days = 0;
    double documents = 0;
    bool enough = false;
    double log_odds = 0;
  };

  // Of windows one after the other, one's is the next one's before.
  Usual UsualAt(size_t at, size_t days) const {
    if (last_.at == at && last_.days == days) return last_;
    Tally sum;
    for (size_t day = 1; day <= days; ++day) {
      const size_t start = at - day * windows_.day_steps();
      Add(sum, track_.Over(Window{start, start + windows_.length()}));
    }
    const bool enough = EnoughForOdds(sum);
    return {at, days, sum.documents, enough, enough ? LogOdds(sum) : 0};
  }

  const ShareTrack& track_;
  const Windows& windows_;
  size_t first_;
  Usual last_;
};

template <class TallyAt>
void Fill(Column& column, const std::vector<size_t>& starts, TallyAt tally_at) {
  const size_t size = starts.size();
  column.events.resize(size);
  column.documents.resize(size);
  column.shares.resize(size);
  for (size_t i = 0; i < size; ++i) {
    const Tally tally = tally_at(starts[i]);
    column.events[i] = tally.events;
    column.documents[i] = tally.documents;
  }
  for (size_t i = 0; i < size; ++i) column.shares[i] = column.events[i] / column.documents[i];
}

}  // namespace

Tally ControlOf(const ShareTrack& track, const Windows& windows, Control control, size_t at, size_t first) {
  if (control == Control::kSameClock) return SameClock(track, windows, at, first);
  if (control == Control::kClockStep) return ClockStep(track, windows, first).At(at);
  return track.Over(windows.StretchOf(control, at, first));
}

std::array<Tally, kControlCount> ControlsAt(const ShareTrack& track, const Windows& windows, size_t at,
                                            size_t first) {
  std::array<Tally, kControlCount> controls;
  for (size_t i = 0; i < kControlCount; ++i) {
    controls[i] = ControlOf(track, windows, kControls[i], at, first);
  }
  return controls;
}

Moments MomentsOf(const ShareTrack& track, const Windows& windows, size_t first) {
  const size_t length = windows.length();
  const auto window_at = [&](size_t at) { return track.Over(Window{at, at + length}); };
  std::vector<size_t> starts = windows.Placebos(first);
  std::erase_if(starts, [&](size_t at) { return at < first + 4 * length || window_at(at).documents <= 0; });
  Moments moments;
  Fill(moments.windows, starts, window_at);
  moments.sampling.resize(starts.size());
  for (size_t j = 0; j < starts.size(); ++j) moments.sampling[j] = 1 / moments.windows.documents[j];
  ClockStep step(track, windows, first);
  for (size_t i = 0; i < kControlCount; ++i) {
    const Control control = kControls[i];
    Column& column = moments.controls[i];
    if (control == Control::kSameClock) {
      Fill(column, starts, [&](size_t at) { return SameClock(track, windows, at, first); });
    } else if (control == Control::kClockStep) {
      Fill(column, starts, [&](size_t at) { return step.At(at); });
    } else {
      Fill(column, starts, [&](size_t at) { return track.Over(windows.StretchOf(control, at, first)); });
    }
  }
  return moments;
}

}  // namespace fieldmark::judge
