#include "server/watch/deployments.h"

#include <algorithm>

namespace fieldmark::watch {
namespace {

// Idle workers report at least once a minute; three silent ones in a row are an absence.
constexpr Minute kSilentMinutesMin = 3;
// A version that ended so recently before another began was replaced by it.
constexpr Minute kHandOverMinutes = 10;
constexpr std::string_view kBadClockVersion = "(bad clock)";

// How far back minutes, and five minutes, are kept (DESIGN §7).
constexpr Minute kMinutesKept = 48 * 60;
constexpr Minute kFiveMinutesKept = 15 * 24 * 60;

store::Step FinestStep(Minute from, Minute now) {
  if (from >= now - kMinutesKept) return store::Step::kMinute;
  return from >= now - kFiveMinutesKept ? store::Step::kFiveMinutes : store::Step::kHour;
}

Minute FloorTo(Minute minute, Minute step) { return minute - ((minute % step) + step) % step; }

// Minutes at which the stream's workers were watching, at a step's resolution. Sorted.
Result<std::vector<Minute>> Watched(store::Store& store, const store::StreamInfo& info, Minute from,
                                    store::Step step) {
  const Minute width = store::MinutesOf(step);
  store::Query query;
  query.streams = {info.stream};
  query.subjects = {""};
  query.families = {profile::Family::kCounts};
  query.from = FloorTo(from, width);
  query.to = FloorTo(info.last_minute, width) + width;
  query.step = step;
  const Result<std::vector<store::Slice>> slices = store.Read(query);
  if (!slices.ok()) return slices.error();
  std::vector<Minute> minutes;
  for (const store::Slice& slice : *slices) {
    if (slice.summary.watch && slice.summary.watch->observed_ms > 0) minutes.push_back(slice.start);
  }
  return minutes;
}

// The stays of a version whose presence is only in question from `from` on.
Result<std::vector<Stay>> SplitStays(store::Store& store, const store::StreamInfo& info, Minute from,
                                     Minute now) {
  const store::Step step = FinestStep(from, now);
  const Minute width = store::MinutesOf(step);
  const Minute silent_min = width == 1 ? kSilentMinutesMin : width;
  Result<std::vector<Minute>> watched = Watched(store, info, from, step);
  if (!watched.ok()) return watched.error();
  // A worker that does not report what it watched still sent something at its last minute.
  const Minute last_step = FloorTo(info.last_minute, width);
  if (watched->empty()) return std::vector<Stay>{{info.stream.version, info.first_minute, info.last_minute}};
  if (watched->back() != last_step) watched->push_back(last_step);

  std::vector<Stay> stays;
  Stay stay{info.stream.version, info.first_minute, std::max(info.first_minute, from)};
  for (const Minute minute : *watched) {
    if (minute - stay.last - 1 >= silent_min) {
      stays.push_back(stay);
      stay.first = minute;
    }
    stay.last = std::max(stay.last, std::min(minute + width - 1, info.last_minute));
  }
  stays.push_back(stay);
  return stays;
}

}  // namespace

std::vector<Deployment> DeploymentsOf(std::vector<Stay> stays, Minute now) {
  std::stable_sort(stays.begin(), stays.end(),
                   [](const Stay& a, const Stay& b) { return a.first < b.first; });
  std::vector<Deployment> deployments;
  for (size_t i = 0; i < stays.size(); ++i) {
    const Stay& stay = stays[i];
    // Replaced was what began last among those still running then; else what ended last.
    const Stay* old = nullptr;
    for (size_t j = 0; j < i; ++j) {
      const bool running = stays[j].last >= stay.first - kHandOverMinutes;
      if (old == nullptr) {
        old = &stays[j];
        continue;
      }
      const bool old_running = old->last >= stay.first - kHandOverMinutes;
      if (running != old_running ? running : running || stays[j].last >= old->last) old = &stays[j];
    }
    if (old != nullptr && old->version == stay.version) continue;
    Deployment deployment;
    deployment.to_version = stay.version;
    deployment.at = stay.first;
    if (!deployments.empty() && deployments.back().at == stay.first)
      deployment.nth = deployments.back().nth + 1;
    if (old != nullptr) {
      deployment.from_version = old->version;
      if (old->last < now - kSilentMinutesMin) deployment.last_old = old->last;
      deployment.is_return =
          std::any_of(stays.begin(), stays.begin() + static_cast<ptrdiff_t>(i),
                      [&](const Stay& earlier) { return earlier.version == stay.version; });
      deployment.old_since = old->first;
    }
    deployments.push_back(std::move(deployment));
  }
  return deployments;
}

std::vector<store::StreamInfo> StreamsOf(const std::vector<store::StreamInfo>& all, std::string_view service,
                                         std::string_view environment) {
  std::vector<store::StreamInfo> streams;
  for (const store::StreamInfo& info : all) {
    if (info.stream.service != service || info.stream.environment != environment) continue;
    if (info.stream.version != kBadClockVersion) streams.push_back(info);
  }
  std::sort(streams.begin(), streams.end(), [](const store::StreamInfo& a, const store::StreamInfo& b) {
    return std::tie(a.first_minute, a.first_live_unix_ms, a.last_minute, a.stream.version) <
           std::tie(b.first_minute, b.first_live_unix_ms, b.last_minute, b.stream.version);
  });
  return streams;
}

Error UnknownService(std::string_view service, std::string_view environment) {
  return {ErrorCode::kNotFound, "looking up the service " + std::string(service) + " in " +
                                    std::string(environment) +
                                    ": nothing was heard of it; the list of services has those that were"};
}

Result<std::vector<Stay>> StaysOf(store::Store& store, const std::vector<store::StreamInfo>& streams,
                                  Minute now) {
  std::vector<Stay> stays;
  for (const store::StreamInfo& info : streams) {
    std::optional<Minute> doubtful_from;
    for (const store::StreamInfo& other : streams) {
      const bool within = other.first_minute > info.first_minute && other.first_minute < info.last_minute;
      if (within && (!doubtful_from || other.first_minute < *doubtful_from))
        doubtful_from = other.first_minute;
    }
    if (!doubtful_from) {
      stays.push_back({info.stream.version, info.first_minute, info.last_minute});
      continue;
    }
    Result<std::vector<Stay>> split = SplitStays(store, info, *doubtful_from, now);
    if (!split.ok()) return split.error();
    stays.insert(stays.end(), split->begin(), split->end());
  }
  return stays;
}

std::string RollbackAdvice(const Deployment& deployment) {
  if (!deployment.from_version) return "";
  if (deployment.is_return) return "this already went back to " + deployment.to_version;
  return "go back to " + *deployment.from_version;
}

}  // namespace fieldmark::watch
