#include "fieldmark/judge/findings.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <tuple>
#include <utility>

#include "fieldmark/judge/alike.h"
#include "fieldmark/judge/dating.h"
#include "fieldmark/judge/environment.h"
#include "fieldmark/judge/family.h"

namespace fieldmark::judge {
namespace {

Direction DirectionOf(const Evidence& evidence) {
  if (evidence.polarity == Polarity::kNeutral) return Direction::kDifferent;
  return evidence.up ? Direction::kWorse : Direction::kBetter;
}

Finding FindingOf(const Candidate& candidate, double significance, std::string (*sentence)(const Evidence&)) {
  Evidence evidence = *candidate.evidence;
  evidence.qualifier = candidate.qualifier;
  Finding finding;
  static_cast<Signal&>(finding) = evidence;
  static_cast<Move&>(finding) = evidence;
  finding.state = candidate.state;
  finding.direction = DirectionOf(evidence);
  finding.q_value = candidate.q;
  finding.could_have_seen = evidence.Reach(significance);
  finding.sentence = sentence(evidence);
  return finding;
}

// Worst first: sure before suspected, worse before different before better, then the larger move.
bool Worse(const Finding& a, const Finding& b) {
  const auto key = [](const Finding& finding) {
    const int direction = finding.direction == Direction::kWorse       ? 0
                          : finding.direction == Direction::kDifferent ? 1
                                                                       : 2;
    // Beyond 1e-12 one is as sure as another.
    const double sureness = std::max(finding.q_value, 1e-12);
    return std::tuple(finding.state, direction, sureness, -std::abs(finding.effect), -finding.n_after,
                      std::string_view(finding.signal));
  };
  return key(a) < key(b);
}

constexpr size_t kReachesMax = 200;

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Over every signal of a small family, over some of a large one: so many, spread over all amounts of data.
double MedianReach(const Family& family, double significance) {
  std::vector<const Evidence*> judged;
  for (const Evidence& evidence : family) {
    if (evidence.standing == Standing::kJudged && !evidence.screened) judged.push_back(&evidence);
  }
  std::sort(judged.begin(), judged.end(), [](const Evidence* a, const Evidence* b) {
    return std::tuple(a->n_after, a->n_before, a->from) < std::tuple(b->n_after, b->n_before, b->from);
  });
  const size_t stride = judged.size() / kReachesMax + 1;
  std::vector<double> reaches;
  for (size_t i = stride / 2; i < judged.size(); i += stride) {
    reaches.push_back(judged[i]->Reach(significance));
  }
  return Median(std::move(reaches));
}

bool OfOneRoute(const std::string& a, const std::string& b) {
  return a == b || a.starts_with(b + " ") || b.starts_with(a + " ");
}

// Where others ask than before, whatever else moved on that route may be their doing, and that there are more
// of them is no doing of the change. Failures are the service's own.
void DoubtWhereOthersAsk(std::vector<Candidate>& moved) {
  std::vector<const Evidence*> asked_by_others;
  for (const Candidate& candidate : moved) {
    if (candidate.evidence->qualifier == kMixChanged) asked_by_others.push_back(candidate.evidence);
  }
  for (Candidate& candidate : moved) {
    const bool doubted = std::any_of(
        asked_by_others.begin(), asked_by_others.end(),
        [&](const Evidence* other) { return OfOneRoute(other->subject, candidate.evidence->subject); });
    if (!doubted || !candidate.evidence->qualifier.empty() || IsFailure(*candidate.evidence)) continue;
    candidate.state = State::kSuspected;
    candidate.qualifier = kMixChanged;
  }
}

std::vector<Candidate> MovedOf(const Family& family, double budget, double suspected_q) {
  std::vector<const Evidence*> judged;
  std::vector<double> p;
  for (const Evidence& evidence : family) {
    if (evidence.standing != Standing::kJudged) continue;
    judged.push_back(&evidence);
    p.push_back(evidence.p);
  }
  const std::vector<double> q = AdjustedP(p);
  std::vector<Candidate> moved;
  for (size_t i = 0; i < judged.size(); ++i) {
    const std::string_view qualifier = judged[i]->qualifier;
    const bool at_the_change = qualifier.empty() || qualifier == kSideBySide;
    const bool sure = q[i] <= budget && !judged[i]->suspected_at_most && at_the_change;
    if (!sure && q[i] > suspected_q) continue;
    moved.push_back({judged[i], sure ? State::kChanged : State::kSuspected, q[i], judged[i]->qualifier});
  }
  DoubtWhereOthersAsk(moved);
  MarkEnvironment(family, moved);
  return WithoutExplained(moved);
}

}  // namespace

double SignificanceOf(const Family& family, double budget) {
  const auto judged = std::count_if(family.begin(), family.end(), [](const Evidence& evidence) {
    return evidence.standing == Standing::kJudged;
  });
  return budget / static_cast<double>(std::max<std::ptrdiff_t>(1, judged));
}

std::vector<Finding> FindingsOf(const Family& family, double budget, double suspected_q,
                                std::string (*sentence)(const Evidence&)) {
  const double significance = SignificanceOf(family, budget);
  std::vector<Finding> findings;
  for (const Candidate& candidate : MovedOf(family, budget, suspected_q)) {
    findings.push_back(FindingOf(candidate, significance, sentence));
  }
  std::stable_sort(findings.begin(), findings.end(), Worse);
  return WithAlikeMerged(std::move(findings));
}

void CountFamily(const Family& family, double significance, Verdict& verdict) {
  for (const Evidence& evidence : family) {
    verdict.judged += evidence.standing == Standing::kJudged;
    verdict.not_enough += evidence.standing == Standing::kNotEnough;
    verdict.cannot_compare += evidence.standing == Standing::kCannotCompare;
  }
  verdict.could_have_seen = MedianReach(family, significance);
}

}  // namespace fieldmark::judge
