#include "server/watch/watchman.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <set>

#include "server/watch/moments.h"
#include "server/watch/timelines.h"

namespace fieldmark::watch {
namespace {

constexpr int64_t kArrivalMsMax = 15'000;  // as of a look after a deployment (verdicts.cc)
// Of a service that has been silent for so long nothing more is to be seen.
constexpr Minute kSilentMinutesMax = 26 * 60;
// What is read and made for the looks serves it too, and it takes as long as one of these. Eight a day pass.
constexpr size_t kMomentsALook = 1;
constexpr int kPauseFactor = 9;  // of what a look took
constexpr int kNicer = 10;       // as the compactor: what people and workers ask comes first

std::vector<Deployment> ObservedOf(const std::vector<Change>& changes) {
  std::vector<Deployment> deployments;
  for (const Change& change : changes) {
    if (change.deployment) deployments.push_back(*change.deployment);
  }
  return deployments;
}

Result<bool> LookSafely(Watch& watch, const std::stop_token& stop) {
  try {
    return watch.LookAtNext(stop);
  } catch (const std::exception& failed) {
    return Error{ErrorCode::kUnavailable,
                 std::string("watching between changes: ") + failed.what() + "; the next look is tried"};
  }
}

void Run(const std::stop_token& stop, Watch& watch, std::chrono::milliseconds pause) {
  static_cast<void>(::nice(kNicer));  // of this thread alone
  std::mutex mutex;
  std::condition_variable_any wake;
  while (!stop.stop_requested()) {
    const auto started = std::chrono::steady_clock::now();
    const Result<bool> looked = LookSafely(watch, stop);
    if (stop.stop_requested()) return;
    if (!looked.ok()) spdlog::error("{}", looked.error().message);
    const auto took = std::chrono::steady_clock::now() - started;
    const bool more = looked.ok() && *looked;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, more ? kPauseFactor * took : pause, [] { return false; });
  }
}

}  // namespace

Watch::Watch(store::Store& store, Verdicts& verdicts, Clock clock, WatchSettings settings)
    : store_(store), verdicts_(verdicts), clock_(std::move(clock)), settings_(std::move(settings)) {}

Watch::Counts Watch::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::optional<Watch::Name> Watch::Next(const std::vector<store::StreamInfo>& all, Minute to) {
  std::set<Name> heard_of;
  for (const store::StreamInfo& info : all) {
    if (info.last_minute >= to - kSilentMinutesMax)
      heard_of.emplace(info.stream.service, info.stream.environment);
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(looked_to_, [&](const auto& entry) { return !heard_of.contains(entry.first); });
  std::erase_if(counts_.open, [&](const auto& entry) { return !heard_of.contains(entry.first); });
  std::optional<Name> next;
  for (const Name& name : heard_of) {
    const Minute looked_to = looked_to_[name];
    if (looked_to < to && (!next || looked_to < looked_to_[*next])) next = name;
  }
  // One that fails is not tried again: the next quarter is near, and others wait.
  if (next) looked_to_[*next] = to;
  return next;
}

Result<bool> Watch::LookAtNext(const std::stop_token& stop) {
  if (settings_.alarms_a_week == 0) return false;
  const Result<std::vector<store::StreamInfo>> all = store_.Streams();
  if (!all.ok()) return all.error();
  constexpr Minute kEvery = kWatchEveryS / 60;
  const Minute heard = MinuteOf(clock_() - kArrivalMsMax);
  const Minute to = heard - heard % kEvery;
  const std::optional<Name> next = Next(*all, to);
  if (!next) return false;
  const std::vector<store::StreamInfo> streams = StreamsOf(*all, next->first, next->second);
  if (!streams.empty()) FM_RETURN_IF_ERROR(LookAt(streams, to, stop));
  return true;
}

Status Watch::LookAt(const std::vector<store::StreamInfo>& streams, Minute to, const std::stop_token& stop) {
  const bucket::Stream& stream = streams.front().stream;
  const Result<std::vector<Change>> changes = verdicts_.ChangesOf(stream.service, stream.environment);
  if (!changes.ok()) return changes.error();
  const Result<TimelineReader> reader =
      TimelineReader::Open(store_, PlanOfThePast(ObservedOf(*changes), streams, to));
  if (!reader.ok()) return reader.error();
  Result<std::vector<store::Incident>> known = store_.Incidents(stream.environment, stream.service);
  if (!known.ok()) return known.error();
  const Result<std::vector<store::Moment>> asked = store_.Moments(stream.environment, stream.service);
  if (!asked.ok()) return asked.error();
  size_t open = 0;
  for (const store::Incident& incident : *known) open += incident.over_at == 0;

  const judge::Timeline& timeline = reader->plan().timeline;
  MomentsAsked moments(
      timeline,
      MomentsToAsk(timeline, to * kMsPerMinute, QuietTimes(*changes, *known), *asked, kMomentsALook), *known);
  WatchedMoment moment(timeline, to * 60, settings_, std::move(*known));
  for (const std::string& subject : reader->subjects()) {
    const std::unique_lock turn = verdicts_.TurnBetweenChanges();
    if (stop.stop_requested())
      return Error{ErrorCode::kUnavailable, "watching between changes: the server ends; it looks again then"};
    Result<judge::SubjectHistory> history = reader->Read(subject);
    if (!history.ok()) return history.error();
    judge::VisitSignals(std::move(*history), timeline, [&](const judge::Series& series) {
      moment.Add(series);
      moments.Add(series);
    });
  }
  for (store::Incident& incident : moment.Finish()) {
    incident.environment = stream.environment;
    incident.service = stream.service;
    const Result<int64_t> saved = store_.SaveIncident(incident);
    if (!saved.ok()) return saved.error();
    open += incident.id == 0;
    open -= incident.id != 0 && incident.over_at != 0;
  }
  for (const store::Moment& one : moments.Finish(stream)) FM_RETURN_IF_ERROR(store_.SaveMoment(one));
  const std::lock_guard lock(mutex_);
  counts_.looks += moment.looks();
  counts_.open[{stream.service, stream.environment}] = open;
  return {};
}

Watchman::Watchman(Watch& watch, std::chrono::milliseconds pause)
    : thread_([&watch, pause](const std::stop_token& stop) { Run(stop, watch, pause); }) {}

}  // namespace fieldmark::watch
