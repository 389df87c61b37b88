// Order of thought: each signal is weighed by itself as it is added (windows, then shares or levels), and
// only its evidence is kept; when all are in, the family decides which moved, what explains what, and what
// may be said.
#include "fieldmark/judge/judge.h"

#include <algorithm>
#include <unordered_set>

#include "fieldmark/judge/evidence.h"
#include "fieldmark/judge/family.h"
#include "fieldmark/judge/findings.h"
#include "fieldmark/judge/screen.h"
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

}  // namespace

std::string_view StateCode(State state) { return kStates[static_cast<size_t>(state)].code; }
std::string_view StateName(State state) { return kStates[static_cast<size_t>(state)].name; }

std::string_view DirectionCode(Direction direction) {
  constexpr std::string_view kCodes[] = {"worse", "better", "different"};
  return kCodes[static_cast<size_t>(direction)];
}

struct Judge::State_ {
  Timeline timeline;
  Change change;
  Settings settings;
  Windows windows;
  Family family;
  std::unordered_set<std::string_view> names;  // those of the family's own
  size_t duplicates = 0;

  Windows WindowsWithout(const Stretches& excluded_unix_s) const {
    Timeline without = timeline;
    without.excluded_unix_s.insert(without.excluded_unix_s.end(), excluded_unix_s.begin(),
                                   excluded_unix_s.end());
    return Windows(without, change);
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
    : state_(new State_{timeline, change, settings, Windows(timeline, change), {}, {}, 0}) {}

Judge::~Judge() = default;

void Judge::Add(const Series& series, const Stretches& excluded_unix_s) {
  if (state_->names.contains(series.signal)) {
    ++state_->duplicates;
    return;
  }
  Settings settings = state_->settings;
  settings.screen = settings.screen && state_->family.size() >= kScreenedFrom;
  state_->family.push_back(excluded_unix_s.empty()
                               ? EvidenceOf(series, state_->windows, settings)
                               : EvidenceOf(series, state_->WindowsWithout(excluded_unix_s), settings));
  Evidence& evidence = state_->family.back();
  if (!state_->change.has_earlier_version) evidence.standing = Standing::kCannotCompare;
  state_->names.insert(evidence.signal);
}

bool Judge::HasJudged(std::string_view signal) const {
  return std::any_of(state_->family.begin(), state_->family.end(), [&](const Evidence& evidence) {
    return evidence.signal == signal && evidence.standing == Standing::kJudged;
  });
}

Verdict Judge::Finish() {
  Verdict verdict;
  verdict.change = state_->change;
  PoolTails(state_->family);
  const double significance = SignificanceOf(state_->family, state_->change.spend);
  verdict.findings =
      FindingsOf(state_->family, state_->change.spend, state_->settings.suspected_q, SentenceOf);
  CountFamily(state_->family, significance, verdict);
  verdict.cannot_compare += state_->duplicates;
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
