#include "python/worker/worker_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  constexpr uint64_t kEach = 3'000;
  WorkerRecorder worker(kKey);
  std::atomic<int> recording = 2;
  const auto record = [&] {
    for (uint64_t i = 0; i < kEach; ++i) RecordOne(worker);
    recording.fetch_sub(1);
  };
  std::thread one(record), other(record);
  uint64_t requests = 0, names = 0, drains = 0;
  const auto drain = [&] {
    const WorkerRecorder::Drained drained = worker.Drain();
    requests += Requests(drained.buckets);
    names += NameField(drained.buckets).counts.strings;
    ++drains;
  };
  while (recording.load() > 0) drain();
  one.join();
  other.join();
  drain();
  EXPECT_EQ(requests, 2 * kEach);
  EXPECT_EQ(names, 2 * kEach);
  EXPECT_GT(drains, 2u);
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
