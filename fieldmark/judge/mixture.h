// The mixture of controls that history is steadiest under: a signal that drifts is best foretold by some of
// its last hour and some of its habits, how much of each its own past tells.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "fieldmark/judge/windows.h"

namespace fieldmark::judge {

inline constexpr size_t kControlCount = std::size(kControls);

// How much of each control, in the order of kControls; together one.
using Weights = std::array<double, kControlCount>;
// How far a placebo window was from each control, times the root of how exactly that is known.
using Differences = std::array<double, kControlCount>;

// Weights are fitted to the placebos they are tried on: to so many that it makes no difference.
inline constexpr double kMixedFrom = 100;
inline constexpr double kSpokenMin = 0.75;  // of the placebos, for a control to be part of a mixture

// All of one control.
Weights Only(size_t control);

// The weights, none negative, under which the mixed differences have the least sum of squares; only controls
// that are `usable` have any.
Weights SteadiestMixture(const std::vector<Differences>& placebos,
                         const std::array<bool, kControlCount>& usable);

}  // namespace fieldmark::judge
