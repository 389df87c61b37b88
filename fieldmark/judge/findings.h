// From the evidence of a family to what a verdict says of it, whatever the evidence was weighed by.
#pragma once

#include <string>
#include <vector>

#include "fieldmark/judge/evidence.h"
#include "fieldmark/judge/judge.h"

namespace fieldmark::judge {

// Significance of one finding among all judged: what its reach is computed for.
double SignificanceOf(const Family& family, double budget);

// What moved, worst first: Changed within `budget` of false discoveries, else Suspected up to `suspected_q`;
// without what another finding explains, and like ones of several subjects as one. `sentence` says one.
std::vector<Finding> FindingsOf(const Family& family, double budget, double suspected_q,
                                std::string (*sentence)(const Evidence&));

// Fills how many signals were judged and how many not, and what could have been seen in them.
void CountFamily(const Family& family, double significance, Verdict& verdict);

}  // namespace fieldmark::judge
