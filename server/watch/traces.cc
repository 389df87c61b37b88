#include "server/watch/traces.h"

#include "fieldmark/judge/violation_signals.h"

namespace fieldmark::watch {

void AddTraces(const judge::SubjectHistory& history, const Plan& plan, SignalTraces& traces) {
  const auto add = [&](const std::string& signal, const sketch::TraceIds& more) {
    if (!more.empty()) traces[signal].Merge(more);
  };
  for (size_t step = FirstStepAfter(plan); step < history.contents.size(); ++step) {
    const bucket::SubjectSummary& contents = history.contents[step];
    for (const auto& [name, violation] : contents.violations)
      add(judge::ViolationSignal(history.subject, name), violation.traces);
    if (!contents.request) continue;
    add(history.subject + " status 5xx", contents.request->failed_traces);
    for (const auto& [type, of_type] : contents.request->exception_traces)
      add(history.subject + " exception", of_type);
  }
}

}  // namespace fieldmark::watch
