#include "server/watch/new_errors.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "fieldmark/judge/event_signals.h"

namespace fieldmark::watch {
namespace {

// Calls visit(kind, times, traces) for each error of a step.
template <class Visit>
void ForEachError(const bucket::SubjectSummary& step, const std::string& subject, Visit visit) {
  static const sketch::TraceIds kNone;
  if (step.request) {
    for (const auto& [type, times] : step.request->by_exception) {
      const auto traces = step.request->exception_traces.find(type);
      visit(type, times, traces == step.request->exception_traces.end() ? kNone : traces->second);
    }
  }
  if (!judge::IsLog(subject)) return;
  for (const auto& [kind, times] : step.events) {
    if (kind.starts_with("ERROR ") || kind.starts_with("CRITICAL "))
      visit(judge::ComparedKind(kind), times, kNone);
  }
}

}  // namespace

std::vector<NewError> NewErrorsOf(const judge::SubjectHistory& history, const Plan& plan) {
  const Minute width = store::MinutesOf(plan.step);
  const size_t change = FirstStepAfter(plan);
  struct Seen {
    bool before = false;
    uint64_t after = 0;
    size_t first_step = 0;
    sketch::TraceIds traces;
  };
  std::map<std::string, Seen> seen;
  for (size_t step = 0; step < history.contents.size(); ++step) {
    const auto see = [&](const std::string& kind, uint64_t times, const sketch::TraceIds& traces) {
      Seen& one = seen[kind];
      if (step < change) {
        one.before = true;
        return;
      }
      if (one.after == 0) one.first_step = step;
      one.after += times;
      one.traces.Merge(traces);
    };
    ForEachError(history.contents[step], history.subject, see);
  }
  std::vector<NewError> errors;
  for (const auto& [kind, one] : seen) {
    if (one.before) continue;
    const UnixMs at = (plan.from + static_cast<Minute>(one.first_step) * width) * kMsPerMinute;
    errors.push_back({history.subject, kind, one.after, at, one.traces});
  }
  return errors;
}

void SortAndCut(std::vector<NewError>& errors) {
  std::sort(errors.begin(), errors.end(), [](const NewError& a, const NewError& b) {
    return std::tie(b.count, a.subject, a.kind) < std::tie(a.count, b.subject, b.kind);
  });
  if (errors.size() > kNewErrorsMax) errors.resize(kNewErrorsMax);
}

}  // namespace fieldmark::watch
