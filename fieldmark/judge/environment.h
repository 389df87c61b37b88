// The environment: what moves everywhere at once is the world's doing, a Saturday's or a campaign's, and not
// that of a version.
#pragma once

#include <vector>

#include "fieldmark/judge/evidence.h"
#include "fieldmark/judge/family.h"

namespace fieldmark::judge {

// Calls candidates `environment moved`, and so Suspected at most, where half of the routes or more moved with
// them: volumes that all rose, or all fell, but for those that all but ended; contents, if they are neither
// errors nor nulls nor structure, which no day of the week brings. What got worse everywhere is never
// explained away.
void MarkEnvironment(const Family& family, std::vector<Candidate>& candidates);

}  // namespace fieldmark::judge
