#include "fieldmark/bucket/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fieldmark/bucket/summary_testing.h"
#include "fieldmark/profile/profiler.h"

namespace fieldmark::bucket {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr UnixMs kMinute0 = 29'000'000 * kMsPerMinute;

RequestEvent Order(std::string_view request, std::string_view response, UnixMs at = kMinute0 + 30'000) {
  return {.route = "POST /orders",
          .status = 201,
          .ended_unix_ms = at,
          .first_byte_ms = 3,
          .last_byte_ms = 4,
          .app_return_ms = 5,
          .request = {BodyState::kCaptured, request, request.size()},
          .response = {BodyState::kCaptured, response, response.size()}};
}

std::vector<std::string> NamesOf(const Bucket& bucket) {
  std::vector<std::string> names;
  for (const auto& [name, subject] : bucket) names.push_back(name);
  return names;
}

TEST(Recorder, ARequestBecomesItsThreeSubjects) {
  Recorder recorder;
  recorder.Record(Order(R"({"phone":null})", R"({"id":7})"));
  const Buckets buckets = recorder.Drain();
  ASSERT_THAT(buckets, ElementsAre(Pair(29'000'000, testing::_)));
  const Bucket& bucket = buckets.begin()->second;
  EXPECT_THAT(NamesOf(bucket),
              ElementsAre("POST /orders", "POST /orders request", "POST /orders response 2xx"));
  const RequestSummary& request = *bucket.at("POST /orders").request;
  EXPECT_THAT(request.by_status, ElementsAre(Pair(201, 1)));
  EXPECT_EQ(request.count(), 1u);
  EXPECT_EQ(request.first_byte_ms.sum(), 3);
  EXPECT_EQ(request.last_byte_ms.sum(), 4);
  EXPECT_EQ(request.app_return_ms.sum(), 5);
  EXPECT_EQ(request.request_bytes.sum(), 14);
  EXPECT_EQ(request.response_bytes.sum(), 8);
  EXPECT_EQ(request.busy_us, 5000u);
  const BodySummary& body = *bucket.at("POST /orders request").body;
  EXPECT_EQ(body.documents, 1u);
  EXPECT_EQ(body.fields.at("phone").counts.nulls, 1u);
  EXPECT_EQ(bucket.at("POST /orders response 2xx").body->fields.at("id").counts.integers, 1u);
  EXPECT_THAT(recorder.Drain(), testing::IsEmpty());
}

TEST(Recorder, EveryStateOfABodyIsCounted) {
  Recorder recorder;
  const auto record = [&](BodyState state, std::string_view bytes) {
    RequestEvent event = Order("", "{}");
    event.request = {state, bytes, bytes.size()};
    recorder.Record(event);
  };
  record(BodyState::kNone, "");
  record(BodyState::kNotJson, "");
  record(BodyState::kCompressed, "");
  record(BodyState::kCompressed, "");
  record(BodyState::kNotCaptured, "");
  record(BodyState::kCaptured, "");
  record(BodyState::kCaptured, R"({"a":)");
  record(BodyState::kCaptured, R"({"a":1})");
  const Buckets buckets = recorder.Drain();
  const BodySummary& body = *buckets.at(29'000'000).at("POST /orders request").body;
  EXPECT_EQ(body.documents, 1u);
  EXPECT_EQ(body.not_json, 1u);
  EXPECT_EQ(body.compressed, 2u);
  EXPECT_EQ(body.not_captured, 1u);
  EXPECT_EQ(body.malformed[static_cast<size_t>(json::Malformed::kEmpty)], 1u);
  EXPECT_EQ(body.malformed[static_cast<size_t>(json::Malformed::kTruncated)], 1u);
}

TEST(Recorder, WhatNeverHappenedIsNotMeasured) {
  Recorder recorder;
  recorder.Record({.route = "GET /a",
                   .status = 0,
                   .ended_unix_ms = kMinute0,
                   .cancelled = true,
                   .exception = "KeyError"});
  const Buckets buckets = recorder.Drain();
  const Bucket& bucket = buckets.at(29'000'000);
  EXPECT_THAT(NamesOf(bucket), ElementsAre("GET /a"));
  const RequestSummary& request = *bucket.at("GET /a").request;
  EXPECT_TRUE(request.first_byte_ms.empty() && request.last_byte_ms.empty() && request.app_return_ms.empty());
  EXPECT_TRUE(request.response_bytes.empty());
  EXPECT_EQ(request.cancelled, 1u);
  EXPECT_THAT(request.by_exception, ElementsAre(Pair("KeyError", 1)));
}

TEST(Recorder, DurationsThatAreNoNumbersAreLeftOut) {
  Recorder recorder;
  RequestEvent event = Order("{}", "{}");
  event.first_byte_ms = std::numeric_limits<double>::quiet_NaN();
  event.last_byte_ms = std::numeric_limits<double>::infinity();
  event.app_return_ms = std::numeric_limits<double>::quiet_NaN();
  recorder.Record(event);
  const Buckets buckets = recorder.Drain();
  const RequestSummary& request = *buckets.at(29'000'000).at("POST /orders").request;
  EXPECT_TRUE(request.first_byte_ms.empty() && request.last_byte_ms.empty() && request.app_return_ms.empty());
  EXPECT_EQ(request.busy_us, 0u);
}

TEST(Recorder, StatusClassesHaveNames) {
  EXPECT_EQ(StatusClass(0), "none");
  EXPECT_EQ(StatusClass(100), "1xx");
  EXPECT_EQ(StatusClass(204), "2xx");
  EXPECT_EQ(StatusClass(599), "5xx");
  EXPECT_EQ(StatusClass(99), "other");
  EXPECT_EQ(StatusClass(600), "other");
  EXPECT_EQ(StatusClass(65535), "other");
}

// A stream of random events, minutes jumping back and forth.
std::vector<RequestEvent> RandomEventsOf(Random& random, size_t size, uint64_t times_max) {
  static const std::vector<std::string> kBodies = {R"({"a":1,"b":["x","y"]})",
                                                   R"({"a":null})",
                                                   R"({"a":2.5,"c":{"d":"text"}})",
                                                   "[1,2,3]",
                                                   "",
                                                   "{broken",
                                                   "true"};
  static const std::vector<std::string> kRoutes = {"GET /a", "POST /b", "PUT /c/{id}"};
  std::vector<RequestEvent> events;
  for (size_t i = 0; i < size; ++i) {
    const std::string& request = kBodies[Below(random, kBodies.size())];
    const std::string& response = kBodies[Below(random, kBodies.size())];
    RequestEvent event =
        Order(request, response, kMinute0 + static_cast<UnixMs>(Below(random, 4 * kMsPerMinute)));
    event.route = kRoutes[Below(random, kRoutes.size())];
    event.status = static_cast<uint16_t>(100 * Below(random, 7));
    event.app_return_ms = Chance(random, 20) ? static_cast<double>(Below(random, 200'000)) : 0.25;
    event.exception = Chance(random, 10) ? "ValueError" : "";
    event.request.state = static_cast<BodyState>(Below(random, 5));
    event.response.state = static_cast<BodyState>(Below(random, 5));
    event.times = 1 + Below(random, times_max);
    events.push_back(event);
  }
  return events;
}

TEST(Recorder, TimesIsTheSameAsSoManyCalls) {
  Random random(97);
  for (int round = 0; round < 30; ++round) {
    Recorder at_once(Limits{}, HashKey{});
    Recorder singly(Limits{}, HashKey{});
    for (RequestEvent event : RandomEventsOf(random, 40, 5)) {
      at_once.Record(event);
      const uint64_t times = std::exchange(event.times, 1);
      for (uint64_t i = 0; i < times; ++i) singly.Record(event);
    }
    EXPECT_EQ(at_once.Drain(), singly.Drain());
  }
}

// Late events land in their own minute: the order of recording does not show, nor where it was drained.
TEST(Recorder, EventsLandInTheirMinuteInAnyOrder) {
  Random random(101);
  for (int round = 0; round < 30; ++round) {
    std::vector<RequestEvent> events = RandomEventsOf(random, 60, 2);
    Recorder forwards(Limits{}, HashKey{});
    Recorder shuffled(Limits{}, HashKey{});
    std::sort(events.begin(), events.end(),
              [](const RequestEvent& a, const RequestEvent& b) { return a.ended_unix_ms < b.ended_unix_ms; });
    for (const RequestEvent& event : events) forwards.Record(event);
    std::shuffle(events.begin(), events.end(), random);
    Buckets drained;
    for (const RequestEvent& event : events) {
      shuffled.Record(event);
      if (Chance(random, 10)) MergeBuckets(drained, shuffled.Drain());
    }
    MergeBuckets(drained, shuffled.Drain());
    EXPECT_EQ(drained, forwards.Drain());
  }
}

TEST(Recorder, TimeInsideRequestsIsSplitAtTheMinute) {
  Recorder recorder;
  RequestEvent event = Order("{}", "{}", kMinute0 + 10'000);
  event.app_return_ms = 90'000.5;
  event.times = 2;
  recorder.Record(event);
  const Buckets buckets = recorder.Drain();
  EXPECT_EQ(buckets.at(29'000'000).at("POST /orders").request->busy_us, 2 * 10'000'000u);
  EXPECT_EQ(buckets.at(28'999'999).at("POST /orders").request->busy_us, 2 * 60'000'000u);
  EXPECT_EQ(buckets.at(28'999'998).at("POST /orders").request->busy_us, 2 * 20'000'500u);
  EXPECT_EQ(buckets.at(28'999'999).at("POST /orders").request->count(), 0u);
}

TEST(Recorder, ARequestOfDaysFillsABoundedNumberOfMinutes) {
  Recorder recorder;
  RequestEvent event = Order("{}", "{}");
  event.app_return_ms = 3 * 24 * 3'600'000.0;
  recorder.Record(event);
  const Buckets buckets = recorder.Drain();
  EXPECT_EQ(buckets.size(), 61u);
  uint64_t busy_us = 0;
  for (const auto& [minute, bucket] : buckets) busy_us += bucket.at("POST /orders").request->busy_us;
  EXPECT_EQ(busy_us, 3 * 24 * 3'600'000'000ull);
}

TEST(Recorder, WatchingIsSplitAtTheMinute) {
  Recorder recorder;
  recorder.Watch(kMinute0 - 5'000, kMinute0 + 62'000);
  recorder.Watch(kMinute0, kMinute0);
  recorder.Watch(kMinute0, kMinute0 - 1);
  const Buckets buckets = recorder.Drain();
  ASSERT_EQ(buckets.size(), 3u);
  EXPECT_EQ(buckets.at(28'999'999).at("").watch->observed_ms, 5'000u);
  EXPECT_EQ(buckets.at(29'000'000).at("").watch->observed_ms, 60'000u);
  EXPECT_EQ(buckets.at(29'000'001).at("").watch->observed_ms, 2'000u);
  recorder.Watch(0, kMinute0);
  EXPECT_EQ(recorder.Drain().size(), 35u * 24 * 60) << "a clock that jumped";
}

TEST(Recorder, RoutesBeyondTheLimitAreOneAndCounted) {
  Limits limits;
  limits.subjects_max = 2;
  Recorder recorder(limits);
  const auto record = [&](const char* route, uint64_t times) {
    RequestEvent event = Order("{}", "{}");
    event.route = route;
    event.times = times;
    recorder.Record(event);
  };
  record("GET /a", 1);
  record("GET /b", 1);
  record("GET /c", 3);
  record("GET /d", 1);
  record("GET /a", 1);
  recorder.RecordRun("nightly", kMinute0, 10, true);
  const Buckets buckets = recorder.Drain();
  const Bucket& bucket = buckets.at(29'000'000);
  EXPECT_EQ(bucket.at("GET /a").request->count(), 2u);
  EXPECT_EQ(bucket.at("GET /b").request->count(), 1u);
  EXPECT_EQ(bucket.at("(other)").request->count(), 4u);
  EXPECT_EQ(bucket.at("(other)").run->succeeded, 1u);
  EXPECT_EQ(bucket.at("(other) request").body->documents, 4u);
  EXPECT_EQ(bucket.at("").watch->folded_subjects, 5u);
  EXPECT_FALSE(bucket.contains("GET /c"));
  record("GET /b", 1);
  record("GET /c", 1);
  const Buckets later = recorder.Drain();
  EXPECT_TRUE(later.at(29'000'000).contains("GET /b")) << "names stay through a drain";
  EXPECT_FALSE(later.at(29'000'000).contains("GET /c"));
}

TEST(Recorder, ExceptionTypesAndEventKindsAreBounded) {
  Recorder recorder;
  for (int i = 0; i < 1000; ++i) {
    const std::string kind = "Kind" + std::to_string(i);
    RequestEvent event = Order("{}", "{}");
    event.exception = kind;
    recorder.Record(event);
    recorder.RecordEvent("POST /orders", kind, kMinute0, 2);
  }
  const Buckets buckets = recorder.Drain();
  const SubjectSummary& subject = buckets.at(29'000'000).at("POST /orders");
  EXPECT_EQ(subject.request->by_exception.size(), 257u);
  EXPECT_EQ(subject.request->by_exception.at("(other)"), 1000u - 256);
  EXPECT_EQ(subject.events.size(), 257u);
  EXPECT_EQ(subject.events.at("(other)"), 2 * (1000u - 256));
}

TEST(Recorder, RunsEventsAndDropsAreRecorded) {
  Recorder recorder;
  recorder.RecordRun("nightly", kMinute0 + 5, 100, true);
  recorder.RecordRun("nightly", kMinute0 + 3, 200, false);
  recorder.RecordEvent("log shop", "ERROR charging %s failed", kMinute0, 4);
  recorder.CountDropped(kMinute0);
  const Buckets buckets = recorder.Drain();
  const Bucket& bucket = buckets.at(29'000'000);
  const RunSummary& run = *bucket.at("job nightly").run;
  EXPECT_EQ(run.started, 2u);
  EXPECT_EQ(run.succeeded, 1u);
  EXPECT_EQ(run.failed, 1u);
  EXPECT_EQ(run.last_finished_unix_ms, kMinute0 + 5);
  EXPECT_EQ(run.duration_ms.sum(), 300);
  EXPECT_THAT(bucket.at("log shop").events, ElementsAre(Pair("ERROR charging %s failed", 4)));
  EXPECT_EQ(bucket.at("").watch->dropped_events, 1u);
}

sketch::TraceIds Traces(std::initializer_list<uint8_t> first_bytes) {
  sketch::TraceIds traces;
  for (const uint8_t first : first_bytes) traces.Add({first});
  return traces;
}

RequestEvent Refused(std::string_view answer, uint16_t status = 422) {
  RequestEvent event = Order("{}", answer);
  event.status = status;
  return event;
}

const std::string kMissing = R"({"detail":[{"loc":["body","customer","phone"],"type":"missing"}]})";
const ViolationName kPhoneMissing = {"body.customer.phone", "missing"};

TEST(Recorder, WhatAnAnswerSaysWasWrongIsCountedOfTheRoute) {
  Recorder recorder;
  RequestEvent event = Refused(kMissing);
  event.trace = {7};
  recorder.Record(event);
  event.trace = {8};
  event.times = 3;
  recorder.Record(event);
  recorder.Record(Refused(kMissing, 400));
  recorder.RecordBody({.route = "POST /orders",
                       .response_status = 422,
                       .ended_unix_ms = kMinute0,
                       .trace = {9},
                       .body = {BodyState::kCaptured, kMissing, kMissing.size()}});
  const Buckets buckets = recorder.Drain();
  const Bucket& bucket = buckets.at(29'000'000);
  EXPECT_THAT(bucket.at("POST /orders").violations,
              ElementsAre(Pair(kPhoneMissing, ViolationSummary{6, Traces({7, 8, 9})})));
  EXPECT_EQ(bucket.at("POST /orders response 4xx").body->documents, 6u) << "and profiled as ever";
}

TEST(Recorder, OnlyAnswersToInvalidRequestsSayWhatWasWrong) {
  Recorder recorder;
  for (const int status : {200, 302, 500, 0})
    recorder.Record(Refused(kMissing, static_cast<uint16_t>(status)));
  RequestEvent skipped = Refused(kMissing);
  skipped.response.state = BodyState::kNotCaptured;
  recorder.Record(skipped);
  RequestEvent request = Refused("{}");
  request.request.bytes = kMissing;
  recorder.Record(request);
  recorder.RecordBody({.route = "POST /orders",
                       .ended_unix_ms = kMinute0,
                       .body = {BodyState::kCaptured, kMissing, kMissing.size()}});
  recorder.Record(Refused(R"({"detail":"Not Found"})", 404));
  const Buckets buckets = recorder.Drain();
  for (const auto& [name, subject] : buckets.at(29'000'000)) EXPECT_TRUE(subject.violations.empty()) << name;
}

TEST(Recorder, WhatAnExceptionSaysWasWrongIsCountedToo) {
  Recorder recorder;
  RequestEvent event = Order("{}", "");
  event.status = 500;
  event.exception = "ResponseValidationError";
  event.invalid = R"({"detail":[{"loc":["response","id"],"type":"int_type"}]})";
  event.trace = {9};
  recorder.Record(event);
  const Buckets buckets = recorder.Drain();
  EXPECT_THAT(buckets.at(29'000'000).at("POST /orders").violations,
              ElementsAre(Pair(ViolationName{"response.id", "int_type"}, ViolationSummary{1, Traces({9})})));
}

TEST(Recorder, TracesAreKeptOfWhatFailedAlone) {
  Recorder recorder;
  uint8_t next = 0;
  for (const auto& [status, exception] :
       {std::pair{200, ""}, {422, ""}, {500, "KeyError"}, {503, ""}, {200, "IOError"}}) {
    RequestEvent event = Order("{}", "{}");
    event.status = static_cast<uint16_t>(status);
    event.exception = exception;
    event.trace = {++next};
    recorder.Record(event);
  }
  RequestEvent untraced = Order("{}", "{}");
  untraced.exception = "ValueError";
  recorder.Record(untraced);
  const Buckets buckets = recorder.Drain();
  const RequestSummary& request = *buckets.at(29'000'000).at("POST /orders").request;
  EXPECT_EQ(request.failed_traces, Traces({3, 4}));
  EXPECT_THAT(request.exception_traces,
              ElementsAre(Pair("IOError", Traces({5})), Pair("KeyError", Traces({3}))));
}

// A client that makes keys up fills its route's names, never the memory.
TEST(Recorder, ViolationsHaveBoundedlyManyNames) {
  Recorder recorder;
  const auto refuse = [&](int number) {
    const std::string answer = R"({"detail":[{"loc":["body","key_)" + std::to_string(number) +
                               R"("],"type":"missing"},{"loc":["body"],"type":"missing"}]})";
    recorder.Record(Refused(answer));
  };
  for (int number = 0; number < 1000; ++number) refuse(number);
  const auto violations = [&] { return recorder.Drain().at(29'000'000).at("POST /orders").violations; };
  const Violations first = violations();
  EXPECT_EQ(first.size(), 257u);
  EXPECT_EQ(first.at({"body", "missing"}).count, 1000u);
  EXPECT_EQ(first.at({"(other)", "(other)"}).count, 1000u - 255);
  refuse(7);
  refuse(7000);
  const Violations second = violations();
  EXPECT_TRUE(second.contains({"body.key_7", "missing"})) << "names stay through a drain";
  EXPECT_EQ(second.at({"(other)", "(other)"}).count, 1u);
}

TEST(Recorder, DrainedPayloadsAreConcealed) {
  Recorder recorder;
  recorder.Record(Order(R"({"total":12.5,"name":"someone"})", "{}"));
  const Buckets buckets = recorder.Drain();
  const Bucket& bucket = buckets.at(29'000'000);
  const profile::Fields& fields = bucket.at("POST /orders request").body->fields;
  EXPECT_TRUE(fields.at("total").numbers.concealed());
  EXPECT_TRUE(fields.at("name").string_bytes.concealed());
  EXPECT_FALSE(bucket.at("POST /orders").request->last_byte_ms.concealed());
}

TEST(Recorder, ValuesAreHashedOnlyUnderAKeyAndNeverUnderTwo) {
  const HashKey first = *HashKey::FromHex("00112233445566778899aabbccddeeff");
  const HashKey second = *HashKey::FromHex("ffeeddccbbaa99887766554433221100");
  const auto hashes = [](Recorder& recorder) {
    std::vector<uint64_t> found;
    const Buckets buckets = recorder.Drain();
    const profile::Fields& fields = buckets.at(29'000'000).at("POST /orders request").body->fields;
    for (const auto& entry : fields.at("a").categories.entries()) found.push_back(entry.hash);
    EXPECT_GT(fields.at("a").counts.strings, 0u);
    return found;
  };
  Recorder recorder;
  EXPECT_EQ(recorder.hash_key_id(), 0u);
  recorder.Record(Order(R"({"a":"x"})", "{}"));
  EXPECT_THAT(hashes(recorder), testing::IsEmpty());

  recorder.Record(Order(R"({"a":"x"})", "{}"));
  recorder.SetHashKey(first);
  EXPECT_EQ(recorder.hash_key_id(), first.Id());
  recorder.Record(Order(R"({"a":"y"})", "{}"));
  EXPECT_THAT(hashes(recorder), ElementsAre(profile::Profiler::HashString(first, "y")));

  recorder.Record(Order(R"({"a":"x"})", "{}"));
  recorder.SetHashKey(first);
  recorder.SetHashKey(second);
  recorder.Record(Order(R"({"a":"y"})", "{}"));
  EXPECT_THAT(hashes(recorder), ElementsAre(profile::Profiler::HashString(second, "y")));
}

TEST(Recorder, DeclaredFieldsAreNamedFirstAlsoWhenTheyAreDeclaredLate) {
  const Limits limits = {.fields_max = 2, .names_max = 2};
  Recorder recorder(limits, *HashKey::FromHex("00112233445566778899aabbccddeeff"));
  const auto fields = [&] {
    const Buckets buckets = recorder.Drain();
    return buckets.at(29'000'000).at("POST /orders request").body->fields;
  };
  recorder.Record(Order(R"({"a":1,"b":1,"status":"paid"})", "{}"));
  EXPECT_TRUE(recorder.Declare("", "status", profile::FieldKind::kRevealed));
  recorder.Record(Order(R"({"a":1,"b":1,"status":"paid"})", "{}"));
  const profile::Fields late = fields();
  EXPECT_EQ(late.at("status").counts.strings, 1u);
  EXPECT_EQ(late.at("status").texts.entries()[0].text, "paid");
  EXPECT_EQ(late.at("").counts.folded, 2u);

  EXPECT_FALSE(recorder.Declare("", "no path", profile::FieldKind::kPlain));
  EXPECT_TRUE(recorder.Declare("POST /orders request", "b", profile::FieldKind::kPlain));
  EXPECT_FALSE(recorder.Declare("POST /orders request", "c", profile::FieldKind::kPlain)) << "no room";
  EXPECT_TRUE(recorder.Declare("GET /a response 2xx", "c", profile::FieldKind::kPlain)) << "room there";
  EXPECT_FALSE(recorder.Declare("", "d", profile::FieldKind::kPlain)) << "no room in two subjects";
  recorder.Record(Order(R"({"a":1,"b":1,"status":"open"})", "{}"));
  const profile::Fields own = fields();
  EXPECT_TRUE(own.contains("b"));
  EXPECT_TRUE(own.contains("status"));
  EXPECT_FALSE(own.contains("a"));
}

}  // namespace
}  // namespace fieldmark::bucket
