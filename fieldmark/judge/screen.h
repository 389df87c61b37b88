// The screen: whether the full test of a share could find anything at all. A look at what lies at the change
// alone, without the placebos that cost the time; a hundred signals for the price of one that is weighed.
#pragma once

#include "fieldmark/judge/judge.h"
#include "fieldmark/judge/shares.h"
#include "fieldmark/judge/windows.h"

namespace fieldmark::judge {

// A family smaller than this is weighed in full: it takes no time, and what could have been seen in a larger
// one is read off these.
inline constexpr size_t kScreenedFrom = 1000;

// True: there are too few documents to judge it, or under no control would JudgeShare's p, with the minimum
// effect, be as small as 0.02. In a family of a thousand such a p is only ever Suspected where a tenth of the
// family is. Rests on the least variance that a share is ever given, which history can only widen; what it
// leaves out all the same is measured (screen_test).
bool CannotHaveMoved(const ShareTrack& track, const Windows& windows, const Settings& settings);

}  // namespace fieldmark::judge
