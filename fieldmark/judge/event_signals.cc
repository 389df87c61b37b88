#include "fieldmark/judge/event_signals.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace fieldmark::judge {
namespace {

constexpr std::string_view kLogPrefix = "log ";
constexpr std::string_view kException = " · ";

// Counts by name, one a step.
using Tracks = std::map<std::string, std::vector<double>>;

void Add(Tracks& tracks, std::string name, size_t step, size_t steps, uint64_t times) {
  std::vector<double>& track = tracks.try_emplace(std::move(name), steps).first->second;
  track[step] += static_cast<double>(times);
}

Series SeriesOf(const SubjectHistory& history, const std::string& statistic,
                const std::vector<double>& counts) {
  Series series;
  series.signal = history.subject + " " + statistic;
  series.subject = history.subject;
  series.statistic = statistic;
  series.kind = Kind::kRate;
  series.polarity = Polarity::kMoreIsWorse;
  series.unit = kOfTheTime;
  for (size_t step = 0; step < counts.size(); ++step) {
    const double watched_s = step < history.watched_s.size() ? history.watched_s[step] : 0;
    // A record at the very start of a watch is of a stretch too.
    const double stretches = std::ceil(watched_s / kStretchSeconds);
    const double with = std::min(counts[step], stretches);
    series.weights.push_back(stretches);
    series.numerators.push_back(with);
    series.values.push_back(stretches > 0 ? with / stretches : std::numeric_limits<double>::quiet_NaN());
  }
  return series;
}

}  // namespace

bool IsLog(std::string_view subject) { return subject.starts_with(kLogPrefix); }

std::string ComparedKind(std::string_view kind) {
  const size_t level_end = kind.find(' ');
  if (level_end == std::string_view::npos) return std::string(kind);
  const size_t end = std::min(kind.find(kException), kind.size());
  const std::string_view text = kind.substr(0, end);
  const size_t digits = text.find_last_not_of("0123456789");
  const bool is_place = digits != std::string_view::npos && digits + 1 < text.size() && text[digits] == ':' &&
                        text.find(' ', level_end + 1) == std::string_view::npos;
  if (!is_place) return std::string(kind);
  return std::string(text.substr(0, digits)) + std::string(kind.substr(end));
}

void EventSignals(const SubjectHistory& history, const Timeline& timeline, std::vector<Series>& signals) {
  if (!IsLog(history.subject)) return;
  Tracks kinds, levels;
  for (size_t step = 0; step < std::min(timeline.steps, history.same_source.size()); ++step) {
    for (const auto& [kind, times] : history.same_source[step].events) {
      Add(kinds, ComparedKind(kind), step, timeline.steps, times);
      Add(levels, kind.substr(0, kind.find(' ')) + " records", step, timeline.steps, times);
    }
  }
  for (const auto& [kind, counts] : kinds) signals.push_back(SeriesOf(history, kind, counts));
  for (const auto& [level, counts] : levels) signals.push_back(SeriesOf(history, level, counts));
}

}  // namespace fieldmark::judge
