// Near duplicates: one field that several subjects carry, moved alike in all of them, is one finding.
#pragma once

#include <vector>

#include "fieldmark/judge/judge.h"

namespace fieldmark::judge {

// Keeps the first of each set of like findings, and says in it where the others are. They are alike when
// field, statistic, state and direction are the same, and from and to as good as that.
std::vector<Finding> WithAlikeMerged(std::vector<Finding> findings);

}  // namespace fieldmark::judge
