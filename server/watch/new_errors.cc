#include "server/watch/new_errors.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "fieldmark/judge/event_signals.h"

namespace fieldmark::watch {
namespace {

// Calls visit(kind, times) for each error of a step.
template <class Visit>
void ForEachError(const bucket::SubjectSummary& step, const std::string& subject, Visit visit) {
  if (step.request) {
    for (const auto& [type, times] : step.request->by_exception) visit(type, times);
  }
  if (!judge::IsLog(subject)) return;
  for (const auto& [kind, times] : step.events) {
    if (kind.starts_with("ERROR ") || kind.starts_with("CRITICAL ")) visit(judge::ComparedKind(kind), times);
  }
}

}  // namespace

std::vector<NewError> NewErrorsOf(const judge::SubjectHistory& history, const Plan& plan) {
  const Minute width = store::MinutesOf(plan.step);
  const auto change = static_cast<size_t>((plan.after_from - plan.from) / width);
  struct Seen {
    bool before = false;
    uint64_t after = 0;
    size_t first_step = 0;
  };
  std::map<std::string, Seen> seen;
  for (size_t step = 0; step < history.contents.size(); ++step) {
    ForEachError(history.contents[step], history.subject, [&](const std::string& kind, uint64_t times) {
      Seen& one = seen[kind];
      if (step < change) {
        one.before = true;
        return;
      }
      if (one.after == 0) one.first_step = step;
      one.after += times;
    });
  }
  std::vector<NewError> errors;
  for (const auto& [kind, one] : seen) {
    if (one.before) continue;
    const UnixMs at = (plan.from + static_cast<Minute>(one.first_step) * width) * kMsPerMinute;
    errors.push_back({history.subject, kind, one.after, at});
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
