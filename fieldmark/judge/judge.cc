// Order of thought: each signal is weighed by itself as it is added (windows, then shares or levels), and
// only its evidence is kept; when all are in, the family decides which moved, what explains what, and what
// may be said.
#include "fieldmark/judge/judge.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <unordered_set>

#include "fieldmark/judge/evidence.h"
#include "fieldmark/judge/family.h"
#include "fieldmark/judge/windows.h"
#include "fieldmark/judge/words.h"

namespace fieldmark::judge {
namespace {

struct StateText {
  std::string_view code;
  std::string_view name;
};
constexpr StateText kStates[] = {
    {"changed", "Changed"},
    {"suspected", "Suspected"},
    {"no_change", "No change seen"},
    {"not_enough", "Not enough traffic yet"},
    {"cannot_compare", "Cannot compare"},
};

Direction DirectionOf(const Evidence& evidence) {
  if (evidence.polarity == Polarity::kNeutral) return Direction::kDifferent;
  return evidence.up ? Direction::kWorse : Direction::kBetter;
}

Finding FindingOf(const Candidate& candidate, double significance) {
  const Evidence& evidence = *candidate.evidence;
  Finding finding;
  finding.signal = evidence.signal;
  finding.subject = evidence.subject;
  finding.field = evidence.field;
  finding.statistic = evidence.statistic;
  finding.unit = evidence.unit;
  finding.kind = evidence.kind;
  finding.state = candidate.state;
  finding.direction = DirectionOf(evidence);
  finding.from = evidence.from;
  finding.to = evidence.to;
  finding.effect = evidence.effect;
  finding.since_unix_s = evidence.since_unix_s;
  finding.n_before = evidence.n_before;
  finding.n_after = evidence.n_after;
  finding.p_value = evidence.p;
  finding.q_value = candidate.q;
  finding.could_have_seen = evidence.Reach(significance);
  finding.sentence = SentenceOf(evidence);
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
    return std::tuple(finding.state, direction, sureness, -std::abs(finding.effect), -finding.n_after);
  };
  return key(a) < key(b);
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::string_view StateCode(State state) { return kStates[static_cast<size_t>(state)].code; }
std::string_view StateName(State state) { return kStates[static_cast<size_t>(state)].name; }

std::string_view DirectionCode(Direction direction) {
  constexpr std::string_view kCodes[] = {"worse", "better", "different"};
  return kCodes[static_cast<size_t>(direction)];
}

struct Judge::State_ {
  Change change;
  Settings settings;
  Windows windows;
  std::vector<Evidence> family;
  std::unordered_set<std::string> names;
  size_t duplicates = 0;

  // Significance of one finding among all judged: what its reach is computed for.
  double Significance() const {
    const auto judged = std::count_if(family.begin(), family.end(), [](const Evidence& evidence) {
      return evidence.standing == Standing::kJudged;
    });
    return change.spend / static_cast<double>(std::max<std::ptrdiff_t>(1, judged));
  }

  std::vector<Candidate> Moved() const {
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
      const bool sure = q[i] <= change.spend && !judged[i]->suspected_at_most;
      if (sure || q[i] <= settings.suspected_q) {
        moved.push_back({judged[i], sure ? State::kChanged : State::kSuspected, q[i]});
      }
    }
    return moved;
  }

  void Count(Verdict& verdict) const {
    std::vector<double> reaches;
    for (const Evidence& evidence : family) {
      verdict.judged += evidence.standing == Standing::kJudged;
      verdict.not_enough += evidence.standing == Standing::kNotEnough;
      verdict.cannot_compare += evidence.standing == Standing::kCannotCompare;
      if (evidence.standing == Standing::kJudged) reaches.push_back(evidence.Reach(Significance()));
    }
    verdict.cannot_compare += duplicates;
    verdict.could_have_seen = Median(std::move(reaches));
  }

  // The first state that holds, and why it is none of the others.
  State Decide(const Verdict& verdict, const Coverage& coverage, std::string& reason) const {
    if (!change.has_earlier_version) {
      reason = "no earlier version";
      return State::kCannotCompare;
    }
    if (windows.before().empty() || windows.steps() == 0) {
      reason = "no data before the change";
      return State::kCannotCompare;
    }
    for (const State state : {State::kChanged, State::kSuspected}) {
      for (const Finding& finding : verdict.findings) {
        if (finding.state == state) return state;
      }
    }
    if (verdict.judged > 0 && coverage.covered >= settings.covered_min) return State::kNoChange;
    if (coverage.documents_needed > 0) return State::kNotEnough;
    reason = coverage.documents_after > 0 ? "too little data before the change" : "no data on either side";
    return State::kCannotCompare;
  }
};

Judge::Judge(const Timeline& timeline, const Change& change, const Settings& settings)
    : state_(new State_{change, settings, Windows(timeline, change), {}, {}, 0}) {}

Judge::~Judge() = default;

void Judge::Add(const Series& series) {
  if (!state_->names.insert(series.signal).second) {
    ++state_->duplicates;
    return;
  }
  state_->family.push_back(EvidenceOf(series, state_->windows, state_->settings));
  if (!state_->change.has_earlier_version) state_->family.back().standing = Standing::kCannotCompare;
}

Verdict Judge::Finish() {
  Verdict verdict;
  verdict.change = state_->change;
  const double significance = state_->Significance();
  for (const Candidate& candidate : WithoutExplained(state_->Moved())) {
    verdict.findings.push_back(FindingOf(candidate, significance));
  }
  std::stable_sort(verdict.findings.begin(), verdict.findings.end(), Worse);
  state_->Count(verdict);
  const Coverage coverage = CoverageOf(state_->family, state_->settings.covered_min, significance);
  verdict.documents_after = coverage.documents_after;
  verdict.documents_needed = coverage.documents_needed;
  std::string reason;
  verdict.state = state_->Decide(verdict, coverage, reason);
  const VerdictWords words = WordsOf(verdict, reason);
  verdict.title = words.title;
  verdict.sentence = words.sentence;
  return verdict;
}

}  // namespace fieldmark::judge
