// Two profiles, one question: do the documents of the second differ from those of the first? A pure function.
#pragma once

#include "fieldmark/bucket/saved_profile.h"
#include "fieldmark/judge/judge.h"

namespace fieldmark::judge {

struct Comparison {
  Verdict verdict;              // without times: `change` and `since` mean nothing
  bool hashes_compared = true;  // false: hashed under different keys, or one of them not at all
};

// Every signal that the judge reads of bodies, tested as if the documents of both sides were drawn from one
// lot: Fisher's exact test of shares (mid-p), of a distribution as shares beyond its common 10th, 50th and
// 90th percentile. The judge's minimum effects, explanations and false discovery control (Benjamini and
// Hochberg) over the family. It knows nothing of how a service's data wander from day to day; what a
// difference means is for who chose the two sides to say. How old values are is not compared: that says when
// a side was read.
//
// Objects that are maps are folded on both sides alike. What is missing lies in an interval where keys were
// folded: the ends nearer to each other are compared, and if they decide, the signal cannot be compared.
Comparison Compare(const bucket::SavedProfile& before, const bucket::SavedProfile& after,
                   const Settings& settings = {});

}  // namespace fieldmark::judge
