#include "server/store/pieces.h"

#include <algorithm>
#include <utility>

#include "server/store/families.h"
#include "server/store/steps.h"

namespace fieldmark::store {

bool WantsSubject(const Query& query, std::string_view name) {
  return query.subjects.empty() || std::binary_search(query.subjects.begin(), query.subjects.end(), name);
}

void VisitBuckets(const bucket::Buckets& buckets, const Query& query, const PieceVisitor& visit) {
  for (auto bucket = buckets.lower_bound(query.from); bucket != buckets.end() && bucket->first < query.to;
       ++bucket) {
    for (const auto& [name, summary] : bucket->second) {
      if (!WantsSubject(query, name) || !HasAny(summary, query.families)) continue;
      bucket::SubjectSummary wanted;
      MergeFamilies(wanted, summary, query.families);
      VisitWhole(name, StartOf(bucket->first, query.step), std::move(wanted), visit);
    }
  }
}

void VisitWhole(std::string_view subject, Minute start, bucket::SubjectSummary summary,
                const PieceVisitor& visit) {
  profile::Fields tree;
  if (summary.body) tree.swap(summary.body->fields);
  std::vector<profile::NamedField> fields;
  for (auto& [path, field] : tree) fields.push_back({path, std::move(field)});
  visit({subject, start, std::move(summary), fields});
}

}  // namespace fieldmark::store
