// Events → signals: what was logged, and how often.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/judge/series.h"
#include "fieldmark/judge/signals.h"

namespace fieldmark::judge {

// The unit of these signals. Time is counted in stretches of five seconds that a worker was watching, which
// is how often it sends.
inline constexpr double kStretchSeconds = 5;
inline constexpr std::string_view kOfTheTime = "of the time";

// "log shop.payments": its events are log records by kind (log_counter.py), "ERROR charging %s failed".
bool IsLog(std::string_view subject);

// A kind as it is compared between versions. Where a text was put together before it was logged the kind
// names its place, "ERROR payments:41"; the line moves with every edit above it and is left out.
std::string ComparedKind(std::string_view kind);

// Of a log, a rate of each kind and one of each level, "ERROR records": the share of the time watched, in
// stretches, in which it was logged. However many records come within a stretch count as one: a burst is one
// event, not many.
void EventSignals(const SubjectHistory& history, const Timeline& timeline, std::vector<Series>& signals);

}  // namespace fieldmark::judge
