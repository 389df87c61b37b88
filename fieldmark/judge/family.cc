#include "fieldmark/judge/family.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <string_view>

#include "fieldmark/judge/event_signals.h"

namespace fieldmark::judge {
namespace {

// What is said first about a field explains what follows from it.
int Rank(const Evidence& evidence) {
  const std::string& statistic = evidence.statistic;
  if (statistic == "missing") return 0;
  if (statistic.starts_with("type ")) return 1;
  if (statistic == "null" || statistic == "status 5xx") return 2;
  if (statistic == "exception") return 3;
  if (statistic == "mix") return evidence.category.empty() ? 6 : 4;  // the value itself says most
  if (statistic == "value" || statistic == "length" || statistic == "items" || statistic == "true" ||
      statistic == "freshness") {
    return 5;
  }
  if (evidence.unit == kOfTheTime) return statistic.ends_with(" records") ? 8 : 7;
  return -1;  // explains nothing and is not explained
}

// "ERROR" of what is logged.
std::string_view LevelOf(const Evidence& evidence) {
  return std::string_view(evidence.statistic).substr(0, evidence.statistic.find(' '));
}

bool Explains(const Candidate& cause, const Candidate& finding) {
  const Evidence& first = *cause.evidence;
  const Evidence& second = *finding.evidence;
  if (&first == &second || first.subject != second.subject || first.field != second.field) return false;
  if (finding.state == State::kChanged && cause.state != State::kChanged) return false;
  const int cause_rank = Rank(first);
  const int finding_rank = Rank(second);
  if (cause_rank < 0 || finding_rank < 0) return false;
  if (first.unit == kOfTheTime && LevelOf(first) != LevelOf(second)) return false;
  if (cause_rank == 1 && finding_rank == 1) {
    // The type that came is the news; between two that went or came, the larger move.
    if (first.up != second.up) return first.up;
    return first.effect * first.effect > second.effect * second.effect ||
           (first.effect == second.effect && first.statistic < second.statistic);
  }
  if (second.statistic == "null") return cause_rank == 0;  // nulls are no consequence of a type
  if (first.statistic == "null") return false;  // nor values of nulls, which are not counted among them
  return cause_rank < finding_rank;
}

// Of a request: what an answer lacks is refused as a failure. What validation refuses it answers with 422.
bool IsRefusal(const Evidence& evidence) {
  return evidence.statistic.starts_with("invalid ") && !evidence.field.starts_with("response");
}

// All refusals of a route together: as many more requests end with 4xx as they take, or half of it at least.
bool RefusalsExplain(const std::vector<const Candidate*>& refusals, const Candidate& finding) {
  if (finding.evidence->statistic != "status 4xx") return false;
  double refused = 0;
  for (const Candidate* refusal : refusals) {
    const bool as_sure = finding.state != State::kChanged || refusal->state == State::kChanged;
    if (as_sure && refusal->evidence->up == finding.evidence->up)
      refused += std::abs(refusal->evidence->effect);
  }
  return refused >= std::abs(finding.evidence->effect) / 2;
}

double Weight(const Evidence& evidence) {
  return std::max(evidence.documents_after, evidence.documents_expected);
}

double DocumentsNeeded(const Evidence& evidence, double significance) {
  const auto* share = std::get_if<ShareTest>(&evidence.test);
  return share == nullptr ? 1 : share->DocumentsNeeded(significance / evidence.tests);
}

}  // namespace

std::vector<double> AdjustedP(const std::vector<double>& p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double smallest = 1;
  for (size_t i = order.size(); i-- > 0;) {
    smallest = std::min(smallest, p[order[i]] * static_cast<double>(p.size()) / static_cast<double>(i + 1));
    adjusted[order[i]] = smallest;
  }
  return adjusted;
}

void PoolTails(Family& family) {
  std::map<Kind, FarPlacebos> pooled;
  PooledDispersion of_few;
  const auto by_past = [](Evidence& evidence) -> LevelJudgement* {
    auto* level = std::get_if<LevelJudgement>(&evidence.test);
    const bool judged = level != nullptr && evidence.standing == Standing::kJudged;
    return judged && !level->short_history ? level : nullptr;
  };
  for (Evidence& evidence : family) {
    if (const LevelJudgement* level = by_past(evidence)) {
      pooled[evidence.kind].far += level->far;
      pooled[evidence.kind].all += level->placebos;
      if (level->few) of_few.Add(*level);
    }
  }
  for (Evidence& evidence : family) {
    LevelJudgement* level = by_past(evidence);
    if (level == nullptr) continue;
    const FarPlacebos& all = pooled[evidence.kind];
    level->TakeTail({all.far - level->far, all.all - level->placebos});
    if (level->few) level->TakeDispersion(of_few);
    if (evidence.p < 1) evidence.p = level->p;
  }
}

std::vector<Candidate> WithoutExplained(const std::vector<Candidate>& candidates) {
  // Both are of one subject and field, so only those need comparing.
  std::map<std::pair<std::string, std::string>, std::vector<const Candidate*>> by_field;
  std::map<std::string, std::vector<const Candidate*>> refusals;  // by subject: they name a field, 4xx none
  for (const Candidate& candidate : candidates) {
    by_field[{candidate.evidence->subject, candidate.evidence->field}].push_back(&candidate);
    if (IsRefusal(*candidate.evidence)) refusals[candidate.evidence->subject].push_back(&candidate);
  }
  std::vector<Candidate> kept;
  for (const Candidate& candidate : candidates) {
    const auto& peers = by_field[{candidate.evidence->subject, candidate.evidence->field}];
    const bool explained = std::any_of(peers.begin(), peers.end(),
                                       [&](const Candidate* peer) { return Explains(*peer, candidate); }) ||
                           RefusalsExplain(refusals[candidate.evidence->subject], candidate);
    if (!explained) kept.push_back(candidate);
  }
  return kept;
}

Coverage CoverageOf(const Family& family, double covered_min, double significance) {
  Coverage coverage;
  double weight = 0;
  double judged = 0;
  double after = 0;
  double expected = 0;
  std::map<std::string, std::pair<double, double>> by_subject;  // after, expected
  for (const Evidence& evidence : family) {
    if (!evidence.counts_documents) continue;
    weight += Weight(evidence);
    if (evidence.standing == Standing::kJudged) judged += Weight(evidence);
    after += evidence.documents_after;
    expected += evidence.documents_expected;
    auto& [subject_after, subject_expected] = by_subject[evidence.subject];
    subject_after = std::max(subject_after, evidence.documents_after);
    subject_expected = std::max(subject_expected, evidence.documents_expected);
  }
  coverage.covered = weight > 0 ? judged / weight : 0;
  double documents_expected = 0;
  for (const auto& [subject, documents] : by_subject) {
    coverage.documents_after += documents.first;
    documents_expected += documents.second;
  }

  // Traffic would have to grow so many times for each signal; as many as cover enough set the figure. Traffic
  // after the change tells the proportions, and where there is none yet the past does.
  const bool by_past = after <= 0;
  std::vector<std::pair<double, double>> growth;  // factor, weight
  for (const Evidence& evidence : family) {
    if (!evidence.counts_documents || evidence.standing == Standing::kCannotCompare) continue;
    double documents = by_past ? evidence.documents_expected : evidence.documents_after;
    if (documents <= 0 && expected > 0) documents = evidence.documents_expected * after / expected;
    if (documents <= 0) continue;
    growth.emplace_back(DocumentsNeeded(evidence, significance) / documents, Weight(evidence));
  }
  std::sort(growth.begin(), growth.end());
  double reached = 0;
  for (const auto& [factor, signal_weight] : growth) {
    reached += signal_weight;
    coverage.documents_needed =
        std::max(1.0, factor) * (by_past ? documents_expected : coverage.documents_after);
    if (reached >= covered_min * weight) return coverage;
  }
  if (reached < covered_min * weight) coverage.documents_needed = 0;
  return coverage;
}

}  // namespace fieldmark::judge
