// For tests: random summaries of every kind, from a seed; and the law that all of them obey.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "fieldmark/bucket/summary.h"

namespace fieldmark::bucket {

using Random = std::mt19937_64;

inline uint64_t Below(Random& random, uint64_t end) { return random() % end; }
inline bool Chance(Random& random, uint64_t percent) { return random() % 100 < percent; }

inline sketch::Histogram RandomHistogram(Random& random) {
  sketch::Histogram histogram;
  std::lognormal_distribution<double> values(3, Chance(random, 20) ? 30 : 1);
  for (uint64_t left = Below(random, Chance(random, 5) ? 1500 : 20); left > 0; --left) {
    // One draw a statement: the order within one is the compiler's.
    const double sign = Chance(random, 10) ? -1 : 1;
    const double magnitude = Chance(random, 10) ? 0 : values(random);
    histogram.Add(sign * magnitude, 1 + Below(random, 4));
  }
  return histogram;
}

inline sketch::Categories RandomCategories(Random& random) {
  sketch::Categories categories;
  const uint64_t spread = Chance(random, 50) ? 10 : 1'000'000;
  for (uint64_t left = Below(random, Chance(random, 20) ? 200 : 10); left > 0; --left) {
    const uint64_t value = Below(random, spread);
    categories.Add(value * 0x9E37'79B9'7F4A'7C15, 1 + Below(random, 4));
  }
  return categories;
}

// Mostly concealed, as what leaves a worker is; else revealed.
inline profile::FieldSummary RandomField(Random& random) {
  profile::FieldSummary field;
  if (Chance(random, 90)) {
    field.counts.documents = Below(random, 100);
    field.counts.seen = Below(random, 1000);
    field.counts.nulls = Below(random, 3);
    field.counts.strings = Below(random, 3);
    field.counts.cut = Below(random, 2);
    field.counts.limited = Below(random, 2);
    for (uint64_t& count : field.counts.formats) count = Chance(random, 10) ? Below(random, 1000) : 0;
  }
  if (Chance(random, 50)) field.numbers = RandomHistogram(random);
  if (Chance(random, 50)) field.string_bytes = RandomHistogram(random);
  if (Chance(random, 20)) field.array_items = RandomHistogram(random);
  const bool has_values = !field.numbers.empty() || !field.string_bytes.empty();
  if (has_values && Chance(random, 20)) field.age_ms = RandomHistogram(random);
  if (Chance(random, 50)) field.categories = RandomCategories(random);
  if (!Chance(random, 20)) {
    field.Conceal();
    return field;
  }
  for (const sketch::CategoryCount& entry : field.categories.entries()) {
    if (Chance(random, 50))
      field.texts.Add(entry.hash, entry.hash % 2 == 0, "value " + std::to_string(entry.hash % 97));
  }
  return field;
}

inline profile::Fields RandomFields(Random& random) {
  static const std::vector<std::string> kPaths = {"",      "customer", "customer.phone",
                                                  "items", "items[]",  "items[].{}"};
  profile::Fields fields;
  for (const std::string& path : kPaths) {
    if (Chance(random, 40)) fields[path] = RandomField(random);
  }
  return fields;
}

inline EventCounts RandomEvents(Random& random) {
  EventCounts events;
  for (uint64_t left = Below(random, 4); left > 0; --left) {
    const std::string kind = "kind " + std::to_string(Below(random, 5));
    const uint64_t times = 1 + Below(random, 9);
    events[kind] += times;
  }
  return events;
}

// Of few ids, so that summaries share some.
inline sketch::TraceIds RandomTraces(Random& random) {
  sketch::TraceIds traces;
  for (uint64_t left = Below(random, 7); left > 0; --left) {
    sketch::TraceId id{};
    id[0] = static_cast<uint8_t>(1 + Below(random, 12));
    traces.Add(id);
  }
  return traces;
}

inline Violations RandomViolations(Random& random) {
  Violations violations;
  for (uint64_t left = Below(random, 4); left > 0; --left) {
    const std::string field = Chance(random, 50) ? "body.items[].price" : "query.limit";
    ViolationSummary& violation = violations[{field, "rule " + std::to_string(Below(random, 3))}];
    violation.count += 1 + Below(random, 9);
    violation.traces.Merge(RandomTraces(random));
  }
  return violations;
}

inline RequestSummary RandomRequest(Random& random) {
  RequestSummary request;
  for (uint64_t left = Below(random, 4); left > 0; --left) {
    const uint64_t status = Chance(random, 10) ? Below(random, 65536) : 200 + Below(random, 4);
    const uint64_t requests = 1 + Below(random, 100);
    request.by_status[static_cast<uint16_t>(status)] += requests;
  }
  request.by_exception = RandomEvents(random);
  request.cancelled = Below(random, 3);
  request.busy_us = Below(random, 1'000'000);
  request.failed_traces = RandomTraces(random);
  for (const auto& [type, times] : request.by_exception) {
    const sketch::TraceIds traces = RandomTraces(random);
    if (!traces.empty()) request.exception_traces[type] = traces;
  }
  request.first_byte_ms = RandomHistogram(random);
  request.last_byte_ms = RandomHistogram(random);
  if (Chance(random, 50)) request.app_return_ms = RandomHistogram(random);
  request.request_bytes = RandomHistogram(random);
  return request;
}

inline BodySummary RandomBody(Random& random) {
  BodySummary body;
  body.documents = Below(random, 100);
  for (size_t kind = 1; kind < body.malformed.size(); ++kind) {
    if (Chance(random, 20)) body.malformed[kind] = Below(random, 9);
  }
  body.not_json = Below(random, 2);
  body.compressed = Below(random, 2);
  body.not_captured = Below(random, 2);
  body.not_sampled = Below(random, 2);
  body.fields = RandomFields(random);
  body.SetHashKeyId(Chance(random, 80) ? 7 : Below(random, 3));
  return body;
}

inline WatchSummary RandomWatch(Random& random) {
  return {.observed_ms = Below(random, 60'000),
          .dropped_events = Below(random, 2),
          .folded_subjects = Below(random, 2)};
}

inline RunSummary RandomRun(Random& random) {
  RunSummary run;
  run.started = Below(random, 5);
  run.succeeded = Below(random, 5);
  run.failed = Below(random, 2);
  run.last_finished_unix_ms = static_cast<UnixMs>(Below(random, 1'800'000'000'000));
  if (Chance(random, 70)) run.duration_ms = RandomHistogram(random);
  return run;
}

inline SubjectSummary RandomSubject(Random& random) {
  SubjectSummary subject;
  if (Chance(random, 40)) subject.request = RandomRequest(random);
  if (Chance(random, 40)) subject.body = RandomBody(random);
  if (Chance(random, 30)) subject.watch = RandomWatch(random);
  if (Chance(random, 30)) subject.run = RandomRun(random);
  if (Chance(random, 30)) subject.events = RandomEvents(random);
  if (Chance(random, 30)) subject.violations = RandomViolations(random);
  return subject;
}

inline Bucket RandomBucket(Random& random) {
  static const std::vector<std::string> kNames = {"", "GET /a", "GET /a response 2xx", "job nightly"};
  Bucket bucket;
  for (const std::string& name : kNames) {
    if (Chance(random, 40)) bucket[name] = RandomSubject(random);
  }
  return bucket;
}

inline Buckets RandomBuckets(Random& random) {
  Buckets buckets;
  for (uint64_t left = Below(random, 4); left > 0; --left) {
    buckets[static_cast<Minute>(29'000'000 + Below(random, 4))] = RandomBucket(random);
  }
  return buckets;
}

// That `merge` makes summaries a commutative monoid with T{} as its zero: one after the other, and in random
// pairs over a random partition, give the same.
template <class T, class Make, class Merge>
void ExpectMonoid(Make make, Merge merge, int rounds) {
  Random random(71);
  for (int round = 0; round < rounds; ++round) {
    std::vector<T> parts;
    for (uint64_t left = 1 + Below(random, 7); left > 0; --left) parts.push_back(make(random));
    T whole{};
    for (const T& part : parts) merge(whole, part);

    T with_zero = parts[0];
    merge(with_zero, T{});
    EXPECT_EQ(with_zero, parts[0]) << round;

    parts.push_back(T{});
    std::shuffle(parts.begin(), parts.end(), random);
    while (parts.size() > 1) {
      const size_t into = Below(random, parts.size());
      const size_t from = Below(random, parts.size());
      if (into == from) continue;
      merge(parts[into], parts[from]);
      parts.erase(parts.begin() + static_cast<ptrdiff_t>(from));
    }
    EXPECT_EQ(parts[0], whole) << round;
  }
}

}  // namespace fieldmark::bucket
