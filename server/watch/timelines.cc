#include "server/watch/timelines.h"

#include <algorithm>
#include <deque>
#include <future>
#include <memory>
#include <tuple>
#include <utility>

namespace fieldmark::watch {
namespace {

constexpr Minute kMinutesADay = 1440;
// Where no thread can be had they are read when they are asked for.
constexpr auto kInAThread = std::launch::async | std::launch::deferred;
// Reading takes longer than weighing: with one subject ahead weighing waits, a third takes 140 MB more.
constexpr size_t kReadAhead = 2;

struct Resolution {
  store::Step step;
  Minute span;
};

Resolution ResolutionFor(int64_t look_s) {
  if (look_s < 15 * 60) return {store::Step::kMinute, 2 * kMinutesADay};
  if (look_s < 4 * 3600) return {store::Step::kFiveMinutes, 15 * kMinutesADay};
  return {store::Step::kHour, 35 * kMinutesADay};
}

Minute FloorTo(Minute minute, Minute step) { return minute - ((minute % step) + step) % step; }
Minute CeilTo(Minute minute, Minute step) { return FloorTo(minute + step - 1, step); }

// As the change itself, another one begins with the step that it falls into. One in the change's own step
// came before it: a second earlier, or the judge would take it for the change, or for one that follows.
int64_t KnownChangeTime(Minute at, const Plan& plan) {
  const Minute step = FloorTo(at, store::MinutesOf(plan.step));
  return step * 60 - (step == plan.after_from ? 1 : 0);
}

// Steps, and the deployments before the `nth` of the minute `until` as known changes.
void FillTimeline(const std::vector<Deployment>& all, Minute until, int nth, Plan& plan) {
  const Minute width = store::MinutesOf(plan.step);
  plan.timeline.start_unix_s = plan.from * 60;
  plan.timeline.step_s = width * 60;
  plan.timeline.steps = static_cast<size_t>((plan.to - plan.from) / width);
  for (const Deployment& other : all) {
    if (std::tie(other.at, other.nth) < std::tie(until, nth) && other.at >= plan.from && other.from_version)
      plan.timeline.known_changes_unix_s.push_back(KnownChangeTime(other.at, plan));
  }
  if (plan.before_until < plan.after_from)
    plan.timeline.excluded_unix_s.emplace_back(plan.before_until * 60, plan.after_from * 60);
}

// Of all clocks and sizes of a request, which are most of its bytes, the only one that is judged. None of
// them is a content, so that they are left out of what is merged across sources.
sketch::Histogram TakeLatency(bucket::SubjectSummary& summary) {
  if (!summary.request) return {};
  bucket::RequestSummary& request = *summary.request;
  sketch::Histogram latency = std::exchange(request.last_byte_ms, {});
  request.first_byte_ms = request.app_return_ms = request.request_bytes = request.response_bytes = {};
  return latency;
}

}  // namespace

Plan PlanOf(const Deployment& deployment, const std::vector<Deployment>& all,
            const std::vector<store::StreamInfo>& streams, UnixMs began, int64_t look_s) {
  const auto [step, span] = ResolutionFor(look_s);
  const Minute width = store::MinutesOf(step);
  Plan plan;
  plan.step = step;
  // A returning version has data of its own before: a step that it shares with them counts for neither side.
  plan.after_from = deployment.is_return ? CeilTo(deployment.at, width) : FloorTo(deployment.at, width);
  plan.before_until = FloorTo(deployment.is_return ? deployment.old_since : deployment.at, width);
  const UnixMs ends = began + look_s * 1000;
  plan.to = std::max(plan.after_from + width, CeilTo(MinuteOf(ends + kMsPerMinute - 1), width));
  Minute earliest = plan.before_until;
  for (const store::StreamInfo& info : streams) {
    if (info.stream.version == deployment.to_version) {
      plan.after = info.stream;
      plan.source = info.first_live_unix_ms != 0 ? bucket::Source::kLive : bucket::Source::kReplay;
      if (!deployment.is_return) continue;
    }
    if (info.first_minute >= plan.before_until) continue;
    plan.before.push_back(info.stream);
    earliest = std::min(earliest, info.first_minute);
  }
  plan.from = FloorTo(std::max(earliest, plan.after_from - span), width);
  FillTimeline(all, deployment.at, deployment.nth, plan);
  return plan;
}

Plan PlanOfThePast(const std::vector<Deployment>& all, const std::vector<store::StreamInfo>& streams,
                   Minute to) {
  Plan plan;
  plan.step = store::Step::kFiveMinutes;
  plan.to = plan.before_until = plan.after_from = to;
  plan.source = bucket::Source::kReplay;
  Minute earliest = to;
  for (const store::StreamInfo& info : streams) {
    if (info.first_live_unix_ms != 0) plan.source = bucket::Source::kLive;
    plan.before.push_back(info.stream);
    earliest = std::min(earliest, info.first_minute);
  }
  plan.from = FloorTo(std::max(earliest, to - 15 * kMinutesADay), store::MinutesOf(plan.step));
  FillTimeline(all, to, 0, plan);
  return plan;
}

std::vector<bucket::Stream> TimelineReader::StreamsOf(Part part) const {
  if (part == Part::kAfter) return {plan_.after};
  std::vector<bucket::Stream> streams = plan_.before;
  // A version that returns is one of those before it, but not beside itself.
  if (part == Part::kBeside) std::erase(streams, plan_.after);
  return streams;
}

template <class Visit>
Status TimelineReader::VisitPieces(const std::string& subject, bucket::Source source, Part part,
                                   Visit visit) const {
  store::Query query;
  query.streams = StreamsOf(part);
  query.source = source;
  query.subjects = {subject};
  query.from = part == Part::kBefore ? plan_.from : plan_.after_from;
  query.to = part == Part::kBefore ? plan_.before_until : plan_.to;
  query.step = plan_.step;
  if (query.streams.empty() || query.from >= query.to) return {};
  return store_->Visit(query, [&](store::Piece&& piece) {
    const auto step = static_cast<size_t>((piece.start - plan_.from) / store::MinutesOf(plan_.step));
    if (step < plan_.timeline.steps) visit(step, std::move(piece));
  });
}

Result<TimelineReader> TimelineReader::Open(store::Store& store, Plan plan) {
  TimelineReader reader(store, std::move(plan));
  std::vector<bucket::Stream> streams = reader.plan_.before;
  if (std::find(streams.begin(), streams.end(), reader.plan_.after) == streams.end()) {
    streams.push_back(reader.plan_.after);
  }
  Result<std::vector<std::string>> subjects = store.Subjects(streams);
  if (!subjects.ok()) return subjects.error();
  for (std::string& subject : *subjects) {
    if (!subject.empty()) reader.subjects_.push_back(std::move(subject));
  }
  reader.watched_s_.resize(reader.plan_.timeline.steps);
  reader.beside_watched_s_.resize(reader.plan_.timeline.steps);
  for (const Part part : {Part::kBefore, Part::kAfter, Part::kBeside}) {
    for (const bucket::Source source : {bucket::Source::kLive, bucket::Source::kReplay}) {
      std::vector<double>& watched_s = part == Part::kBeside ? reader.beside_watched_s_ : reader.watched_s_;
      const auto add = [&](size_t step, const store::Piece& piece) {
        if (!piece.summary.watch) return;
        const uint64_t observed_ms = piece.summary.watch->observed_ms;
        if (part == Part::kBefore) reader.watched_before_ms_ += observed_ms;
        if (part == Part::kAfter) reader.watched_after_ms_ += observed_ms;
        if (source == reader.plan_.source) watched_s[step] += static_cast<double>(observed_ms) / 1000;
      };
      FM_RETURN_IF_ERROR(reader.VisitPieces("", source, part, add));
    }
  }
  return reader;
}

Status TimelineReader::Fill(Part part, judge::SubjectHistory& history) const {
  for (const bucket::Source source : {bucket::Source::kLive, bucket::Source::kReplay}) {
    const auto absorb = [&](size_t step, store::Piece&& piece) {
      const sketch::Histogram latency = TakeLatency(piece.summary);
      if (source == plan_.source && (piece.summary.request || !piece.summary.events.empty())) {
        history.same_source.resize(plan_.timeline.steps);
        bucket::SubjectSummary& same = history.same_source[step];
        same.Merge(piece.summary);
        if (!latency.empty()) same.request->last_byte_ms.Merge(latency);
      }
      history.Absorb(step, std::move(piece.summary), piece.fields);
    };
    FM_RETURN_IF_ERROR(VisitPieces(history.subject, source, part, absorb));
  }
  return {};
}

Result<judge::SubjectHistory> TimelineReader::Read(const std::string& subject) const {
  judge::SubjectHistory history(subject, plan_.timeline.steps);
  history.watched_s = watched_s_;
  FM_RETURN_IF_ERROR(Fill(Part::kBefore, history));
  FM_RETURN_IF_ERROR(Fill(Part::kAfter, history));
  const bool ran_on =
      std::any_of(beside_watched_s_.begin(), beside_watched_s_.end(), [](double s) { return s > 0; });
  if (!ran_on) return history;
  judge::SubjectHistory beside(subject, plan_.timeline.steps);
  beside.watched_s = beside_watched_s_;
  FM_RETURN_IF_ERROR(Fill(Part::kBeside, beside));
  history.beside = std::make_unique<judge::SubjectHistory>(std::move(beside));
  return history;
}

Status TimelineReader::VisitHistories(const std::function<Status(judge::SubjectHistory)>& visit) const {
  std::deque<std::future<Result<judge::SubjectHistory>>> ahead;
  for (auto next = subjects_.begin(); next != subjects_.end() || !ahead.empty();) {
    for (; next != subjects_.end() && ahead.size() < kReadAhead; ++next)
      ahead.push_back(std::async(kInAThread, [this, &subject = *next] { return Read(subject); }));
    Result<judge::SubjectHistory> history = ahead.front().get();
    ahead.pop_front();
    if (!history.ok()) return history.error();
    FM_RETURN_IF_ERROR(visit(std::move(*history)));
  }
  return {};
}

}  // namespace fieldmark::watch
