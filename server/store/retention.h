// Retention: for how long each step of each family is kept.
#pragma once

#include <array>

#include "fieldmark/profile/field.h"
#include "server/store/steps.h"

namespace fieldmark::store {

// Of the limit of size: with less left than so much of it, what is oldest goes before its time.
inline constexpr int64_t kRoomShare = 16;

struct Retention {
  using BySteps = std::array<Minute, kAllSteps.size()>;  // by Step; none shorter than the one before

  static constexpr Minute kHour = 60;
  static constexpr Minute kDay = 24 * kHour;
  // Long enough for the judge's placebo changes at five minutes, and for last year's season at days. Hashed
  // summaries are the large ones: their share of the disk at fine steps would be above all the rest together.
  std::array<BySteps, profile::kFamilies> kept = {{
      {2 * kDay, 15 * kDay, 35 * kDay, 400 * kDay},   // counts
      {2 * kDay, 15 * kDay, 35 * kDay, 400 * kDay},   // distributions
      {2 * kHour, 2 * kHour, 35 * kDay, 400 * kDay},  // hashed
  }};

  Minute Kept(profile::Family family, Step step) const {
    return kept[static_cast<size_t>(family)][static_cast<size_t>(step)];
  }
  // Chunks go as a whole: one is kept until its last minute is too old.
  bool Keeps(profile::Family family, Step step, Minute chunk_start, Minute now) const {
    return chunk_start + ChunkMinutesOf(step) > now - Kept(family, step);
  }
  // How far a chunk is on its way to being too old: 0 when its last minute is over, 1 at its end. By it the
  // oldest of several steps and families is found: at the limit of size all are kept for the same share.
  double Age(profile::Family family, Step step, Minute chunk_start, Minute now) const {
    return static_cast<double>(now - chunk_start - ChunkMinutesOf(step)) /
           static_cast<double>(Kept(family, step));
  }
};

}  // namespace fieldmark::store
