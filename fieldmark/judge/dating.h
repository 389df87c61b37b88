// When a share moved: since when, and whether it did so as a change would make it move, at the change and for
// good.
#pragma once

#include <cstddef>
#include <string_view>

#include "fieldmark/judge/shares.h"
#include "fieldmark/judge/windows.h"

namespace fieldmark::judge {

// p beyond which nothing is ever found (Settings::suspected_q), so that how it went is not asked.
inline constexpr double kWorthDating = 0.2;

// The version before, alive in the same minutes, shows nothing of the move.
inline constexpr std::string_view kSideBySide = "side by side";
// How a move went, other than beginning at the change and staying. None of these is ever Changed.
inline constexpr std::string_view kStartedEarlier = "started earlier";
inline constexpr std::string_view kEnvironmentMoved = "environment moved";  // as a week ago
inline constexpr std::string_view kMixChanged = "mix changed";              // others ask, or fewer
inline constexpr std::string_view kPassed = "passed";                       // back before the look was over
inline constexpr std::string_view kRecovered = "recovered";  // from what the hours before the change had

struct Dating {
  size_t first = 0;  // steps between which the change point lies, and its likeliest one
  size_t last = 0;
  size_t best = 0;
  std::string_view qualifier;  // empty: at the change, and it stays
};

// `first` is the first step that may be compared with; `correlation` that of documents in a window as long as
// the look: how much less each tells than its count says. Linear in the steps of two looks.
Dating DateShare(const ShareTrack& track, const Windows& windows, size_t first, double expected,
                 double correlation);

}  // namespace fieldmark::judge
