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

// ---------------------------------------------------------------- large bodies

constexpr std::chrono::seconds kForever{20};

std::list<LargeBody> Large(std::vector<std::string_view> pieces,
                           std::optional<uint16_t> response_status = {}) {
  std::list<LargeBody> body;
  body.push_back({.response_status = response_status, .pieces = std::move(pieces)});
  return body;
}

// One request, of which the body is recorded beside. Gives back what was not taken.
std::list<LargeBody> RecordRequestOf(WorkerRecorder& worker, std::list<LargeBody> body) {
  worker.RecordRequest({.route = kRoute, .status = 200, .ended_unix_ms = kNow}, body);
  return body;
}

const bucket::BodySummary& BodyOf(const Buckets& buckets, std::string_view subject) {
  return *buckets.begin()->second.find(subject)->second.body;
}

TEST(WorkerRecorderTest, ALargeBodyIsRecordedBesideAsItWouldBeInline) {
  WorkerRecorder beside(kKey), in_line(kKey);
  RecordRequestOf(beside, Large({kBody}));
  RecordRequestOf(beside, Large({kBody.substr(0, 9), kBody.substr(9, 1), kBody.substr(10)}, 200));
  RecordRequestOf(beside, Large({kBody.substr(1)}, 503));
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

TEST(WorkerRecorderTest, OwnersComeBackOnceAndWhatTheyHeldIsReleased) {
  WorkerRecorder worker;
  int owner = 0;
  std::list<LargeBody> body = Large({kBody});
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
  for (uint64_t i = 0; i < kBodies; ++i) RecordRequestOf(worker, Large({slow}));
  worker.Close(std::chrono::milliseconds(0));
  EXPECT_EQ(RecordRequestOf(worker, Large({slow})).size(), 1u);  // after the end
  const Buckets buckets = worker.Drain().buckets;
  const bucket::BodySummary& body = BodyOf(buckets, "POST /orders request");
  EXPECT_EQ(Requests(buckets), kBodies + 1);
  EXPECT_EQ(body.documents + body.not_captured, kBodies + 1);
  EXPECT_GT(body.not_captured, 1u);
  EXPECT_EQ(worker.TakeFinished().size(), kBodies);
}

TEST(WorkerRecorderTest, NothingIsLostWhileLargeBodiesComeKeysChangeAndDrainsGoOn) {
  constexpr uint64_t kBodies = 400;
  WorkerRecorder worker(kKey);
  std::thread recording([&] {
    for (uint64_t i = 0; i < kBodies; ++i) RecordRequestOf(worker, Large({kBody}));
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
  EXPECT_EQ(requests, kBodies);
  EXPECT_EQ(documents, kBodies);
  EXPECT_EQ(owners, kBodies);
}

TEST(WorkerRecorderTest, ALargeBodyOfARouteWithoutANameGoesWhereItsRequestsGo) {
  WorkerRecorder worker;
  for (size_t i = 0; i <= Limits{}.subjects_max; ++i) {
    worker.Record([&](Recorder& recorder) {
      recorder.Record({.route = "GET /" + std::to_string(i), .status = 200, .ended_unix_ms = kNow});
    });
  }
  RecordRequestOf(worker, Large({kBody}));
  worker.Settle(kForever);
  const Buckets buckets = worker.Drain().buckets;
  EXPECT_EQ(BodyOf(buckets, "(other) request").documents, 1u);
  EXPECT_EQ(buckets.begin()->second.at("").watch->folded_subjects, 2u);  // requests, not bodies
}

TEST(WorkerRecorderTest, AChildOfTheProcessLeavesItsParentsRecorderAlone) {
  WorkerRecorder worker;
  RecordRequestOf(worker, Large({kBody}));
  worker.Settle(kForever);
  EXPECT_EXIT(
      {
        const size_t left = RecordRequestOf(worker, Large({kBody})).size();
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
