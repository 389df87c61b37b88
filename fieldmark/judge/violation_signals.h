// Violations → signals: what validation refused, as shares of requests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/judge/series.h"
#include "fieldmark/judge/signals.h"

namespace fieldmark::judge {

// Of a route, a rate of each location and rule: the share of its requests in which that was wrong. Of bodies,
// likewise, the share of documents that broke their contract.
void ViolationSignals(const SubjectHistory& history, const Timeline& timeline, std::vector<Series>& signals);

// The name of one: "POST /orders body.items[].price invalid missing".
std::string ViolationSignal(std::string_view subject, const bucket::ViolationName& name);

}  // namespace fieldmark::judge
