#include "fieldmark/bucket/outbox.h"

#include <gtest/gtest.h>

#include <set>

#include "fieldmark/bucket/summary_testing.h"

namespace fieldmark::bucket {
namespace {

constexpr Minute kMinute0 = 29'000'000;

BatchHeader Identity() {
  BatchHeader header;
  header.stream = {"production", "orders", "9f2c1ab"};
  header.instance.fill(7);
  header.host = "host";
  header.pid = 42;
  header.sdk = "test 1";
  return header;
}

Buckets Requests(Minute minute, uint64_t count, const std::string& route = "GET /a") {
  Buckets buckets;
  buckets[minute][route].request.emplace().by_status[200] = count;
  return buckets;
}

uint64_t CountOf(const Buckets& buckets) {
  uint64_t count = 0;
  for (const auto& [minute, bucket] : buckets) {
    for (const auto& [name, subject] : bucket) count += subject.request ? subject.request->count() : 0;
  }
  return count;
}

// What the outbox left word of, by kind.
EventCounts WordOf(const Buckets& buckets) {
  EventCounts all;
  for (const auto& [minute, bucket] : buckets) {
    const auto service = bucket.find("");
    if (service == bucket.end()) continue;
    for (const auto& [kind, times] : service->second.events) all[kind] += times;
  }
  return all;
}

Batch Sent(const std::optional<Outbox::Frozen>& frozen) {
  Result<Batch> batch = DecodeBatch(frozen->bytes);
  EXPECT_TRUE(batch.ok());
  EXPECT_EQ(batch->header.sequence, frozen->sequence);
  return std::move(batch).value();
}

TEST(Outbox, SaysNothingWhenThereIsNothingToSay) {
  Outbox outbox(Identity());
  EXPECT_TRUE(outbox.empty());
  EXPECT_FALSE(outbox.Freeze(1).has_value());
  outbox.Answer(200);
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, ABatchCarriesItsIdentityItsTimeAndItsKey) {
  Outbox outbox(Identity());
  outbox.Add(Requests(kMinute0, 3), 99);
  const Batch batch = Sent(outbox.Freeze(123'456));
  BatchHeader expected = Identity();
  expected.sequence = 1;
  expected.sent_at_unix_ms = 123'456;
  expected.hash_key_id = 99;
  EXPECT_EQ(batch.header, expected);
  EXPECT_EQ(batch.buckets, Requests(kMinute0, 3));
  outbox.Answer(202);
  EXPECT_TRUE(outbox.empty());
  outbox.Add(Requests(kMinute0, 1), 99);
  EXPECT_EQ(outbox.Freeze(1)->sequence, 2u);
}

TEST(Outbox, AFrozenBatchNeverChanges) {
  Outbox outbox(Identity());
  outbox.Add(Requests(kMinute0, 3), 0);
  const std::string bytes = outbox.Freeze(1)->bytes;
  for (const int status : {0, 500, 503, 429, 404, 403, 401, 302, 100}) {
    outbox.Add(Requests(kMinute0, 1), 0);
    outbox.Answer(status);
    EXPECT_EQ(outbox.Freeze(2)->bytes, bytes) << status;
  }
  outbox.Answer(200);
  EXPECT_EQ(CountOf(Sent(outbox.Freeze(3)).buckets), 9u);
}

TEST(Outbox, ARefusedBatchGoesOutAgainUnderANewSequence) {
  for (const int status : {400, 413, 415, 422}) {
    Outbox outbox(Identity());
    outbox.Add(Requests(kMinute0, 3), 0);
    (void)outbox.Freeze(1);
    outbox.Answer(429);
    outbox.Answer(404);
    outbox.Answer(status);
    outbox.Add(Requests(kMinute0, 1), 0);
    const Batch batch = Sent(outbox.Freeze(2));
    EXPECT_EQ(batch.header.sequence, 2u) << status;
    EXPECT_EQ(CountOf(batch.buckets), 4u) << status;
    EXPECT_EQ(outbox.rejected_batches(), 1u);
    EXPECT_EQ(outbox.uncertain_batches(), 0u);
  }
}

TEST(Outbox, ARefusalAfterSilenceIsUncertain) {
  for (const int silence : {0, 500, 502, 504, 408}) {
    Outbox outbox(Identity());
    outbox.Add(Requests(kMinute0, 3), 0);
    (void)outbox.Freeze(1);
    outbox.Answer(silence);
    outbox.Answer(429);
    outbox.Answer(400);
    EXPECT_EQ(outbox.uncertain_batches(), 1u) << silence;
    // The next batch says so, and starts with a clean slate.
    outbox.Add(Requests(kMinute0, 1), 0);
    const Batch next = Sent(outbox.Freeze(2));
    EXPECT_EQ(WordOf(next.buckets), (EventCounts{{"uncertain batch", 1}, {"uncertain record", 3}}));
    EXPECT_EQ(CountOf(next.buckets), 1u);
    outbox.Answer(400);
    EXPECT_FALSE(outbox.empty());
    EXPECT_EQ(outbox.uncertain_batches(), 1u);
  }
}

TEST(Outbox, WhatTheServerWillNeverTakeIsSetAsideAndTheRestArrives) {
  for (const int status : {400, 413, 415, 422}) {
    Outbox outbox(Identity());
    Buckets added;
    for (Minute minute = kMinute0; minute < kMinute0 + 40; ++minute) {
      for (int route = 0; route < 20; ++route)
        MergeBuckets(added, Requests(minute, 3, "GET /" + std::to_string(route)));
    }
    MergeBuckets(added, Requests(kMinute0 + 25, 7, "GET /poison"));
    outbox.Add(added, 0);
    Buckets received;
    int refusals = 0;
    for (int attempt = 0; !outbox.empty(); ++attempt) {
      ASSERT_LT(attempt, 2000);
      const Batch batch = Sent(outbox.Freeze(kMinute0 * kMsPerMinute));
      const auto poisoned = batch.buckets.find(kMinute0 + 25);
      if (poisoned != batch.buckets.end() && poisoned->second.contains("GET /poison")) {
        ++refusals;
        outbox.Answer(status);
      } else {
        MergeBuckets(received, batch.buckets);
        outbox.Answer(200);
      }
    }
    EXPECT_LT(refusals, 60);
    EXPECT_EQ(outbox.refused_batches(), 1u);
    EXPECT_EQ(outbox.uncertain_batches(), 0u);
    EXPECT_EQ(WordOf(received), (EventCounts{{"refused batch", 1}, {"refused record", 7}})) << status;
    received[kMinute0].erase("");
    added[kMinute0 + 25].erase("GET /poison");
    EXPECT_EQ(received, added) << status;
  }
}

TEST(Outbox, AServerThatRefusesEverythingCostsAPartAtATimeAndNoMore) {
  Outbox outbox(Identity());
  uint64_t added = 0;
  for (int attempt = 0; attempt < 200; ++attempt) {
    outbox.Add(Requests(kMinute0 + attempt, 1), 0);
    ++added;
    (void)outbox.Freeze(attempt);
    outbox.Answer(422);
  }
  EXPECT_GT(outbox.refused_batches(), 10u);
  EXPECT_LE(outbox.refused_batches(), 200u / 4);
  const uint64_t refused = outbox.refused_batches();
  Buckets received;
  while (!outbox.empty()) {
    MergeBuckets(received, Sent(outbox.Freeze(1)).buckets);
    outbox.Answer(200);
  }
  // What is refused may itself be word of an earlier refusal.
  EXPECT_GE(CountOf(received) + refused, added);
  EXPECT_LT(CountOf(received), added);
}

Buckets Wide(Random& random, int minutes, int subjects, int fields) {
  Buckets buckets;
  for (Minute minute = kMinute0; minute < kMinute0 + minutes; ++minute) {
    for (int route = 0; route < subjects; ++route) {
      BodySummary& body = buckets[minute]["GET /" + std::to_string(route) + " response 2xx"].body.emplace();
      body.documents = 1;
      for (int field = 0; field < fields; ++field)
        body.fields["field" + std::to_string(field)] = RandomField(random);
    }
  }
  return buckets;
}

// Sends everything, refusing what is larger than `bytes_max`; what arrived.
Buckets SendAll(Outbox& outbox, size_t bytes_max, size_t* largest = nullptr, size_t* batches = nullptr) {
  Buckets received;
  for (int attempt = 0; !outbox.empty() && attempt < 10'000; ++attempt) {
    const auto frozen = outbox.Freeze(1);
    if (frozen->bytes.size() > bytes_max) {
      outbox.Answer(413);
      continue;
    }
    if (batches != nullptr) ++*batches;
    if (largest != nullptr) *largest = std::max(*largest, frozen->bytes.size());
    MergeBuckets(received, Sent(frozen).buckets);
    outbox.Answer(200);
  }
  EXPECT_TRUE(outbox.empty());
  return received;
}

TEST(Outbox, ATooLargeBatchIsHalvedDownToItsFields) {
  Random random(103);
  const Buckets buckets = Wide(random, 3, 3, 30);
  for (const size_t bytes_max : {200'000u, 20'000u, 5'000u}) {
    Outbox outbox(Identity());
    outbox.Add(buckets, 1);
    EXPECT_EQ(SendAll(outbox, bytes_max), buckets) << bytes_max;
    EXPECT_EQ(outbox.uncertain_batches(), 0u);
  }
}

TEST(Outbox, BatchesGrowAgainWhenTheServerTakesThem) {
  Random random(107);
  const Buckets wide = Wide(random, 1, 2, 30);
  Outbox outbox(Identity());
  outbox.Add(wide, 1);
  for (int i = 0; i < 2; ++i) {
    (void)outbox.Freeze(1);
    outbox.Answer(413);
  }
  size_t batches = 0;
  (void)SendAll(outbox, SIZE_MAX, nullptr, &batches);
  EXPECT_GT(batches, 2u);
  for (int i = 0; i < 200; ++i) {
    outbox.Add(Requests(kMinute0, 1), 1);
    (void)SendAll(outbox, SIZE_MAX);
  }
  batches = 0;
  outbox.Add(wide, 1);
  (void)SendAll(outbox, SIZE_MAX, nullptr, &batches);
  EXPECT_EQ(batches, 1u);
}

TEST(Outbox, NoBatchIsLargerThanItsLimitUnlessItCannotBeDivided) {
  Random random(109);
  const Buckets buckets = Wide(random, 4, 4, 20);
  Outbox outbox(Identity(), {.pending_bytes_max = SIZE_MAX, .frozen_bytes_max = 4096});
  outbox.Add(buckets, 1);
  size_t largest = 0;
  EXPECT_EQ(SendAll(outbox, SIZE_MAX, &largest), buckets);
  EXPECT_LE(largest, 12'000u) << "one field's histograms of 1 024 buckets pack to about 6 kB";

  Outbox by_minute(Identity(), {.minutes_max = 3});
  for (Minute minute = 0; minute < 10; ++minute) by_minute.Add(Requests(minute, 1), 0);
  EXPECT_EQ(Sent(by_minute.Freeze(1)).buckets.size(), 3u);
}

TEST(Outbox, ABacklogCoarsensAndKeepsEveryCount) {
  Outbox outbox(Identity(), {.pending_bytes_max = 200'000});
  uint64_t added = 0;
  size_t most = 0;
  for (Minute minute = kMinute0; minute < kMinute0 + 3 * 24 * 60; ++minute) {
    outbox.Add(Requests(minute, 7), 0);
    added += 7;
    most = std::max(most, outbox.pending_minutes());
  }
  EXPECT_GT(most, 100u);
  EXPECT_LT(outbox.pending_minutes(), 200u);
  const Buckets received = SendAll(outbox, SIZE_MAX);
  EXPECT_EQ(CountOf(received), added);
  // Recorded under the first minute of a stretch: five minutes, an hour or a day.
  for (const auto& [minute, bucket] : received) {
    if (minute < kMinute0 + 2 * 24 * 60) {
      EXPECT_EQ(minute % 5, 0);
    }
  }
}

// A server that is away for days, and documents whose keys are data: every minute has other names.
TEST(Outbox, ABacklogOfEverNewNamesKeepsItsLimitAndEveryCount) {
  constexpr size_t kMemoryMax = 200'000;
  constexpr int kNames = 20;
  Outbox outbox(Identity(), {.pending_bytes_max = kMemoryMax / 2, .memory_bytes_max = kMemoryMax});
  uint64_t documents = 0;
  for (int minute = 0; minute < 100; ++minute) {
    Buckets buckets;
    for (const char* subject : {"GET /a response 2xx", "GET /b response 2xx"}) {
      BodySummary& body = buckets[kMinute0 + minute][subject].body.emplace();
      body.documents = body.fields[""].counts.documents = body.fields[""].counts.seen =
          body.fields[""].counts.objects = 1;
      for (int i = 0; i < kNames; ++i) {
        profile::FieldSummary& field = body.fields["name" + std::to_string(minute) + "_" + std::to_string(i)];
        field.counts.documents = field.counts.seen = field.counts.integers = 1;
        field.numbers.Add(i);
      }
      ++documents;
    }
    outbox.Add(std::move(buckets), 0);
  }
  uint64_t received_documents = 0;
  uint64_t values = 0;
  uint64_t unnamed = 0;
  size_t memory = 0;
  for (const auto& [minute, bucket] : SendAll(outbox, SIZE_MAX)) {
    memory += MemoryBytes(bucket);
    for (const auto& [name, subject] : bucket) {
      received_documents += subject.body->documents;
      for (const auto& [path, field] : subject.body->fields) {
        if (path.empty()) continue;
        values += field.counts.integers;
        if (path == "{}") unnamed += field.counts.integers;
      }
      const profile::FieldCounts& root = subject.body->fields.at("").counts;
      EXPECT_EQ(root.objects, subject.body->documents);
      EXPECT_GT(root.folded, 0u);
    }
  }
  EXPECT_EQ(received_documents, documents);
  EXPECT_EQ(values, documents * kNames);
  EXPECT_GT(unnamed, 0u);
  EXPECT_LE(memory, kMemoryMax);
}

TEST(Outbox, StretchesStartAtOrBeforeTheirMinutesAlsoBeforeTheEpoch) {
  Outbox outbox(Identity(), {.pending_bytes_max = 1});
  outbox.Add(Requests(-1, 1), 0);
  outbox.Add(Requests(-1441, 1), 0);
  outbox.Add(Requests(0, 1), 0);
  std::set<Minute> minutes;
  for (const auto& [minute, bucket] : Sent(outbox.Freeze(1)).buckets) minutes.insert(minute);
  EXPECT_EQ(minutes, (std::set<Minute>{-2880, -1440, 0}));
}

TEST(Outbox, HashesUnderTwoKeysNeverMix) {
  Buckets hashed = Requests(kMinute0, 1);
  hashed[kMinute0]["GET /a response 2xx"].body.emplace().fields["a"].categories.Add(1);
  const auto categories = [](const Batch& batch) {
    return batch.buckets.at(kMinute0).at("GET /a response 2xx").body->fields.at("a").categories.total();
  };
  Outbox outbox(Identity());
  outbox.Add(hashed, 5);
  outbox.Add(hashed, 5);
  outbox.Add(hashed, 6);
  Batch batch = Sent(outbox.Freeze(1));
  EXPECT_EQ(batch.header.hash_key_id, 6u);
  EXPECT_EQ(categories(batch), 1u);
  EXPECT_EQ(CountOf(batch.buckets), 3u);
  // What thaws into a newer key's backlog loses its hashes likewise.
  outbox.Add(hashed, 7);
  outbox.Answer(400);
  batch = Sent(outbox.Freeze(1));
  EXPECT_EQ(batch.header.hash_key_id, 7u);
  EXPECT_EQ(categories(batch), 1u);
  EXPECT_EQ(CountOf(batch.buckets), 4u);
  // Without a key there is nothing to compare by.
  outbox.Answer(200);
  outbox.Add(hashed, 0);
  EXPECT_EQ(categories(Sent(outbox.Freeze(1))), 0u);
}

// A server as DESIGN §6 wants it: the last sequence is kept with what was applied.
struct ModelServer {
  uint64_t last_sequence = 0;
  Bucket received;  // all minutes together: coarsening moves between minutes, and that alone

  void Apply(const Batch& batch) {
    if (batch.header.sequence <= last_sequence) return;
    last_sequence = batch.header.sequence;
    for (const auto& [minute, bucket] : batch.buckets) MergeBucket(received, bucket);
  }
};

void EraseWord(Bucket& bucket) {
  const auto service = bucket.find("");
  if (service == bucket.end()) return;
  for (const char* kind : {"uncertain batch", "uncertain record", "refused batch", "refused record"})
    service->second.events.erase(kind);
  if (service->second.empty()) bucket.erase(service);
}

TEST(Outbox, CountsArriveExactlyOnceThroughAnyFaults) {
  Random random(113);
  uint64_t uncertain = 0, refused = 0;
  uint64_t coarsened = 0;
  for (int round = 0; round < 150; ++round) {
    const OutboxOptions options = {.pending_bytes_max = Chance(random, 50) ? 30'000u : 4u << 20,
                                   .frozen_bytes_max = Chance(random, 50) ? 2'000u : 1u << 20};
    Outbox outbox(Identity(), options);
    ModelServer server;
    Bucket added, lost;
    std::map<uint64_t, std::string> content;  // by sequence: never two
    uint64_t uncertain_before = 0, refused_before = 0;
    const uint64_t faults = random() % 101;
    for (int step = 0; step < 120 || !outbox.empty(); ++step) {
      ASSERT_LT(step, 20'000);
      const bool drain = step >= 120;
      if (!drain && Chance(random, 50)) {
        Buckets buckets = RandomBuckets(random);
        Buckets spread;
        for (auto& [minute, bucket] : buckets)
          spread[minute + static_cast<Minute>(Below(random, 600))] = bucket;
        for (const auto& [minute, bucket] : spread) MergeBucket(added, bucket);
        outbox.Add(spread, 1);
        coarsened += outbox.pending_minutes() > 0 && outbox.pending_minutes() < spread.size();
      }
      const auto frozen = outbox.Freeze(step);
      if (!frozen) continue;
      const auto [known, is_new] = content.try_emplace(frozen->sequence, frozen->bytes);
      ASSERT_EQ(known->second, frozen->bytes);
      const Batch batch = Sent(frozen);
      if (drain || !Chance(random, faults)) {
        server.Apply(batch);
        outbox.Answer(200);
      } else {
        switch (Below(random, 6)) {
          case 0:  // the request was lost
            outbox.Answer(0);
            break;
          case 1:  // the answer was lost
            server.Apply(batch);
            outbox.Answer(Chance(random, 50) ? 0 : 502);
            break;
          case 2:
            outbox.Answer(503);
            break;
          case 3:
            outbox.Answer(429);
            break;
          case 4:
            outbox.Answer(Chance(random, 50) ? 400 : 422);
            break;
          default:
            outbox.Answer(413);
        }
      }
      if (outbox.uncertain_batches() > uncertain_before) {
        uncertain_before = outbox.uncertain_batches();
        if (server.last_sequence < batch.header.sequence) {
          for (const auto& [minute, bucket] : batch.buckets) MergeBucket(lost, bucket);
        }
      }
      if (outbox.refused_batches() > refused_before) {
        refused_before = outbox.refused_batches();
        for (const auto& [minute, bucket] : batch.buckets) MergeBucket(lost, bucket);
      }
    }
    uncertain += uncertain_before;
    refused += refused_before;
    // Only what was reported as uncertain or refused can be missing, and nothing is there twice.
    EXPECT_TRUE(uncertain_before + refused_before > 0 || lost.empty());
    MergeBucket(server.received, lost);
    EraseWord(server.received);
    EXPECT_EQ(server.received, added) << round;
  }
  EXPECT_GT(uncertain, 50u) << "the faults no longer reach that branch";
  EXPECT_GT(refused, 5u) << "the faults no longer reach that branch";
  EXPECT_GT(coarsened, 0u);
}

}  // namespace
}  // namespace fieldmark::bucket
