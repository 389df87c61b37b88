// The recorder against a slow and obvious twin, which keeps every event and counts when asked: what requests,
// runs, events and violations add up to by minute and name, however often it was drained meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "fieldmark/bucket/recorder.h"
#include "fieldmark/bucket/summary_testing.h"

namespace fieldmark::bucket {
namespace {

constexpr UnixMs kBegin = 29'000'000 * kMsPerMinute;
const std::vector<std::string> kRules = {"missing", "int_type", "too_long"};

struct OneRequest {
  std::string route;
  uint16_t status;
  UnixMs ended;
  double last_byte_ms;
  uint64_t busy_ms;
  std::string exception;
  bool cancelled;
  uint64_t trace;
  std::vector<std::string> broken;  // rules, of one field
  uint64_t times;
};
struct OneRun {
  std::string job;
  UnixMs ended;
  double duration_ms;
  bool succeeded;
};
struct OneEvent {
  std::string subject, kind;
  UnixMs at;
  uint64_t times;
};

OneRequest RandomOne(Random& random) {
  OneRequest one;
  one.route = Chance(random, 50) ? "GET /a" : "POST /b";
  one.ended = kBegin + static_cast<UnixMs>(Below(random, 5 * kMsPerMinute));
  one.last_byte_ms = Chance(random, 10) ? -1 : static_cast<double>(Below(random, 4000)) / 4;
  one.busy_ms = Chance(random, 30) ? Below(random, 150'000) : Below(random, 5);
  one.exception = Chance(random, 20) ? "Error " + std::to_string(Below(random, 3)) : "";
  one.cancelled = Chance(random, 10);
  one.trace = Below(random, 40);
  if (Chance(random, 30)) {
    for (uint64_t left = 1 + Below(random, 3); left > 0; --left) {
      one.broken.push_back(kRules[Below(random, kRules.size())]);
    }
  }
  constexpr uint16_t kStatuses[] = {0, 200, 200, 201, 404, 500, 503};
  one.status = one.broken.empty() ? kStatuses[Below(random, std::size(kStatuses))] : 422;
  one.times = 1 + Below(random, 4);
  return one;
}

sketch::TraceId TraceOf(uint64_t number) {
  sketch::TraceId id{};
  id[3] = static_cast<uint8_t>(number);
  return id;
}

// The four of the smallest hashes.
std::vector<sketch::TraceId> FewOf(const std::set<uint64_t>& numbers) {
  std::vector<sketch::TraceId> ids;
  for (const uint64_t number : numbers) {
    if (number != 0) ids.push_back(TraceOf(number));
  }
  std::sort(ids.begin(), ids.end(), [](const sketch::TraceId& a, const sketch::TraceId& b) {
    return sketch::TraceIds::HashOf(a) < sketch::TraceIds::HashOf(b);
  });
  ids.resize(std::min<size_t>(ids.size(), 4));
  return ids;
}

std::string AnswerOf(const OneRequest& request) {
  if (request.broken.empty()) return "{}";
  std::string errors;
  for (const std::string& rule : request.broken) {
    errors += (errors.empty() ? "" : ",") + (R"({"loc":["body","price"],"type":")" + rule) + "\"}";
  }
  return R"({"detail":[)" + errors + "]}";
}

void Record(Recorder& recorder, const OneRequest& request) {
  const std::string answer = AnswerOf(request);
  recorder.Record({.route = request.route,
                   .status = request.status,
                   .ended_unix_ms = request.ended,
                   .last_byte_ms = request.last_byte_ms,
                   .app_return_ms = static_cast<double>(request.busy_ms),
                   .cancelled = request.cancelled,
                   .exception = request.exception,
                   .trace = TraceOf(request.trace),
                   .response = {BodyState::kCaptured, answer, answer.size()},
                   .times = request.times});
}

void ExpectDurations(const sketch::Histogram& found, std::vector<double> exact) {
  std::erase_if(exact, [](double value) { return value < 0; });
  ASSERT_EQ(found.count(), exact.size());
  if (exact.empty()) return;
  std::sort(exact.begin(), exact.end());
  double sum = 0;  // of quarters: exact
  for (const double value : exact) sum += value;
  EXPECT_EQ(found.min(), exact.front());
  EXPECT_EQ(found.max(), exact.back());
  EXPECT_EQ(found.sum(), sum);
  const double median = exact[(exact.size() - 1) / 2];
  EXPECT_GE(found.Quantile(0.5), median * 0.97);
  EXPECT_LE(found.Quantile(0.5), exact[exact.size() / 2] * 1.03);
}

// Of one route and minute.
void ExpectRequests(const SubjectSummary& found, const std::vector<OneRequest>& all, const std::string& route,
                    Minute minute) {
  std::map<uint16_t, uint64_t> by_status;
  std::map<std::string, uint64_t, std::less<>> by_exception;
  std::map<std::string, std::set<uint64_t>> exception_traces;
  std::set<uint64_t> failed_traces;
  std::map<std::string, std::pair<uint64_t, std::set<uint64_t>>> by_rule;
  std::vector<double> durations;
  uint64_t cancelled = 0, busy_us = 0;
  for (const OneRequest& request : all) {
    if (request.route != route) continue;
    for (UnixMs ms = request.ended - static_cast<UnixMs>(request.busy_ms); ms < request.ended; ++ms) {
      if (MinuteOf(ms) == minute) busy_us += 1000 * request.times;
    }
    if (MinuteOf(request.ended) != minute) continue;
    for (uint64_t i = 0; i < request.times; ++i) {
      ++by_status[request.status];
      if (!request.exception.empty()) ++by_exception[request.exception];
      cancelled += request.cancelled;
      durations.push_back(request.last_byte_ms);
      for (const std::string& rule : std::set(request.broken.begin(), request.broken.end())) {
        ++by_rule[rule].first;
        by_rule[rule].second.insert(request.trace);
      }
    }
    if (request.status >= 500) failed_traces.insert(request.trace);
    if (!request.exception.empty()) exception_traces[request.exception].insert(request.trace);
  }
  const RequestSummary request = found.request.value_or(RequestSummary{});
  EXPECT_EQ(request.by_status, by_status);
  EXPECT_EQ(request.by_exception, by_exception);
  EXPECT_EQ(request.cancelled, cancelled);
  EXPECT_EQ(request.busy_us, busy_us);
  EXPECT_EQ(request.failed_traces.ids(), FewOf(failed_traces));
  for (const auto& [type, traces] : exception_traces) {
    const auto kept = request.exception_traces.find(type);
    EXPECT_EQ(kept == request.exception_traces.end() ? std::vector<sketch::TraceId>{} : kept->second.ids(),
              FewOf(traces));
  }
  ExpectDurations(request.last_byte_ms, durations);
  EXPECT_EQ(found.violations.size(), by_rule.size());
  for (const auto& [rule, broken] : by_rule) {
    const ViolationSummary& violation = found.violations.at({"body.price", rule});
    EXPECT_EQ(violation.count, broken.first);
    EXPECT_EQ(violation.traces.ids(), FewOf(broken.second));
  }
}

void ExpectRuns(const SubjectSummary& found, const std::vector<OneRun>& all, const std::string& job,
                Minute minute) {
  RunSummary exact;
  std::vector<double> durations;
  for (const OneRun& run : all) {
    if (run.job != job || MinuteOf(run.ended) != minute) continue;
    ++exact.started;
    ++(run.succeeded ? exact.succeeded : exact.failed);
    exact.last_finished_unix_ms = std::max(exact.last_finished_unix_ms, run.ended);
    durations.push_back(run.duration_ms);
  }
  const RunSummary run = found.run.value_or(RunSummary{});
  EXPECT_EQ(std::tie(run.started, run.succeeded, run.failed, run.last_finished_unix_ms),
            std::tie(exact.started, exact.succeeded, exact.failed, exact.last_finished_unix_ms));
  ExpectDurations(run.duration_ms, durations);
}

void ExpectEvents(const SubjectSummary& found, const std::vector<OneEvent>& all, const std::string& subject,
                  Minute minute) {
  EventCounts exact;
  for (const OneEvent& event : all) {
    if (event.subject == subject && MinuteOf(event.at) == minute) exact[event.kind] += event.times;
  }
  EXPECT_EQ(found.events, exact);
}

TEST(RecorderTwin, AgreesOnRequestsRunsEventsAndViolations) {
  Random random(107);
  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE(round);
    Recorder recorder;
    Buckets found;
    std::vector<OneRequest> requests;
    std::vector<OneRun> runs;
    std::vector<OneEvent> events;
    for (uint64_t left = Below(random, 150); left > 0; --left) {
      Record(recorder, requests.emplace_back(RandomOne(random)));
      if (Chance(random, 30)) {
        const OneRequest moment = RandomOne(random);
        const OneRun& run = runs.emplace_back(OneRun{Chance(random, 50) ? "nightly" : "hourly", moment.ended,
                                                     moment.last_byte_ms, !moment.cancelled});
        recorder.RecordRun(run.job, run.ended, run.duration_ms, run.succeeded);
        const OneEvent& event = events.emplace_back(
            OneEvent{moment.route, "kind " + std::to_string(moment.trace % 3), moment.ended, moment.times});
        recorder.RecordEvent(event.subject, event.kind, event.at, event.times);
      }
      if (Chance(random, 5)) MergeBuckets(found, recorder.Drain());
    }
    MergeBuckets(found, recorder.Drain());
    for (Minute minute = kBegin / kMsPerMinute - 4; minute < kBegin / kMsPerMinute + 6; ++minute) {
      Bucket& bucket = found[minute];
      for (const std::string route : {"GET /a", "POST /b"}) {
        ExpectRequests(bucket[route], requests, route, minute);
        ExpectEvents(bucket[route], events, route, minute);
      }
      for (const std::string job : {"nightly", "hourly"}) ExpectRuns(bucket["job " + job], runs, job, minute);
      found.erase(minute);
    }
    EXPECT_TRUE(found.empty()) << "minutes that nothing happened in";
  }
}

}  // namespace
}  // namespace fieldmark::bucket
