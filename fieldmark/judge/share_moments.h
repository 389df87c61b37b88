// Moments: windows of a share's past, and what each control says of them.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "fieldmark/judge/mixture.h"
#include "fieldmark/judge/shares.h"
#include "fieldmark/judge/windows.h"

namespace fieldmark::judge {

// Of the rarer outcome: fewer make odds that are mere noise.
inline constexpr double kEventsForOdds = 25;

// What `control` says of a window that starts at step `at`; without documents where it says nothing.
Tally ControlOf(const ShareTrack& track, const Windows& windows, Control control, size_t at, size_t first);
// All of them, in the order of kControls.
std::array<Tally, kControlCount> ControlsAt(const ShareTrack& track, const Windows& windows, size_t at,
                                            size_t first);

// Tallies in columns: what is divided is divided several at a time. One that says nothing has no documents,
// and NaN for a share.
struct Column {
  std::vector<double> events;
  std::vector<double> documents;
  std::vector<double> shares;
};

// Windows of the past that can be compared, and what each control says of them.
struct Moments {
  Column windows;
  std::vector<double> sampling;  // of the windows: variance in units of p(1 − p), were documents independent
  std::array<Column, kControlCount> controls;

  size_t size() const { return windows.documents.size(); }
};

// Those that lie at `first` or after it, with room for what is just before them.
Moments MomentsOf(const ShareTrack& track, const Windows& windows, size_t first);

}  // namespace fieldmark::judge
