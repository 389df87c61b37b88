#include "python/worker/worker_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

namespace fieldmark::worker {
namespace {

using bucket::BodyState;
using bucket::Buckets;
using bucket::Recorder;
using testing::IsEmpty;

constexpr UnixMs kNow = 1'795'540'000'000;
constexpr std::string_view kRoute = "POST /orders";
constexpr std::string_view kBody = R"({"customer":{"name":"Ada","phone":null},"items":[1,2]})";
constexpr HashKey kKey{{1}};
constexpr HashKey kOtherKey{{2}};

void RecordOne(WorkerRecorder& worker) {
  worker.Record([](Recorder& recorder) {
    recorder.Record({.route = kRoute,
                     .status = 200,
                     .ended_unix_ms = kNow,
                     .app_return_ms = 1,
                     .request = {BodyState::kCaptured, kBody, kBody.size()}});
  });
}

uint64_t Requests(const Buckets& buckets) {
  uint64_t count = 0;
  for (const auto& [minute, bucket] : buckets) {
    const auto at = bucket.find(kRoute);
    if (at != bucket.end() && at->second.request) count += at->second.request->count();
  }
  return count;
}

// Of the field `customer.name` of the requests' bodies.
profile::FieldSummary NameField(const Buckets& buckets) {
  profile::FieldSummary sum;
  for (const auto& [minute, bucket] : buckets) {
    const auto at = bucket.find("POST /orders request");
    if (at == bucket.end() || !at->second.body) continue;
    const auto field = at->second.body->fields.find("customer.name");
    if (field != at->second.body->fields.end()) sum.Merge(field->second);
  }
  return sum;
}

TEST(WorkerRecorderTest, ADrainGivesEverythingSinceTheLastOneOnce) {
  WorkerRecorder worker(kKey);
  for (const uint64_t times : {3, 1, 2}) {
    for (uint64_t i = 0; i < times; ++i) RecordOne(worker);
    const WorkerRecorder::Drained drained = worker.Drain();
    EXPECT_EQ(Requests(drained.buckets), times);
    EXPECT_EQ(NameField(drained.buckets).counts.strings, times);
    EXPECT_EQ(drained.hash_key_id, kKey.Id());
  }
  EXPECT_THAT(worker.Drain().buckets, IsEmpty());
}

TEST(WorkerRecorderTest, NothingIsLostOrDoubledByDrainsWhileOthersRecord) {
  constexpr uint64_t kDrains = 30;
  WorkerRecorder worker(kKey);
  std::atomic<uint64_t> drains = 0, recorded = 0;
  const auto record = [&] {
    uint64_t count = 0;
    for (; count == 0 || drains.load() < kDrains; ++count) RecordOne(worker);
    recorded.fetch_add(count);
  };
  std::thread one(record), other(record);
  uint64_t requests = 0, names = 0;
  const auto drain = [&] {
    const WorkerRecorder::Drained drained = worker.Drain();
    requests += Requests(drained.buckets);
    names += NameField(drained.buckets).counts.strings;
    drains.fetch_add(1);
  };
  while (drains.load() < kDrains) drain();
  one.join();
  other.join();
  drain();
  EXPECT_EQ(requests, recorded.load());
  EXPECT_EQ(names, recorded.load());
}

TEST(WorkerRecorderTest, AChangeOfTheKeyLosesHashesAndNoCounts) {
  WorkerRecorder worker(kKey);
  RecordOne(worker);
  worker.SetHashKey(kOtherKey);
  EXPECT_EQ(worker.hash_key_id(), kOtherKey.Id());
  RecordOne(worker);
  const WorkerRecorder::Drained drained = worker.Drain();
  EXPECT_EQ(drained.hash_key_id, kOtherKey.Id());
  EXPECT_EQ(Requests(drained.buckets), 2u);
  EXPECT_EQ(NameField(drained.buckets).counts.strings, 2u);

  WorkerRecorder only_other(kOtherKey);
  RecordOne(only_other);
  EXPECT_EQ(NameField(drained.buckets).categories, NameField(only_other.Drain().buckets).categories);
}

// ---------------------------------------------------------------- bodies beside

constexpr std::chrono::seconds kForever{20};

std::list<KeptBody> Kept(std::vector<std::string_view> pieces, std::optional<uint16_t> response_status = {}) {
  std::list<KeptBody> body;
  body.push_back({.response_status = response_status, .pieces = std::move(pieces)});
  return body;
}

// One request, of which the body is recorded beside. Gives back what was not taken.
std::list<KeptBody> RecordRequestOf(WorkerRecorder& worker, std::list<KeptBody> body) {
  worker.RecordRequest({.route = kRoute, .status = 200, .ended_unix_ms = kNow}, body);
  return body;
}

const bucket::BodySummary& BodyOf(const Buckets& buckets, std::string_view subject) {
  return *buckets.begin()->second.find(subject)->second.body;
}

// What an answer says was wrong comes with the trace of its request, whether it is copied or kept.
TEST(WorkerRecorderTest, WhatIsReadBesideKeepsItsTrace) {
  const std::string answer = R"({"detail":[{"loc":["body","phone"],"type":"missing"}]})";
  WorkerRecorder worker(kKey);
  bucket::RequestEvent event{.route = kRoute, .status = 422, .ended_unix_ms = kNow, .trace = {1}};
  event.response = {BodyState::kCaptured, answer, answer.size()};
  std::list<KeptBody> none;
  worker.RecordRequest(event, none);
  event.trace = {2};
  event.response = {};
  std::list<KeptBody> kept = Kept({answer}, 422);
  worker.RecordRequest(event, kept);
  worker.Settle(kForever);
  sketch::TraceIds traces;
  traces.Add({1});
  traces.Add({2});
  const WorkerRecorder::Drained drained = worker.Drain();
  const bucket::Violations& violations = drained.buckets.begin()->second.find(kRoute)->second.violations;
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_EQ(violations.begin()->first, (bucket::ViolationName{"body.phone", "missing"}));
  EXPECT_EQ(violations.begin()->second, (bucket::ViolationSummary{2, traces}));
}

TEST(WorkerRecorderTest, AKeptBodyIsRecordedBesideAsItWouldBeInline) {
  WorkerRecorder beside(kKey), in_line(kKey);
  RecordRequestOf(beside, Kept({kBody}));
  RecordRequestOf(beside, Kept({kBody.substr(0, 9), kBody.substr(9, 1), kBody.substr(10)}, 200));
  RecordRequestOf(beside, Kept({kBody.substr(1)}, 503));
  beside.Settle(kForever);
  for (const std::optional<uint16_t> status : {std::optional<uint16_t>(), {200}, {503}}) {
    in_line.Record([&](Recorder& recorder) {
      recorder.Record({.route = kRoute, .status = 200, .ended_unix_ms = kNow});
      const std::string_view content = status == 503 ? kBody.substr(1) : kBody;
      recorder.RecordBody({.route = kRoute,
                           .response_status = status,
                           .ended_unix_ms = kNow,
                           .body = {BodyState::kCaptured, content}});
    });
  }
  EXPECT_EQ(beside.Drain().buckets, in_line.Drain().buckets);
}

bucket::RequestEvent Order(UnixMs ended_unix_ms = kNow) {
  return {.route = kRoute,
          .status = 201,
          .ended_unix_ms = ended_unix_ms,
          .app_return_ms = 1,
          .request = {BodyState::kCaptured, kBody, kBody.size()},
          .response = {BodyState::kCaptured, kBody.substr(1), kBody.size() - 1}};
}

void RecordOrders(WorkerRecorder& worker, int count, UnixMs ended_unix_ms = kNow) {
  std::list<KeptBody> none;
  for (int i = 0; i < count; ++i) worker.RecordRequest(Order(ended_unix_ms), none);
}

// As a single recorder counts them.
Buckets OrdersInline(int count) {
  Recorder recorder(Limits{}, kKey);
  for (int i = 0; i < count; ++i) recorder.Record(Order());
  return recorder.Drain();
}

TEST(WorkerRecorderTest, SmallBodiesAreRecordedBesideAsTheyWouldBeInline) {
  WorkerRecorder worker(kKey);
  RecordOrders(worker, 3'000);  // the thread is woken some times, and not for the last
  worker.Settle(kForever);
  EXPECT_EQ(worker.Drain().buckets, OrdersInline(3'000));
}

TEST(WorkerRecorderTest, BodiesOfAnEarlierMinuteStayInIt) {
  WorkerRecorder worker(kKey);
  RecordOrders(worker, 1);
  RecordOrders(worker, 1, kNow + kMsPerMinute);
  RecordOrders(worker, 1);
  worker.Settle(kForever);
  const Buckets buckets = worker.Drain().buckets;
  ASSERT_EQ(buckets.size(), 2u);
  EXPECT_EQ(BodyOf(buckets, "POST /orders request").documents, 2u);
}

TEST(WorkerRecorderTest, SmallBodiesAfterTheEndAreRecordedAtOnce) {
  WorkerRecorder worker(kKey);
  RecordOrders(worker, 1);
  worker.Close(kForever);
  RecordOrders(worker, 2);
  EXPECT_EQ(worker.Drain().buckets, OrdersInline(3));
}

TEST(WorkerRecorderTest, SmallBodiesThatTheThreadDoesNotGetToAreRecordedAtOnce) {
  WorkerRecorder worker(kKey);
  constexpr int kTooMany = 10 * kCopiedBytesMax / 100;  // faster than they are profiled
  RecordOrders(worker, kTooMany);
  worker.Settle(kForever);
  EXPECT_EQ(worker.Drain().buckets, OrdersInline(kTooMany));
}

TEST(WorkerRecorderTest, OwnersComeBackOnceAndWhatTheyHeldIsReleased) {
  WorkerRecorder worker;
  int owner = 0;
  std::list<KeptBody> body = Kept({kBody});
  body.front().owners = {&owner};
  body.front().held_bytes = 100;
  ASSERT_TRUE(worker.Hold(100));
  EXPECT_THAT(RecordRequestOf(worker, std::move(body)), IsEmpty());
  worker.Settle(kForever);
  EXPECT_TRUE(worker.has_finished());
  EXPECT_THAT(worker.TakeFinished().front().owners, testing::ElementsAre(&owner));
  EXPECT_EQ(worker.held_bytes(), 0u);
  EXPECT_FALSE(worker.has_finished());
  EXPECT_THAT(worker.TakeFinished(), IsEmpty());
}

TEST(WorkerRecorderTest, WhatIsLeftAtTheEndCountsAsNotCaptured) {
  // Seconds of work for the thread beside; the end waits for the body that it is at, and for no other.
  constexpr uint64_t kBodies = 1'000;
  std::string slow = "[1";
  while (slow.size() < 500'000) slow += ",1";
  slow += ']';
  WorkerRecorder worker;
  for (uint64_t i = 0; i < kBodies; ++i) RecordRequestOf(worker, Kept({slow}));
  worker.Close(std::chrono::milliseconds(0));
  EXPECT_EQ(RecordRequestOf(worker, Kept({slow})).size(), 1u);  // after the end
  const Buckets buckets = worker.Drain().buckets;
  const bucket::BodySummary& body = BodyOf(buckets, "POST /orders request");
  EXPECT_EQ(Requests(buckets), kBodies + 1);
  EXPECT_EQ(body.documents + body.not_captured, kBodies + 1);
  EXPECT_GT(body.not_captured, 1u);
  EXPECT_EQ(worker.TakeFinished().size(), kBodies);
}

TEST(WorkerRecorderTest, NothingIsLostWhileBodiesComeKeysChangeAndDrainsGoOn) {
  constexpr uint64_t kBodies = 400;
  WorkerRecorder worker(kKey);
  std::thread recording([&] {
    for (uint64_t i = 0; i < kBodies; ++i) {
      RecordRequestOf(worker, Kept({kBody}));
      RecordOrders(worker, 1);
    }
  });
  uint64_t documents = 0, requests = 0, owners = 0;
  const auto drain = [&] {
    const Buckets buckets = worker.Drain().buckets;
    requests += Requests(buckets);
    documents += NameField(buckets).counts.strings;
    owners += worker.TakeFinished().size();
  };
  for (int i = 0; i < 50; ++i) {
    drain();
    worker.SetHashKey(i % 2 == 0 ? kOtherKey : kKey);
  }
  recording.join();
  worker.Close(kForever);
  drain();
  EXPECT_EQ(requests, 2 * kBodies);
  EXPECT_EQ(documents, 2 * kBodies);
  EXPECT_EQ(owners, kBodies);
}

TEST(WorkerRecorderTest, AKeptBodyOfARouteWithoutANameGoesWhereItsRequestsGo) {
  WorkerRecorder worker;
  for (size_t i = 0; i <= Limits{}.subjects_max; ++i) {
    worker.Record([&](Recorder& recorder) {
      recorder.Record({.route = "GET /" + std::to_string(i), .status = 200, .ended_unix_ms = kNow});
    });
  }
  RecordRequestOf(worker, Kept({kBody}));
  worker.Settle(kForever);
  const Buckets buckets = worker.Drain().buckets;
  EXPECT_EQ(BodyOf(buckets, "(other) request").documents, 1u);
  EXPECT_EQ(buckets.begin()->second.at("").watch->folded_subjects, 2u);  // requests, not bodies
}

TEST(WorkerRecorderTest, AChildOfTheProcessLeavesItsParentsRecorderAlone) {
  WorkerRecorder worker;
  RecordRequestOf(worker, Kept({kBody}));
  worker.Settle(kForever);
  EXPECT_EXIT(
      {
        const size_t left = RecordRequestOf(worker, Kept({kBody})).size();
        RecordOrders(worker, 1);
        worker.~WorkerRecorder();  // would wait for a thread that this process does not have
        _exit(left == 1 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(WorkerRecorderTest, WhatIsHeldHasALimit) {
  WorkerRecorder worker;
  EXPECT_TRUE(worker.Hold(kHeldBytesMax - 1));
  EXPECT_FALSE(worker.Hold(2));
  EXPECT_TRUE(worker.Hold(1));
  EXPECT_EQ(worker.held_bytes(), kHeldBytesMax);
  worker.Release(kHeldBytesMax);
  EXPECT_EQ(worker.held_bytes(), 0u);
}

}  // namespace
}  // namespace fieldmark::worker
