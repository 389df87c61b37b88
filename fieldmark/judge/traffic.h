// Traffic: whether those who ask could account for a share that moved. When twice the usual documents come, a
// move may be the newcomers' alone: the usual ones go on as they were, and what was changed did nothing.
#pragma once

#include "fieldmark/judge/shares.h"
#include "fieldmark/judge/windows.h"

namespace fieldmark::judge {

// How many times the usual documents there were in the window; 1 where that is no more than they vary by.
double TrafficFactor(const ShareTrack& track, const Windows& windows);

// Whether, with usual documents of which `expected` are events, those that came besides (or those that stayed
// away) make up for the rest of the events, whatever they are like.
bool TrafficExplains(double factor, const Tally& after, double expected);

}  // namespace fieldmark::judge
