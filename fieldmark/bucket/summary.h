// What is kept of a subject and of a minute. All of it merges pointwise.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/base/hash.h"
#include "fieldmark/base/time.h"
#include "fieldmark/json/document.h"
#include "fieldmark/profile/field.h"
#include "fieldmark/sketch/histogram.h"
#include "fieldmark/sketch/trace_ids.h"

namespace fieldmark::bucket {

// Requests of one route. Durations in milliseconds, sizes in bytes.
struct RequestSummary {
  // Counts family.
  std::map<uint16_t, uint64_t> by_status;                                 // 0 = no response was started
  std::map<std::string, uint64_t, std::less<>> by_exception;              // type name, never the text
  uint64_t cancelled = 0;                                                 // the client left first
  uint64_t busy_us = 0;                                                   // time inside requests
  sketch::TraceIds failed_traces;                                         // of requests answered 5xx
  std::map<std::string, sketch::TraceIds, std::less<>> exception_traces;  // of those in `by_exception`
  // Distributions family; never concealed: they are ours, not the payload's.
  sketch::Histogram first_byte_ms;  // request begun → response headers
  sketch::Histogram last_byte_ms;   // → last byte of the response: what the page calls latency
  sketch::Histogram app_return_ms;  // → the application returned, background tasks included
  sketch::Histogram request_bytes;
  sketch::Histogram response_bytes;

  uint64_t count() const;
  void Merge(const RequestSummary& other);
  bool operator==(const RequestSummary&) const = default;
};

// Bodies of one subject: a route's requests, or its responses of one status class.
struct BodySummary {
  // Counts family.
  uint64_t documents = 0;                                   // profiled
  std::array<uint64_t, json::kMalformedKinds> malformed{};  // by json::Malformed; [kNone] stays 0
  uint64_t not_json = 0;                                    // another content type
  uint64_t compressed = 0;                                  // not profiled: compressed
  uint64_t not_captured = 0;                                // streamed past the limit, or cut off
  uint64_t not_sampled = 0;                                 // left out by the user's sampling
  // Hashed family: the key that the fields' hashes were made under; 0 where nothing is hashed, or where who
  // wrote it did not say (version 1), which merges with any. Hashes under two keys do not compare: merging
  // them leaves none, and kMixedKeys from then on.
  uint64_t hash_key_id = 0;
  profile::Fields fields;

  bool AnyHashed() const;
  void SetHashKeyId(uint64_t id);  // where something is hashed; else to 0
  // Lets go what was hashed, as if there had been no key.
  void DropHashed();
  void Merge(const BodySummary& other);
  void Absorb(BodySummary other);  // the same, taking over what it can of `other`
  bool operator==(const BodySummary&) const = default;
};

// How long workers were watching, which tells zero traffic from no data.
struct WatchSummary {
  uint64_t observed_ms = 0;
  uint64_t dropped_events = 0;   // recorded nowhere: a fault of ours, counted
  uint64_t folded_subjects = 0;  // requests recorded under "(other)" for want of a subject

  void Merge(const WatchSummary& other);
  bool operator==(const WatchSummary&) const = default;
};

// Job runs: each outcome's count and durations.
struct RunSummary {
  uint64_t started = 0;
  uint64_t succeeded = 0;
  uint64_t failed = 0;
  UnixMs last_finished_unix_ms = 0;  // the largest
  sketch::Histogram duration_ms;

  void Merge(const RunSummary& other);
  bool operator==(const RunSummary&) const = default;
};

// Events by kind and template: log records.
using EventCounts = std::map<std::string, uint64_t, std::less<>>;

// What data was expected to be and was not. Of a route, by what validates its requests and responses: the
// field is the error's location ("body.items[].price", "query.limit", "response.id"), the rule the error's
// type ("missing", "float_parsing"). Of bodies, by a contract: the field's path and the rule it broke.
struct ViolationName {
  std::string field;
  std::string rule;

  auto operator<=>(const ViolationName&) const = default;
};
struct ViolationSummary {
  uint64_t count = 0;       // of requests, or documents, in which it was broken, however often in each
  sketch::TraceIds traces;  // of these

  void Merge(const ViolationSummary& other);
  bool operator==(const ViolationSummary&) const = default;
};
using Violations = std::map<ViolationName, ViolationSummary>;

struct SubjectSummary {
  std::optional<RequestSummary> request;
  std::optional<BodySummary> body;
  std::optional<WatchSummary> watch;
  std::optional<RunSummary> run;
  EventCounts events;
  Violations violations;

  void Merge(const SubjectSummary& other);
  void Absorb(SubjectSummary other);  // the same, taking over what it can of `other`
  bool empty() const;
  bool operator==(const SubjectSummary&) const = default;
};

// Subject names: "" is the service itself (its watch), "POST /orders/{id}" a route's requests, "POST
// /orders/{id} request" and "POST /orders/{id} response 2xx" its bodies, "job nightly-export" a job.
using Bucket = std::map<std::string, SubjectSummary, std::less<>>;
using Buckets = std::map<Minute, Bucket>;
void MergeBucket(Bucket& into, const Bucket& from);
void MergeBuckets(Buckets& into, const Buckets& from);
// The same, giving `from`'s memory to `into` or back as it goes.
void AbsorbBucket(Bucket& into, Bucket from);
void AbsorbBuckets(Buckets& into, Buckets from);

// Memory that a summary takes, itself included; an estimate, for budgets.
size_t MemoryBytes(const SubjectSummary& subject);
size_t MemoryBytes(const Bucket& bucket);
size_t MemoryBytes(const profile::Fields& fields);

// One subject over one stretch, of one family: the unit that a store keeps. Concatenating families loses
// nothing: decoding all three into one summary gives it back.
// `version`: kSubjectVersion, or an earlier one, which leaves out what it does not know.
inline constexpr uint8_t kSubjectVersion = 2;
inline constexpr uint8_t kSubjectVersionMin = 1;  // that is read and written
void EncodeSubject(const SubjectSummary& subject, profile::Family family, ByteWriter& out,
                   uint8_t version = kSubjectVersion);
bool HasFamily(const SubjectSummary& subject, profile::Family family);
// The same for a subject that has a body and nothing else.
void EncodeSubject(const BodySummary& body, profile::Family family, ByteWriter& out);
bool HasFamily(const BodySummary& body, profile::Family family);
// Merges what `in` holds of `family`, up to its end, into `subject`; fails the reader on anything that
// EncodeSubject cannot have written, and then leaves `subject` as it was.
void DecodeSubject(ByteReader& in, profile::Family family, SubjectSummary& subject);
// The same where many are read that nobody needs as trees: `subject`, which holds nothing yet, gets all but
// the body's fields, which come to `fields`, ascending by path. Their paths are those of the bytes read. A
// failure may leave some of it behind in both.
void DecodeSubject(ByteReader& in, profile::Family family, SubjectSummary& subject,
                   std::vector<profile::NamedField>& fields);
// Says of a field's path whether its summary is kept.
using FieldFilter = std::function<bool(std::string_view path)>;
// For a `subject` that holds nothing of `family` yet, into which it reads without merging, within a budget:
// takes what it allocates off `memory_left` and fails the reader when that is not enough, leaving 0. A
// failure may leave some of the family behind. Fields that `wants_field` declines are read, which fails on
// wrong bytes, are charged for, and are not kept. Returns whether there was anything this version knows.
bool DecodeFamily(ByteReader& in, profile::Family family, SubjectSummary& subject, size_t& memory_left,
                  const FieldFilter& wants_field = {});

}  // namespace fieldmark::bucket
