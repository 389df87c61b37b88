#include "server/watch/charts.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fieldmark/judge/signals.h"
#include "server/watch/timelines.h"
#include "server/watch/traffic.h"

namespace fieldmark::watch {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr Minute kPointsMax = 720;
// Of a step in progress the last seconds are still on their way.
constexpr double kArrivalS = 5;
constexpr Minute kDayMinutes = 24 * 60;
constexpr size_t kStatisticsNamedMax = 20;

struct Frame {
  store::Step step = store::Step::kMinute;
  Minute from = 0;
  size_t points = 0;

  Minute width() const { return store::MinutesOf(step); }
  Minute to() const { return from + static_cast<Minute>(points) * width(); }
  size_t IndexOf(Minute start) const { return static_cast<size_t>((start - from) / width()); }
};

// Minutes end with the last whole one; longer steps with the one in progress.
Frame FrameOf(int64_t minutes, UnixMs now) {
  Frame frame;
  if (minutes > kPointsMax) frame.step = store::Step::kFiveMinutes;
  if (minutes > 5 * kPointsMax) frame.step = store::Step::kHour;
  const Minute width = frame.width();
  frame.points = static_cast<size_t>((minutes + width - 1) / width);
  const Minute current = MinuteOf(now) - MinuteOf(now) % width;
  const Minute to = width == 1 ? current : current + width;
  frame.from = to - static_cast<Minute>(frame.points) * width;
  return frame;
}

// For how long requests of a step were counted: what has passed of it, or less where workers were watching
// for less, as when the service started in it. Several workers watch for longer than it takes, together; then
// what has passed is all that is known.
double SecondsOf(const Frame& frame, size_t index, uint64_t observed_ms, UnixMs now) {
  const UnixMs start = (frame.from + static_cast<Minute>(index) * frame.width()) * kMsPerMinute;
  double seconds = static_cast<double>(now - start) / 1000 - kArrivalS;
  if (observed_ms > 0) seconds = std::min(seconds, static_cast<double>(observed_ms) / 1000);
  return std::clamp(seconds, 1.0, static_cast<double>(frame.width()) * 60);
}

uint64_t StatusCount(const bucket::RequestSummary& requests, int from, int to) {
  uint64_t count = 0;
  for (const auto& [status, times] : requests.by_status) {
    if (status >= from && status < to) count += times;
  }
  return count;
}

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? kNone : static_cast<double>(part) / static_cast<double>(whole);
}

bool IsRequestStatistic(std::string_view statistic) {
  return statistic == "requests" || statistic == "latency" || statistic == "status 4xx" ||
         statistic == "status 5xx" || statistic == "exception";
}

void AddRequestPoint(const ChartQuery& query, const bucket::RequestSummary& requests, double seconds,
                     size_t index, Chart& chart) {
  const uint64_t count = requests.count();
  if (query.statistic == "requests") {
    chart.values[index] = static_cast<double>(count) / seconds;
  } else if (query.statistic == "status 4xx") {
    chart.values[index] = Share(StatusCount(requests, 400, 500), count);
  } else if (query.statistic == "status 5xx") {
    chart.values[index] = Share(StatusCount(requests, 500, 600), count);
  } else if (query.statistic == "exception") {
    uint64_t raised = 0;
    for (const auto& [type, times] : requests.by_exception) raised += times;
    chart.values[index] = Share(raised, count);
  } else if (!requests.last_byte_ms.empty()) {
    chart.values[index] = chart.lower[index] = requests.last_byte_ms.Quantile(0.5);
    chart.upper[index] = requests.last_byte_ms.Quantile(0.95);
  }
}

struct Read {
  std::vector<store::StreamInfo> streams;
  Frame frame;
  UnixMs now;
};

Status AddRequests(store::Store& store, const ChartQuery& query, const Read& read, Chart& chart) {
  if (query.statistic == "requests") chart.unit = "1/s";
  if (query.statistic == "latency") {
    chart.unit = "ms";
    chart.lower.assign(read.frame.points, kNone);
    chart.upper.assign(read.frame.points, kNone);
  }
  std::vector<std::string> subjects;
  if (!query.subject.empty()) subjects = {"", query.subject};
  const Families families =
      query.statistic == "latency" ? kCountsAndLatency : Families{profile::Family::kCounts};
  const auto traffic = TrafficOf(store, read.streams, std::nullopt, read.frame.from, read.frame.to(),
                                 read.frame.step, subjects, families);
  if (!traffic.ok()) return traffic.error();
  for (const auto& [start, at] : *traffic) {
    const size_t index = read.frame.IndexOf(start);
    if (index >= read.frame.points || (at.observed_ms == 0 && at.requests.count() == 0)) continue;
    const double seconds = SecondsOf(read.frame, index, at.observed_ms, read.now);
    AddRequestPoint(query, at.requests, seconds, index, chart);
  }
  return {};
}

// The point of a signal as one number: a distribution's median, the share of a mix's commonest value.
double PointOf(const judge::Series& series, size_t index) {
  switch (series.kind) {
    case judge::Kind::kDistribution:
      return series.distributions[index].empty() ? kNone : series.distributions[index].Quantile(0.5);
    case judge::Kind::kMix: {
      double total = 0, largest = 0;
      for (const auto& [category, count] : series.mixes[index]) {
        total += count;
        largest = std::max(largest, count);
      }
      return total == 0 ? kNone : largest / total;
    }
    default:
      return series.weights[index] == 0 ? kNone : series.values[index];
  }
}

// Every signal of one subject over a frame that is read from these families; none: all.
Result<std::vector<judge::Series>> SignalsIn(store::Store& store, const std::string& subject,
                                             const std::vector<store::StreamInfo>& streams,
                                             const Frame& frame, std::vector<profile::Family> families = {}) {
  judge::SubjectHistory history(subject, frame.points);
  store::Query wanted;
  for (const store::StreamInfo& info : streams) wanted.streams.push_back(info.stream);
  wanted.subjects = {"", subject};
  wanted.from = frame.from;
  wanted.to = frame.to();
  wanted.step = frame.step;
  wanted.families = std::move(families);
  const Status visited = store.Visit(wanted, [&](store::Piece&& piece) {
    const size_t index = frame.IndexOf(piece.start);
    if (index >= frame.points) return;
    if (!piece.subject.empty()) return history.Absorb(index, std::move(piece.summary), piece.fields);
    if (piece.summary.watch)
      history.watched_s[index] += static_cast<double>(piece.summary.watch->observed_ms) / 1000;
  });
  if (!visited.ok()) return visited.error();
  history.same_source = history.contents;
  judge::Timeline timeline;
  timeline.start_unix_s = frame.from * 60;
  timeline.step_s = frame.width() * 60;
  timeline.steps = frame.points;
  return judge::SignalsOf(std::move(history), timeline);
}

bool IsAsked(const judge::Series& series, const ChartQuery& query) {
  return series.field == query.field && series.statistic == query.statistic;
}

// Every day that anything is kept of.
Frame WholeLifeOf(const std::vector<store::StreamInfo>& streams) {
  Minute first = streams.front().first_minute;
  Minute last = first;
  for (const store::StreamInfo& info : streams) {
    first = std::min(first, info.first_minute);
    last = std::max(last, info.last_minute);
  }
  first = std::max(first - first % kDayMinutes, last - last % kDayMinutes - (kPointsMax - 1) * kDayMinutes);
  return {store::Step::kDay, first, static_cast<size_t>((last - first) / kDayMinutes + 1)};
}

Error NoSuchSubject(const ChartQuery& query) {
  return {ErrorCode::kNotFound, "charting " + query.subject + ": " + query.service + " in " +
                                    query.environment +
                                    " has no such subject; see which ones its verdicts name"};
}

// That nothing was seen of a signal in the frame is an empty chart; that it never was is a mistake of whoever
// asks.
Status CheckEverSeen(store::Store& store, const ChartQuery& query, const Read& read) {
  const auto signals = SignalsIn(store, query.subject, read.streams, WholeLifeOf(read.streams));
  if (!signals.ok()) return signals.error();
  if (signals->empty()) return NoSuchSubject(query);
  std::string statistics;
  size_t named = 0;
  for (const judge::Series& series : *signals) {
    if (IsAsked(series, query)) return {};
    if (series.field != query.field || ++named > kStatisticsNamedMax) continue;
    statistics += (named == 1 ? "" : ", ") + series.statistic;
  }
  const std::string of = query.field.empty() ? query.subject : query.subject + " " + query.field;
  if (named == 0) {
    return Error{ErrorCode::kNotFound,
                 "charting " + of + ": no such field was ever seen there; see which ones its verdicts name"};
  }
  return Error{ErrorCode::kNotFound,
               "charting " + of + ": it has no statistic of that name; it has " + statistics};
}

Status CheckSubject(store::Store& store, const ChartQuery& query, const Read& read) {
  if (query.subject.empty()) return {};
  std::vector<bucket::Stream> streams;
  for (const store::StreamInfo& info : read.streams) streams.push_back(info.stream);
  const Result<std::vector<std::string>> subjects = store.Subjects(streams);
  if (!subjects.ok()) return subjects.error();
  if (std::binary_search(subjects->begin(), subjects->end(), query.subject)) return {};
  return NoSuchSubject(query);
}

Status AddSignal(store::Store& store, const ChartQuery& query, const Read& read, Chart& chart) {
  // Hashed summaries are by far the longest, and mixes alone are read from them.
  std::vector<profile::Family> families;
  if (query.statistic != "mix") families = {profile::Family::kCounts, profile::Family::kDistributions};
  const auto signals = SignalsIn(store, query.subject, read.streams, read.frame, std::move(families));
  if (!signals.ok()) return signals.error();
  bool found = false;
  for (const judge::Series& series : *signals) {
    if (!IsAsked(series, query)) continue;
    found = true;
    chart.unit = series.unit;
    for (size_t i = 0; i < read.frame.points; ++i) chart.values[i] = PointOf(series, i);
    if (series.kind != judge::Kind::kDistribution) continue;
    chart.lower = chart.values;
    chart.upper.assign(read.frame.points, kNone);
    for (size_t i = 0; i < read.frame.points; ++i) {
      if (!series.distributions[i].empty()) chart.upper[i] = series.distributions[i].Quantile(0.95);
    }
  }
  return found ? Status() : CheckEverSeen(store, query, read);
}

}  // namespace

Result<Chart> ChartOf(store::Store& store, Verdicts& verdicts, const ChartQuery& query, UnixMs now) {
  Result<std::vector<Change>> changes = verdicts.ChangesOf(query.service, query.environment);
  if (!changes.ok()) return changes.error();
  const bool of_requests = query.field.empty() && IsRequestStatistic(query.statistic);
  if (query.subject.empty() && !of_requests) {
    return Error{
        ErrorCode::kInvalidArgument,
        "charting a statistic of all requests: only requests, status 4xx, status 5xx, exception and latency "
        "add up over subjects; name a subject"};
  }
  const Result<std::vector<store::StreamInfo>> all = store.Streams();
  if (!all.ok()) return all.error();
  const Read read{StreamsOf(*all, query.service, query.environment), FrameOf(query.minutes, now), now};
  if (read.streams.empty()) return UnknownService(query.service, query.environment);

  Chart chart;
  chart.step_s = read.frame.width() * 60;
  chart.start = read.frame.from * kMsPerMinute;
  chart.values.assign(read.frame.points, kNone);
  for (const std::string* part : {&query.subject, &query.field, &query.statistic}) {
    if (part->empty()) continue;
    if (!chart.signal.empty()) chart.signal += ' ';
    chart.signal += *part;
  }
  FM_RETURN_IF_ERROR(CheckSubject(store, query, read));
  FM_RETURN_IF_ERROR(of_requests ? AddRequests(store, query, read, chart)
                                 : AddSignal(store, query, read, chart));
  for (Change& change : *changes) {
    const bool first_ever = change.deployment && !change.deployment->from_version;
    const bool within = change.at() >= chart.start && change.at() <= now && !first_ever;
    if (within && chart.changes.size() < kChartChangesMax) chart.changes.push_back(std::move(change));
  }
  return chart;
}

}  // namespace fieldmark::watch
