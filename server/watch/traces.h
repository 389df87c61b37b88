// Traces: by which one of the requests that a finding or a new error speaks of can be found.
#pragma once

#include <map>
#include <string>

#include "fieldmark/judge/signals.h"
#include "fieldmark/sketch/trace_ids.h"
#include "server/watch/timelines.h"

namespace fieldmark::watch {

// By the signal's name; of requests since the change alone.
using SignalTraces = std::map<std::string, sketch::TraceIds>;

// Adds those of one subject: of its status 5xx, its exceptions and what validation refused.
void AddTraces(const judge::SubjectHistory& history, const Plan& plan, SignalTraces& traces);

}  // namespace fieldmark::watch
