#include "server/watch/shortfalls.h"

#include <algorithm>
#include <iterator>

#include "server/watch/deployments.h"
#include "server/watch/traffic.h"

namespace fieldmark::watch {
namespace {

constexpr UnixMs kKeptMs = 60'000;
constexpr Minute kMinutesADay = 24 * 60;

// Over all subjects of a service.
struct Counted {
  bucket::BodySummary bodies;  // without fields
  uint64_t limited_values = 0;
  uint64_t dropped = 0;
  uint64_t folded = 0;
  bucket::EventCounts events;  // of the service itself

  uint64_t Event(std::string_view kind) const {
    const auto at = events.find(kind);
    return at == events.end() ? 0 : at->second;
  }
};

void Add(const bucket::SubjectSummary& summary, const std::string& subject, Counted& counted) {
  if (summary.body) {
    bucket::BodySummary& bodies = counted.bodies;
    bodies.documents += summary.body->documents;
    bodies.compressed += summary.body->compressed;
    bodies.not_captured += summary.body->not_captured;
    bodies.not_sampled += summary.body->not_sampled;
    for (const auto& [path, field] : summary.body->fields) counted.limited_values += field.counts.limited;
  }
  if (summary.watch) {
    counted.dropped += summary.watch->dropped_events;
    counted.folded += summary.watch->folded_subjects;
  }
  if (!subject.empty()) return;
  for (const auto& [kind, times] : summary.events) counted.events[kind] += times;
}

std::string Several(uint64_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string NotProfiled(const bucket::BodySummary& bodies) {
  std::string kinds;
  const auto add = [&](uint64_t count, const char* kind) {
    if (count > 0) kinds += (kinds.empty() ? "" : ", ") + std::to_string(count) + " " + kind;
  };
  add(bodies.compressed, "compressed");
  add(bodies.not_captured, "too large, cut off or too many at once");
  add(bodies.not_sampled, "sampled out");
  if (kinds.empty()) return kinds;
  return "JSON bodies of the last 24 hours not profiled: " + kinds + "; " +
         Several(bodies.documents, "was.", "were.");
}

std::vector<std::string> SentencesOf(const Counted& counted) {
  std::vector<std::string> sentences;
  const auto say = [&](uint64_t count, const std::string& sentence) {
    if (count > 0) sentences.push_back(sentence);
  };
  if (std::string text = NotProfiled(counted.bodies); !text.empty()) sentences.push_back(std::move(text));
  say(counted.dropped,
      Several(counted.dropped, "record was", "records were") +
          " dropped in the last 24 hours by a fault of Fieldmark's own: see the service's log.");
  say(counted.folded,
      Several(counted.folded, "request of the last 24 hours is", "requests of the last 24 hours are") +
          " counted under (other): the service has too many routes to name each.");
  say(counted.limited_values, Several(counted.limited_values, "value", "values") +
                                  " of the last 24 hours counted only, for want of memory in the service.");
  const uint64_t refused = counted.Event("refused record");
  const uint64_t uncertain = counted.Event("uncertain record");
  say(refused, Several(refused, "record", "records") +
                   " of the last 24 hours missing: this server refused what they were in, again and again.");
  say(uncertain,
      Several(uncertain, "record", "records") +
          " of the last 24 hours perhaps missing: an answer was lost, and the next one was a refusal.");
  return sentences;
}

}  // namespace

Shortfalls::Shortfalls(store::Store& store, Clock clock) : store_(store), clock_(std::move(clock)) {}

Result<std::vector<std::string>> Shortfalls::Of(std::string_view service, std::string_view environment) {
  const std::pair key{std::string(environment), std::string(service)};
  const UnixMs now = clock_();
  {
    const std::lock_guard lock(mutex_);
    const auto kept = kept_.find(key);
    if (kept != kept_.end() && now >= kept->second.made_at && now - kept->second.made_at < kKeptMs) {
      return kept->second.sentences;
    }
  }
  Result<std::vector<std::string>> sentences = Make(service, environment, now);
  if (!sentences.ok()) return sentences;
  const std::lock_guard lock(mutex_);
  kept_[key] = {now, *sentences};
  return sentences;
}

Result<std::vector<std::string>> Shortfalls::Make(std::string_view service, std::string_view environment,
                                                  UnixMs now) {
  const Result<std::vector<store::StreamInfo>> all = store_.Streams();
  if (!all.ok()) return all.error();
  store::Query query;
  query.step = store::Step::kHour;
  query.to = (MinuteOf(now) / 60 + 1) * 60;
  query.from = query.to - kMinutesADay;
  for (const store::StreamInfo& info : StreamsOf(*all, service, environment)) {
    if (info.last_minute >= query.from) query.streams.push_back(info.stream);
  }
  if (query.streams.empty()) return std::vector<std::string>();
  Result<std::vector<std::string>> subjects = store_.Subjects(query.streams);
  if (!subjects.ok()) return subjects.error();
  std::copy_if(subjects->begin(), subjects->end(), std::back_inserter(query.subjects),
               [](const std::string& subject) { return subject.empty() || IsBody(subject); });
  if (query.subjects.empty()) return std::vector<std::string>();
  query.families = {profile::Family::kCounts};
  const Result<std::vector<store::Slice>> slices = store_.Read(query);
  if (!slices.ok()) return slices.error();
  Counted counted;
  for (const store::Slice& slice : *slices) Add(slice.summary, slice.subject, counted);
  return SentencesOf(counted);
}

}  // namespace fieldmark::watch
