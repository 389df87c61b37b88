// Levels: volumes, means and imported quantiles, compared as ratios with the service's own past.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "fieldmark/judge/series.h"
#include "fieldmark/judge/windows.h"

namespace fieldmark::judge {

struct LevelJudgement;

// With short history a level, or the values of a distribution, may have moved by this factor for no reason.
inline constexpr double kLevelBound = 3;

// Placebos of other levels of the kind, and how many of them lie beyond three of their scales.
struct FarPlacebos {
  double far = 0;
  double all = 0;
};

// A volume of few events: a gamma-Poisson count, whose dispersion is known the better the more others like it
// there are.
struct FewEvents {
  double expected = 0;
  double events = 0;
  double of_control = 0;  // variance of the expectation's logarithm
  double dispersion = 0;  // variance of the placebos' logarithm, less their sampling
  double spread = 0;      // with it
};

// Dispersions of volumes of few events, together.
struct PooledDispersion {
  double moments = 0;
  double total = 0;     // Σ moments · dispersion
  double variance = 0;  // of the total

  void Add(const LevelJudgement& level);
  // Upper 90 % limit.
  double Limit() const;
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
  std::optional<FewEvents> few;
  std::string_view qualifier;  // how it went, other than beginning at the change and staying

  // With tails as heavy as those of Student's t.
  double ProbabilityWith(double tail_dof) const;
  // Judges the tail by the placebos of others too; the same again changes nothing.
  void TakeTail(const FarPlacebos& others);
  // Of few events only.
  void TakeDispersion(const PooledDispersion& pooled);
  // The smallest relative move found four times in five at significance `p`, moves below `least` being none.
  double Reach(double significance, double least) const;
};

// Of kMean, kCount and kQuantile series.
LevelJudgement JudgeLevel(const Series& series, const Windows& windows);

}  // namespace fieldmark::judge
