#include "fieldmark/bucket/summary.h"

#include <algorithm>
#include <utility>

#include "fieldmark/base/count.h"

namespace fieldmark::bucket {
namespace {

using sketch::Histogram;

// What a node of a std::map costs beside key and value, as libstdc++ and glibc's malloc have it.
constexpr size_t kNodeBytes = 48;

void Count(uint64_t& into, uint64_t more) { into = AddSaturating(into, more); }

void MergeCounts(EventCounts& into, const EventCounts& from) {
  for (const auto& [key, count] : from) Count(into[key], count);
}

uint64_t JoinedKeys(uint64_t a, uint64_t b) {
  if (a == 0 || a == b) return b;
  return b == 0 ? a : kMixedKeys;
}

template <class T>
void MergeOptional(std::optional<T>& into, const std::optional<T>& from) {
  if (!from) return;
  if (into) {
    into->Merge(*from);
  } else {
    into = from;
  }
}

template <class Value>
size_t HeapBytes(const std::map<std::string, Value, std::less<>>& by_name) {
  size_t bytes = 0;
  for (const auto& [name, value] : by_name)
    bytes += kNodeBytes + sizeof name + sizeof value + name.capacity();
  return bytes;
}

size_t HeapBytes(const Violations& violations) {
  size_t bytes = 0;
  for (const auto& [name, violation] : violations)
    bytes += kNodeBytes + sizeof name + sizeof violation + name.field.capacity() + name.rule.capacity();
  return bytes;
}

}  // namespace

uint64_t RequestSummary::count() const {
  uint64_t sum = 0;
  for (const auto& [status, requests] : by_status) Count(sum, requests);
  return sum;
}

void RequestSummary::Merge(const RequestSummary& other) {
  for (const auto& [status, requests] : other.by_status) Count(by_status[status], requests);
  MergeCounts(by_exception, other.by_exception);
  Count(cancelled, other.cancelled);
  Count(busy_us, other.busy_us);
  failed_traces.Merge(other.failed_traces);
  for (const auto& [type, traces] : other.exception_traces) exception_traces[type].Merge(traces);
  first_byte_ms.Merge(other.first_byte_ms);
  last_byte_ms.Merge(other.last_byte_ms);
  app_return_ms.Merge(other.app_return_ms);
  request_bytes.Merge(other.request_bytes);
  response_bytes.Merge(other.response_bytes);
}

bool BodySummary::AnyHashed() const {
  return std::any_of(fields.begin(), fields.end(),
                     [](const auto& item) { return !item.second.categories.empty(); });
}

void BodySummary::SetHashKeyId(uint64_t id) { hash_key_id = id == kMixedKeys || AnyHashed() ? id : 0; }

void BodySummary::DropHashed() {
  hash_key_id = 0;
  profile::DropHashed(fields);
}

void BodySummary::Merge(const BodySummary& other) {
  Count(documents, other.documents);
  for (size_t kind = 0; kind < malformed.size(); ++kind) Count(malformed[kind], other.malformed[kind]);
  Count(not_json, other.not_json);
  Count(compressed, other.compressed);
  Count(not_captured, other.not_captured);
  Count(not_sampled, other.not_sampled);
  profile::MergeFields(fields, other.fields);
  hash_key_id = JoinedKeys(hash_key_id, other.hash_key_id);
  if (hash_key_id == kMixedKeys) profile::DropHashed(fields);
}

void BodySummary::Absorb(BodySummary other) {
  profile::AbsorbFields(fields, std::exchange(other.fields, {}));
  Merge(other);
}

void WatchSummary::Merge(const WatchSummary& other) {
  Count(observed_ms, other.observed_ms);
  Count(dropped_events, other.dropped_events);
  Count(folded_subjects, other.folded_subjects);
}

void RunSummary::Merge(const RunSummary& other) {
  Count(started, other.started);
  Count(succeeded, other.succeeded);
  Count(failed, other.failed);
  last_finished_unix_ms = std::max(last_finished_unix_ms, other.last_finished_unix_ms);
  duration_ms.Merge(other.duration_ms);
}

void ViolationSummary::Merge(const ViolationSummary& other) {
  Count(count, other.count);
  traces.Merge(other.traces);
}

void SubjectSummary::Merge(const SubjectSummary& other) {
  MergeOptional(request, other.request);
  MergeOptional(body, other.body);
  MergeOptional(watch, other.watch);
  MergeOptional(run, other.run);
  MergeCounts(events, other.events);
  for (const auto& [name, violation] : other.violations) violations[name].Merge(violation);
}

void SubjectSummary::Absorb(SubjectSummary other) {
  if (body && other.body) {
    body->Absorb(std::move(*other.body));
    other.body.reset();
  } else if (other.body) {
    body = std::exchange(other.body, std::nullopt);
  }
  Merge(other);
}

bool SubjectSummary::empty() const {
  return !request && !body && !watch && !run && events.empty() && violations.empty();
}

void MergeBucket(Bucket& into, const Bucket& from) {
  for (const auto& [name, subject] : from) into[name].Merge(subject);
}

void MergeBuckets(Buckets& into, const Buckets& from) {
  for (const auto& [minute, bucket] : from) MergeBucket(into[minute], bucket);
}

void AbsorbBucket(Bucket& into, Bucket from) {
  while (!from.empty()) {
    const auto result = into.insert(from.extract(from.begin()));
    if (!result.inserted) result.position->second.Absorb(std::move(result.node.mapped()));
  }
}

void AbsorbBuckets(Buckets& into, Buckets from) {
  while (!from.empty()) {
    auto result = into.insert(from.extract(from.begin()));
    if (!result.inserted) AbsorbBucket(result.position->second, std::move(result.node.mapped()));
  }
}

size_t MemoryBytes(const profile::Fields& fields) {
  size_t bytes = 0;
  for (const auto& [path, field] : fields) {
    bytes += kNodeBytes + sizeof path + path.capacity() + sizeof field + field.heap_bytes();
  }
  return bytes;
}

size_t MemoryBytes(const SubjectSummary& subject) {
  size_t bytes = sizeof subject + HeapBytes(subject.events) + HeapBytes(subject.violations);
  if (subject.request) {
    const RequestSummary& request = *subject.request;
    bytes += request.by_status.size() * (kNodeBytes + 16) + HeapBytes(request.by_exception) +
             HeapBytes(request.exception_traces);
    for (const Histogram* histogram : {&request.first_byte_ms, &request.last_byte_ms, &request.app_return_ms,
                                       &request.request_bytes, &request.response_bytes}) {
      bytes += histogram->heap_bytes();
    }
  }
  if (subject.body) bytes += MemoryBytes(subject.body->fields);
  if (subject.run) bytes += subject.run->duration_ms.heap_bytes();
  return bytes;
}

size_t MemoryBytes(const Bucket& bucket) {
  size_t bytes = kNodeBytes + sizeof bucket;
  for (const auto& [name, subject] : bucket) {
    bytes += kNodeBytes + sizeof name + name.capacity() + MemoryBytes(subject);
  }
  return bytes;
}

}  // namespace fieldmark::bucket
