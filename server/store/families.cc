#include "server/store/families.h"

#include <algorithm>

#include "fieldmark/base/bytes.h"

namespace fieldmark::store {

std::vector<profile::Family> Normalized(std::vector<profile::Family> families) {
  if (families.empty()) return {kAllFamilies.begin(), kAllFamilies.end()};
  std::sort(families.begin(), families.end());
  families.erase(std::unique(families.begin(), families.end()), families.end());
  return families;
}

bool HasAny(const bucket::SubjectSummary& summary, const std::vector<profile::Family>& families) {
  return std::any_of(families.begin(), families.end(),
                     [&](profile::Family family) { return bucket::HasFamily(summary, family); });
}

void MergeFamilies(bucket::SubjectSummary& into, const bucket::SubjectSummary& from,
                   const std::vector<profile::Family>& families) {
  if (families.size() == kAllFamilies.size()) return into.Merge(from);
  for (const profile::Family family : families) {
    if (!bucket::HasFamily(from, family)) continue;
    ByteWriter out;
    bucket::EncodeSubject(from, family, out);
    ByteReader in(out.bytes());
    bucket::DecodeSubject(in, family, into);
  }
}

}  // namespace fieldmark::store
