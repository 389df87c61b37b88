#include "fieldmark/judge/alike.h"

#include <algorithm>
#include <cmath>

namespace fieldmark::judge {
namespace {

constexpr double kPoints = 0.02;  // of a share
constexpr double kTenth = 0.1;    // of a level, or of a larger share
constexpr size_t kNamed = 2;

bool Near(double a, double b, bool share) {
  return std::abs(a - b) <= std::max(share ? kPoints : 0, kTenth * std::max(std::abs(a), std::abs(b)));
}

bool Alike(const Finding& a, const Finding& b) {
  const bool share = a.kind == Kind::kRate || a.kind == Kind::kMix;
  return !a.field.empty() && a.field == b.field && a.subject != b.subject && a.statistic == b.statistic &&
         a.kind == b.kind && a.state == b.state && a.direction == b.direction && a.qualifier == b.qualifier &&
         a.category == b.category && Near(a.from, b.from, share) && Near(a.to, b.to, share);
}

std::string AlsoWords(const std::vector<std::string>& subjects) {
  std::string words;
  for (size_t i = 0; i < std::min(subjects.size(), kNamed); ++i) {
    words += (i == 0 ? ", also in " : ", ") + subjects[i];
  }
  if (subjects.size() > kNamed) words += " and " + std::to_string(subjects.size() - kNamed) + " more";
  return words;
}

}  // namespace

std::vector<Finding> WithAlikeMerged(std::vector<Finding> findings) {
  std::vector<Finding> kept;
  std::vector<std::vector<std::string>> subjects;  // of those merged into each kept one
  for (Finding& finding : findings) {
    const auto like = std::find_if(kept.begin(), kept.end(),
                                   [&](const Finding& earlier) { return Alike(earlier, finding); });
    if (like == kept.end()) {
      kept.push_back(std::move(finding));
      subjects.emplace_back();
      continue;
    }
    like->also.push_back(finding.signal);
    subjects[static_cast<size_t>(like - kept.begin())].push_back(finding.subject);
  }
  for (size_t i = 0; i < kept.size(); ++i) kept[i].sentence += AlsoWords(subjects[i]);
  return kept;
}

}  // namespace fieldmark::judge
