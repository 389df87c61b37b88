// Levels: volumes, means and imported quantiles, compared as ratios with the service's own past.
#pragma once

#include <cstddef>
#include <string_view>

#include "fieldmark/judge/series.h"
#include "fieldmark/judge/windows.h"

namespace fieldmark::judge {

// With short history a level, or the values of a distribution, may have moved by this factor for no reason.
inline constexpr double kLevelBound = 3;

// Placebos of other levels of the kind, and how many of them lie beyond three of their scales.
struct FarPlacebos {
  double far = 0;
  double all = 0;
};

struct LevelJudgement {
  double from = 0;
  double to = 0;
  double p = 1;
  double n_before = 0;  // observations; of a volume, events counted
  double n_after = 0;
  double steps_after = 0;     // with data
  double expected_after = 0;  // observations that the past has in such a window
  double scale = 0;           // of the difference when nothing changes
  double dof = 0;
  double deviation = 0;     // the difference in scales
  double placebos = 0;      // how many there are, of which
  double far = 0;           // so many lie beyond three scales
  double moments = 0;       // independent ones among them
  double seen = 0;          // p is no smaller: what the placebos themselves show
  bool logarithmic = true;  // the difference is a logarithm of a ratio
  bool short_history = false;
  std::string_view qualifier;  // how it went, other than beginning at the change and staying

  // With tails as heavy as those of Student's t.
  double ProbabilityWith(double tail_dof) const;
  // Judges the tail by the placebos of others too; the same again changes nothing.
  void TakeTail(const FarPlacebos& others);
  // The smallest relative move found four times in five at significance `p`, moves below `least` being none.
  double Reach(double significance, double least) const;
};

// Of kMean, kCount and kQuantile series.
LevelJudgement JudgeLevel(const Series& series, const Windows& windows);

}  // namespace fieldmark::judge
