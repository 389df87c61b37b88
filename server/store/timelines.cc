#include "server/store/timelines.h"

#include <algorithm>

#include "server/store/families.h"
#include "server/store/steps.h"

namespace fieldmark::store {

bool WantsSubject(const Query& query, std::string_view name) {
  return query.subjects.empty() || std::binary_search(query.subjects.begin(), query.subjects.end(), name);
}

void Collect(const bucket::Buckets& buckets, const Query& query, Timelines& into) {
  for (auto bucket = buckets.lower_bound(query.from); bucket != buckets.end() && bucket->first < query.to;
       ++bucket) {
    for (const auto& [name, summary] : bucket->second) {
      if (!WantsSubject(query, name) || !HasAny(summary, query.families)) continue;
      MergeFamilies(into[name][StartOf(bucket->first, query.step)], summary, query.families);
    }
  }
}

std::vector<Slice> SlicesOf(Timelines timelines) {
  std::vector<Slice> slices;
  for (auto& [name, timeline] : timelines) {
    for (auto& [start, summary] : timeline) slices.push_back({start, name, std::move(summary)});
  }
  return slices;
}

}  // namespace fieldmark::store
