// The family: every signal judged for one change. Which of them moved, and what the change as a whole may be
// said to have done.
#pragma once

#include <string_view>
#include <vector>

#include "fieldmark/judge/evidence.h"
#include "fieldmark/judge/judge.h"

namespace fieldmark::judge {

// Benjamini and Hochberg's adjusted p (1995), in the order of `p`.
std::vector<double> AdjustedP(const std::vector<double>& p);

// Judges each level's tail by those of the family's other levels of its kind too: one signal's past has few
// placebos far out.
void PoolTails(Family& family);

// A finding that another one of the same family explains is no finding: a type that left for another, values
// of a field whose type changed, the hashes of values that moved, the exceptions behind a status. Only one as
// sure explains.
struct Candidate {
  const Evidence* evidence = nullptr;
  State state = State::kSuspected;
  double q = 1;
  std::string_view qualifier;  // the evidence's own, or what the family adds
};
std::vector<Candidate> WithoutExplained(const std::vector<Candidate>& candidates);

// How much of the service's traffic the judged signals cover, and how much there would have to be.
struct Coverage {
  double covered = 0;           // share of documents in judged signals
  double documents_after = 0;   // the busiest signal of each subject, summed
  double documents_needed = 0;  // for `covered_min`; 0 when no traffic would do
};
Coverage CoverageOf(const Family& family, double covered_min, double significance);

}  // namespace fieldmark::judge
