#include "fieldmark/judge/violation_signals.h"

#include <algorithm>
#include <limits>
#include <set>

namespace fieldmark::judge {
namespace {

std::string StatisticOf(const bucket::ViolationName& name) { return "invalid " + name.rule; }

double Documents(const bucket::SubjectSummary& step) {
  if (step.request) return static_cast<double>(step.request->count());
  return step.body ? static_cast<double>(step.body->documents) : 0;
}

Series SeriesOf(const SubjectHistory& history, const Timeline& timeline, const bucket::ViolationName& name) {
  Series series;
  series.subject = history.subject;
  series.field = name.field;
  series.statistic = StatisticOf(name);
  series.signal = ViolationSignal(history.subject, name);
  series.kind = Kind::kRate;
  series.polarity = Polarity::kMoreIsWorse;
  for (size_t step = 0; step < timeline.steps; ++step) {
    double documents = 0, broken = 0;
    if (step < history.contents.size()) {
      const bucket::SubjectSummary& contents = history.contents[step];
      documents = Documents(contents);
      const auto found = contents.violations.find(name);
      // A large answer is read after its request is counted: it may come a step late.
      if (found != contents.violations.end())
        broken = std::min(documents, static_cast<double>(found->second.count));
    }
    series.weights.push_back(documents);
    series.numerators.push_back(broken);
    series.values.push_back(documents > 0 ? broken / documents : std::numeric_limits<double>::quiet_NaN());
  }
  return series;
}

}  // namespace

std::string ViolationSignal(std::string_view subject, const bucket::ViolationName& name) {
  return std::string(subject) + " " + name.field + " " + StatisticOf(name);
}

void ViolationSignals(const SubjectHistory& history, const Timeline& timeline, std::vector<Series>& signals) {
  std::set<bucket::ViolationName> names;
  for (const bucket::SubjectSummary& step : history.contents) {
    for (const auto& [name, violation] : step.violations) names.insert(name);
  }
  for (const bucket::ViolationName& name : names) signals.push_back(SeriesOf(history, timeline, name));
}

}  // namespace fieldmark::judge
