// A summary seen through some of its families.
#pragma once

#include <array>
#include <vector>

#include "fieldmark/bucket/summary.h"

namespace fieldmark::store {

inline constexpr std::array kAllFamilies = {profile::Family::kCounts, profile::Family::kDistributions,
                                            profile::Family::kHashed};

// `families` sorted and each once; all of them when it is empty.
std::vector<profile::Family> Normalized(std::vector<profile::Family> families);

bool HasAny(const bucket::SubjectSummary& summary, const std::vector<profile::Family>& families);

// Merges what `from` holds of `families` into `into`, as if it had been stored and read by family.
void MergeFamilies(bucket::SubjectSummary& into, const bucket::SubjectSummary& from,
                   const std::vector<profile::Family>& families);

}  // namespace fieldmark::store
