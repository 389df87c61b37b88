// Structure: what a service's data are made of, as far as a change can alter it at one stroke. What was never
// seen before, or is never seen again, drifts nowhere: it is tested as if it came by chance among the
// documents (or, of errors, among the minutes) of the whole past, and not by how shares wander.
#pragma once

#include <cstdint>

#include "fieldmark/judge/series.h"
#include "fieldmark/judge/shares.h"
#include "fieldmark/judge/windows.h"
#include "fieldmark/sketch/histogram.h"

namespace fieldmark::judge {

struct Evidence;
struct Settings;

// What a finding may be called beyond "moved".
enum class Structure : uint8_t {
  kNone,
  kFirst,      // never before
  kUnit,       // all quantiles moved by one constant factor
  kConstant,   // one value only, where there were several
  kDominates,  // one value in most documents, where it was one among others
};

inline constexpr double kFirstEventsMin = 5;  // documents, before something never seen is Changed

// A share that was nothing or all in the whole past and is it no more, and one that became so: a field, a
// type, a class of status, an exception. Sharpens or blunts the evidence of a rate.
void WeighStructure(const Series& series, const ShareTrack& track, const ShareJudgement& judgement,
                    const Windows& windows, const Settings& settings, Evidence& evidence);

// p of a value that no document of the whole past had, though its field is one of few values and had shown
// all of them in the first half of the past already; 1 when it is none of that.
double NewValueP(const ShareTrack& track, const Windows& windows, bool values_are_known);

// The factor by which all quantiles moved, where it is near one by which units differ: 10ᵏ, 60, 1 000, 3 600
// and their inverses. 1 when there is none.
double UnitFactor(const sketch::Histogram& before, const sketch::Histogram& after);

// Whether all values are one where there were several. Buckets of the histogram are what is told apart.
bool BecameConstant(const sketch::Histogram& before, const sketch::Histogram& after);

}  // namespace fieldmark::judge
