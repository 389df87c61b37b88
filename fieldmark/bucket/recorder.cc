// Summaries are recorded where they will be read: a route keeps pointers to its summaries of the minute it
// last saw, and only a change of minute or a drain makes it look them up again. Fields are the exception:
// they gather in the subject's profiler and move into their minute's summary when it changes.
#include "fieldmark/bucket/recorder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "fieldmark/bucket/validation_errors.h"
#include "fieldmark/json/document.h"
#include "fieldmark/profile/profiler.h"
#include "fieldmark/profile/waiting_bodies.h"

namespace fieldmark::bucket {
namespace {

// Distinct exception types and event kinds a subject keeps apart in a minute: taste, far above what an
// application has.
constexpr size_t kKindsMax = 256;
constexpr std::string_view kOther = "(other)";

// What a name takes in a map and its string beside its characters: an estimate.
constexpr size_t kBodyNameBytes = 64;

// A body of this size is read however little memory is left: a reader has as much at once.
constexpr size_t kAlwaysReadBytes = 4096;
// A reader that took more for a large body gives it back with the next drain.
constexpr size_t kReaderBytesKept = 1u << 20;

// A request's time is spread back over so many minutes at the most; what is older stays in the last of them.
constexpr int64_t kBusyMinutesMax = 60;
// The longest stretch that one Watch accounts for: data older than that is refused by the server.
constexpr int64_t kWatchMsMax = 35 * 24 * 60 * kMsPerMinute;

constexpr std::array<std::string_view, 7> kStatusClasses = {"none", "1xx", "2xx",  "3xx",
                                                            "4xx",  "5xx", "other"};

size_t StatusClassIndex(uint16_t status) {
  const size_t hundreds = status / 100;
  if (status == 0) return 0;
  return hundreds >= 1 && hundreds <= 5 ? hundreds : kStatusClasses.size() - 1;
}

// Whether it may say what was wrong with the request.
bool AnswersInvalid(uint16_t status, const Body& body) {
  return status >= 400 && status < 500 && body.state == BodyState::kCaptured;
}

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// The name that it went by.
const std::string& CountKind(EventCounts& counts, std::string_view kind, uint64_t times) {
  auto at = counts.find(kind);
  if (at == counts.end()) {
    const std::string_view name = counts.size() < kKindsMax ? kind : kOther;
    at = counts.try_emplace(std::string(name)).first;
  }
  at->second += times;
  return at->first;
}

void AddDuration(sketch::Histogram& histogram, double milliseconds, uint64_t times) {
  if (std::isfinite(milliseconds) && milliseconds >= 0) histogram.Add(milliseconds, times);
}

uint64_t Microseconds(double milliseconds) {
  constexpr double kMax = 1e15;  // 31 years
  if (!(milliseconds > 0)) return 0;
  return static_cast<uint64_t>(std::llround(std::min(milliseconds * 1000, kMax)));
}

// Documents of one kind of a route, in the minute it last saw.
struct BodySubject {
  std::string name;
  std::optional<profile::Profiler> profiler;  // made for the first document
  profile::WaitingBodies waiting;             // of the minute it last saw
  Minute minute = 0;
  BodySummary* current = nullptr;
};

struct Route {
  std::string name;
  Minute minute = 0;
  RequestSummary* current = nullptr;
  BodySubject request;
  std::array<BodySubject, kStatusClasses.size()> responses;
  std::set<ViolationName> violations;  // that have a name here: first come, kKindsMax at the most
};

}  // namespace

struct Recorder::State {
  State(const Limits& limits_in, std::optional<HashKey> key_in, std::shared_ptr<MemoryAccount> account_in)
      : account(account_in != nullptr ? std::move(account_in)
                                      : std::make_shared<MemoryAccount>(limits_in.memory_bytes_max)),
        limits(limits_in),
        key(key_in),
        reader(limits_in) {}
  ~State() { account->Change(memory, 0); }

  std::shared_ptr<MemoryAccount> account;  // outlives the profilers, which change it
  size_t memory = 0;                       // that is accounted for here
  size_t moved_memory = 0;                 // of that: of fields in `buckets`
  Limits limits;
  std::optional<HashKey> key;
  json::Reader reader;
  Buckets buckets;
  // Never shrinks: names stay through drains.
  std::unordered_map<std::string, Route, TextHash, std::equal_to<>> routes;
  std::unordered_set<std::string, TextHash, std::equal_to<>> other_subjects;  // jobs and events

  struct Declared {
    std::string subject;
    std::string path;
    profile::FieldKind kind;
  };
  std::vector<Declared> declared;
  std::shared_ptr<const profile::Declarations> everywhere;  // those of every subject
  // Subjects with declarations of their own, beside those of every subject.
  std::map<std::string, std::shared_ptr<const profile::Declarations>, std::less<>> of_subject;

  std::shared_ptr<const profile::Declarations> DeclarationsOf(std::string_view subject) const {
    const auto own = of_subject.find(subject);
    return own == of_subject.end() ? everywhere : own->second;
  }

  // Null when one of them has no room.
  std::shared_ptr<const profile::Declarations> Declarations(std::string_view subject) const {
    auto declarations = std::make_shared<profile::Declarations>(limits);
    for (const Declared& one : declared) {
      if (!one.subject.empty() && one.subject != subject) continue;
      if (!declarations->Add(one.path, one.kind)) return nullptr;
    }
    return declarations;
  }

  SubjectSummary& Subject(Minute minute, std::string_view name) {
    Bucket& bucket = buckets[minute];
    const auto at = bucket.find(name);
    return at != bucket.end() ? at->second : bucket[std::string(name)];
  }
  RequestSummary& Request(Minute minute, std::string_view name) {
    std::optional<RequestSummary>& request = Subject(minute, name).request;
    return request ? *request : request.emplace();
  }
  WatchSummary& Watch(Minute minute) {
    std::optional<WatchSummary>& watch = Subject(minute, "").watch;
    return watch ? *watch : watch.emplace();
  }

  bool Full() const {
    return routes.size() + other_subjects.size() >= limits.subjects_max || account->room() < Room::kNames;
  }

  void Account(size_t before, size_t after) {
    memory += after - before;
    account->Change(before, after);
  }

  // The route of that name, or the one that stands for all without a name.
  Route& RouteOf(std::string_view name, Minute minute, uint64_t times) {
    const auto found = routes.find(name);
    if (found != routes.end()) return found->second;
    if (name != kOther && Full()) {  // one of that name there always is
      Watch(minute).folded_subjects += times;
      return RouteOf(kOther, minute, times);
    }
    Route& route = routes[std::string(name)];
    route.name = name;
    Account(0, sizeof(Route) + 2 * name.size() + kStatusClasses.size() * (name.size() + kBodyNameBytes));
    route.request.name = route.name + " request";
    for (size_t i = 0; i < kStatusClasses.size(); ++i) {
      route.responses[i].name = route.name + " response " + std::string(kStatusClasses[i]);
    }
    return route;
  }

  // `name`, or "(other)" when there are too many of them.
  std::string_view SubjectOf(std::string_view name, Minute minute, uint64_t times) {
    if (name.empty() || routes.contains(name) || other_subjects.contains(name)) return name;
    if (Full()) {
      Watch(minute).folded_subjects += times;
      return kOther;
    }
    other_subjects.emplace(name);
    Account(0, sizeof(std::string) + name.size() + kBodyNameBytes);
    return name;
  }

  void MoveFields(BodySubject& subject) {
    Settle(subject);
    if (subject.current == nullptr || !subject.profiler || subject.profiler->empty()) return;
    profile::Fields fields = subject.profiler->TakeConcealed();
    profile::Fields& into = subject.current->fields;
    const size_t before = MemoryBytes(into);
    if (into.empty()) {
      into = std::move(fields);
    } else {
      profile::MergeFields(into, fields);
    }
    const size_t after = MemoryBytes(into);
    Account(before, after);
    moved_memory += after - before;
  }

  BodySummary& BodyAt(BodySubject& subject, Minute minute) {
    if (subject.current == nullptr || subject.minute != minute) {
      MoveFields(subject);
      std::optional<BodySummary>& body = Subject(minute, subject.name).body;
      subject.current = body ? &*body : &body.emplace();
      subject.minute = minute;
    }
    return *subject.current;
  }

  void RecordBody(BodySubject& subject, const Body& body, UnixMs ended_at, uint64_t times) {
    if (body.state == BodyState::kNone) return;
    BodySummary& summary = BodyAt(subject, MinuteOf(ended_at));
    switch (body.state) {
      case BodyState::kNone:
        return;
      case BodyState::kNotJson:
        summary.not_json += times;
        return;
      case BodyState::kCompressed:
        summary.compressed += times;
        return;
      case BodyState::kNotCaptured:
        summary.not_captured += times;
        return;
      case BodyState::kNotSampled:
        summary.not_sampled += times;
        return;
      case BodyState::kCaptured:
        break;
    }
    if (Waits(subject, body.bytes, ended_at, times)) return;
    Settle(subject);
    if (!Waits(subject, body.bytes, ended_at, times)) Profile(subject, body.bytes, ended_at, times);
  }

  // Whether the body is one that waits for others, and has room to.
  bool Waits(BodySubject& subject, std::string_view body, UnixMs ended_at, uint64_t times) {
    const size_t before = subject.waiting.heap_bytes();
    const bool waits = account->room() >= Room::kSketches && subject.waiting.Add(body, ended_at, times);
    if (subject.waiting.heap_bytes() != before) Account(before, subject.waiting.heap_bytes());
    return waits;
  }

  // Profiles the bodies that wait.
  void Settle(BodySubject& subject) {
    subject.waiting.Settle([&](std::string_view body, UnixMs ended_at, uint64_t times) {
      Profile(subject, body, ended_at, times);
    });
  }

  // None when there is no memory to read it.
  std::optional<json::Document> Read(std::string_view body) {
    const size_t reader_bytes = reader.touched_bytes();
    if (body.size() > kAlwaysReadBytes && body.size() <= limits.body_bytes_max &&
        json::BytesTouchedBy(body) > reader_bytes + account->bytes_left()) {
      return std::nullopt;
    }
    const json::Document document = reader.Read(body);
    if (reader.touched_bytes() != reader_bytes) Account(reader_bytes, reader.touched_bytes());
    return document;
  }

  void Profile(BodySubject& subject, std::string_view body, UnixMs ended_at, uint64_t times) {
    BodySummary& summary = *subject.current;
    const std::optional<json::Document> read = Read(body);
    if (!read) {
      summary.not_captured += times;
      return;
    }
    const json::Document& document = *read;
    if (document.malformed != json::Malformed::kNone) {
      summary.malformed[static_cast<size_t>(document.malformed)] += times;
      return;
    }
    summary.documents += times;
    if (!subject.profiler) subject.profiler.emplace(limits, key, DeclarationsOf(subject.name), account.get());
    subject.profiler->Observe(document, times, ended_at);
  }

  // Those that `answer` lists.
  void CountViolations(Route& route, std::string_view answer, UnixMs at, uint64_t times,
                       const sketch::TraceId& trace) {
    if (!MayHoldValidationErrors(answer)) return;
    const std::optional<json::Document> document = Read(answer);
    if (!document) return;
    std::set<ViolationName> names;
    for (const ViolationName& error : ValidationErrorsIn(*document)) names.insert(NameOf(route, error));
    if (names.empty()) return;
    Violations& violations = Subject(MinuteOf(at), route.name).violations;
    for (const ViolationName& name : names) {
      ViolationSummary& violation = violations[name];
      violation.count += times;
      violation.traces.Add(trace);
    }
  }

  // As it is named in summaries: itself, or the one that stands for all without a name.
  const ViolationName& NameOf(Route& route, const ViolationName& error) {
    static const ViolationName kOthers{std::string(kOther), std::string(kOther)};
    const auto named = route.violations.find(error);
    if (named != route.violations.end()) return *named;
    if (route.violations.size() >= kKindsMax || account->room() < Room::kNames) return kOthers;
    // The name here, and with its summary in a minute or two.
    Account(0, 3 * (sizeof(ViolationSummary) + 2 * kBodyNameBytes + error.field.size() + error.rule.size()));
    return *route.violations.insert(error).first;
  }

  // Splits the time inside requests at the minutes' bounds, in whole microseconds: shares add up to the
  // whole.
  void AddBusy(Route& route, UnixMs ended, uint64_t busy_us, uint64_t times) {
    Minute minute = route.minute;
    uint64_t in_minute_us = static_cast<uint64_t>(ended - minute * kMsPerMinute) * 1000;
    RequestSummary* summary = route.current;
    for (int64_t back = 0; busy_us > in_minute_us && back < kBusyMinutesMax; ++back) {
      summary->busy_us += in_minute_us * times;
      busy_us -= in_minute_us;
      in_minute_us = kMsPerMinute * 1000;
      summary = &Request(--minute, route.name);
    }
    summary->busy_us += busy_us * times;
  }

  template <class Visit>
  void ForEachBody(Visit visit) {
    for (auto& [name, route] : routes) {
      visit(route.request);
      for (BodySubject& response : route.responses) visit(response);
    }
  }
};

Recorder::Recorder(const Limits& limits, std::optional<HashKey> key, std::shared_ptr<MemoryAccount> account)
    : state_(std::make_unique<State>(limits, key, std::move(account))) {}
Recorder::~Recorder() = default;

void Recorder::Record(const RequestEvent& event) {
  if (event.times == 0) return;
  State& state = *state_;
  const uint64_t times = event.times;
  const Minute minute = MinuteOf(event.ended_unix_ms);
  Route& route = state.RouteOf(event.route, minute, times);
  if (route.current == nullptr || route.minute != minute) {
    route.current = &state.Request(minute, route.name);
    route.minute = minute;
  }
  RequestSummary& request = *route.current;
  request.by_status[event.status] += times;
  if (event.cancelled) request.cancelled += times;
  if (event.status >= 500 && event.status < 600) request.failed_traces.Add(event.trace);
  if (!event.exception.empty()) {
    const std::string& type = CountKind(request.by_exception, event.exception, times);
    if (event.trace != sketch::TraceId{}) request.exception_traces[type].Add(event.trace);
  }
  AddDuration(request.first_byte_ms, event.first_byte_ms, times);
  AddDuration(request.last_byte_ms, event.last_byte_ms, times);
  AddDuration(request.app_return_ms, event.app_return_ms, times);
  request.request_bytes.Add(static_cast<double>(event.request.wire_bytes), times);
  if (event.status != 0) request.response_bytes.Add(static_cast<double>(event.response.wire_bytes), times);
  state.AddBusy(route, event.ended_unix_ms, Microseconds(event.app_return_ms), times);
  state.RecordBody(route.request, event.request, event.ended_unix_ms, times);
  state.RecordBody(route.responses[StatusClassIndex(event.status)], event.response, event.ended_unix_ms,
                   times);
  state.CountViolations(route, event.invalid, event.ended_unix_ms, times, event.trace);
  if (AnswersInvalid(event.status, event.response))
    state.CountViolations(route, event.response.bytes, event.ended_unix_ms, times, event.trace);
}

std::string_view Recorder::RecordedAs(std::string_view route) const {
  return state_->routes.contains(route) ? route : kOther;
}

void Recorder::RecordBody(const BodyEvent& event) {
  const Minute minute = MinuteOf(event.ended_unix_ms);
  Route& route = state_->RouteOf(event.route, minute, 1);
  BodySubject& subject =
      event.response_status ? route.responses[StatusClassIndex(*event.response_status)] : route.request;
  state_->RecordBody(subject, event.body, event.ended_unix_ms, 1);
  if (AnswersInvalid(event.response_status.value_or(0), event.body))
    state_->CountViolations(route, event.body.bytes, event.ended_unix_ms, 1, event.trace);
}

void Recorder::Watch(UnixMs from, UnixMs to) {
  if (to <= from) return;
  if (to - kWatchMsMax > from) from = to - kWatchMsMax;
  while (from < to) {
    const Minute minute = MinuteOf(from);
    const UnixMs until = std::min(to, (minute + 1) * kMsPerMinute);
    state_->Watch(minute).observed_ms += static_cast<uint64_t>(until - from);
    from = until;
  }
}

void Recorder::RecordRun(std::string_view job, UnixMs ended_unix_ms, double duration_ms, bool succeeded) {
  const Minute minute = MinuteOf(ended_unix_ms);
  const std::string name = "job " + std::string(job);
  std::optional<RunSummary>& run = state_->Subject(minute, state_->SubjectOf(name, minute, 1)).run;
  if (!run) run.emplace();
  run->started += 1;
  (succeeded ? run->succeeded : run->failed) += 1;
  run->last_finished_unix_ms = std::max(run->last_finished_unix_ms, ended_unix_ms);
  AddDuration(run->duration_ms, duration_ms, 1);
}

void Recorder::RecordEvent(std::string_view subject, std::string_view kind, UnixMs at_unix_ms,
                           uint64_t times) {
  if (times == 0) return;
  const Minute minute = MinuteOf(at_unix_ms);
  CountKind(state_->Subject(minute, state_->SubjectOf(subject, minute, times)).events, kind, times);
}

void Recorder::CountDropped(UnixMs at_unix_ms, uint64_t times) {
  state_->Watch(MinuteOf(at_unix_ms)).dropped_events += times;
}

bool Recorder::Declare(std::string_view subject, std::string_view path, profile::FieldKind kind) {
  State& state = *state_;
  // What waits came before the declaration.
  state.ForEachBody([&](BodySubject& body) { state.Settle(body); });
  state.declared.push_back({std::string(subject), std::string(path), kind});
  std::shared_ptr<const profile::Declarations> everywhere = state.everywhere;
  auto of_subject = state.of_subject;
  bool fits = true;
  if (subject.empty()) {
    fits = (everywhere = state.Declarations(subject)) != nullptr;
  } else {
    of_subject.try_emplace(std::string(subject));
  }
  for (auto& [name, own] : of_subject) {
    if (subject.empty() || name == subject) fits = (own = state.Declarations(name)) != nullptr && fits;
  }
  if (!fits) {
    state.declared.pop_back();
    return false;
  }
  state.everywhere = std::move(everywhere);
  state.of_subject = std::move(of_subject);
  state.ForEachBody([&](BodySubject& body) {
    if (!body.profiler || (!subject.empty() && body.name != subject)) return;
    state.MoveFields(body);
    body.profiler.reset();
  });
  return true;
}

void Recorder::SetHashKey(const HashKey& key) {
  State& state = *state_;
  if (state.key == key) return;
  state.ForEachBody([&](BodySubject& subject) {
    state.MoveFields(subject);
    subject.profiler.reset();
  });
  // What was hashed under another key compares with nothing that follows.
  for (auto& [minute, bucket] : state.buckets) {
    for (auto& [name, subject] : bucket) {
      if (subject.body) subject.body->DropHashed();
    }
  }
  state.key = key;
}

const MemoryAccount& Recorder::memory() const { return *state_->account; }

uint64_t Recorder::hash_key_id() const { return state_->key ? state_->key->Id() : 0; }

Buckets Recorder::Drain() {
  State& state = *state_;
  state.ForEachBody([&](BodySubject& subject) {
    state.MoveFields(subject);
    subject.current = nullptr;
  });
  for (auto& [name, route] : state.routes) route.current = nullptr;
  Buckets drained = std::exchange(state.buckets, {});
  state.Account(std::exchange(state.moved_memory, 0), 0);
  if (const size_t bytes = state.reader.touched_bytes(); bytes > kReaderBytesKept) {
    state.reader.Release();
    state.Account(bytes, 0);
  }
  for (auto& [minute, bucket] : drained) {
    for (auto& [name, subject] : bucket) {
      if (subject.body) subject.body->SetHashKeyId(hash_key_id());
    }
  }
  return drained;
}

std::string_view StatusClass(uint16_t status) { return kStatusClasses[StatusClassIndex(status)]; }

}  // namespace fieldmark::bucket
