// What every store promises; each test runs on all of them.
#include "server/store/store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <ostream>
#include <thread>

#include "server/store/batch_rules.h"
#include "server/store/memory_store.h"
#include "server/store/sample_batches.h"
#include "server/store/sqlite_store.h"
#include "server/store/steps.h"
#include "server/store/temporary_folder.h"

namespace fieldmark::store {
namespace {

using bucket::Batch;
using bucket::Source;
using bucket::Stream;
using profile::Family;

const Stream kOrders{"production", "orders", "9f2c1ab"};
const Stream kOrdersBefore{"production", "orders", "77aa001"};
constexpr Minute kNoon = 29'500'560;  // 2026-02-02 12:00 UTC
static_assert(kNoon % 1440 == 720);

// Folding must not depend on what it is allowed to forget.
SqliteSettings KeepingEverything() {
  SqliteSettings settings;
  for (auto& family : settings.retention.kept) family.fill(100'000'000);
  return settings;
}

constexpr int64_t kSmall = 2 << 20;

struct Kind {
  const char* name;
  std::function<std::unique_ptr<Store>(const std::string& folder)> make;
  std::function<std::unique_ptr<Store>(const std::string& folder)> make_small;  // of kSmall bytes at the most
};
void PrintTo(const Kind& one, std::ostream* out) { *out << one.name; }

class StoreTest : public testing::TestWithParam<Kind> {
 protected:
  Append MustAppend(const Batch& batch, UnixMs received = kNoon * kMsPerMinute) {
    const Result<Append> appended = store_->AppendBatch(batch, bucket::EncodeBatch(batch), received);
    EXPECT_TRUE(appended.ok()) << appended.error().message;
    return *appended;
  }
  std::vector<Slice> MustRead(const Query& query) {
    Result<std::vector<Slice>> slices = store_->Read(query);
    EXPECT_TRUE(slices.ok()) << slices.error().message;
    return std::move(*slices);
  }
  void CompactAll(UnixMs now) {
    while (true) {
      const Result<bool> more = store_->Compact(now);
      ASSERT_TRUE(more.ok()) << more.error().message;
      if (!*more) return;
    }
  }
  uint64_t DocumentsIn(Query query) {
    uint64_t documents = 0;
    for (const Slice& slice : MustRead(query))
      documents += slice.summary.body ? slice.summary.body->documents : 0;
    return documents;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Store> store_ = GetParam().make(folder_.path());
};

Query HourAround(Minute minute, std::vector<Stream> streams = {kOrders}) {
  Query query;
  query.streams = std::move(streams);
  query.from = StartOf(minute, Step::kHour);
  query.to = query.from + 60;
  return query;
}

TEST_P(StoreTest, GivesBackWhatWasAppended) {
  const Batch batch = SampleBatches::Counted(kOrders, 1, 1, kNoon, 7);
  EXPECT_EQ(MustAppend(batch), Append::kApplied);
  const std::vector<Slice> slices = MustRead(HourAround(kNoon));
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].start, kNoon);
  EXPECT_EQ(slices[0].subject, "POST /orders request");
  EXPECT_EQ(slices[0].summary, batch.buckets.at(kNoon).at("POST /orders request"));
}

TEST_P(StoreTest, AnEmptyStoreAnswersWithNothing) {
  EXPECT_TRUE(MustRead(HourAround(kNoon)).empty());
  EXPECT_TRUE(store_->Streams()->empty());
  EXPECT_TRUE(store_->Subjects({kOrders})->empty());
  EXPECT_FALSE(*store_->Compact(kNoon * kMsPerMinute));
}

TEST_P(StoreTest, ASequenceNotAboveTheLastIsADuplicateAndChangesNothing) {
  EXPECT_EQ(MustAppend(SampleBatches::Counted(kOrders, 1, 3, kNoon, 7), 1000), Append::kApplied);
  EXPECT_EQ(MustAppend(SampleBatches::Counted(kOrders, 1, 3, kNoon, 7), 2000), Append::kDuplicate);
  EXPECT_EQ(MustAppend(SampleBatches::Counted(kOrders, 1, 2, kNoon + 1, 9), 2000), Append::kDuplicate);
  EXPECT_EQ(MustAppend(SampleBatches::Counted(kOrders, 2, 3, kNoon, 5), 1000), Append::kApplied)
      << "another instance";
  EXPECT_EQ(DocumentsIn(HourAround(kNoon)), 12u);
  EXPECT_EQ(store_->Streams()->at(0).last_received_unix_ms, 1000);
}

TEST_P(StoreTest, ADuplicateIsKnownAfterFoldingToo) {
  MustAppend(SampleBatches::Counted(kOrders, 1, 1, kNoon, 7));
  CompactAll((kNoon + 600) * kMsPerMinute);
  EXPECT_EQ(MustAppend(SampleBatches::Counted(kOrders, 1, 1, kNoon, 7)), Append::kDuplicate);
  EXPECT_EQ(DocumentsIn(HourAround(kNoon)), 7u);
}

TEST_P(StoreTest, RefusesWhatCannotBeABatch) {
  for (const auto& [sequence, minute] :
       std::vector<std::pair<uint64_t, Minute>>{{0, kNoon}, {1ull << 63, kNoon}, {1, -1}, {1, kMinuteMax}}) {
    const Batch batch = SampleBatches::Counted(kOrders, 1, sequence, minute, 7);
    const Result<Append> appended = store_->AppendBatch(batch, bucket::EncodeBatch(batch), 1000);
    ASSERT_FALSE(appended.ok());
    EXPECT_EQ(appended.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_TRUE(store_->Streams()->empty());
}

TEST_P(StoreTest, RefusesARangeThatIsNotOfWholeSteps) {
  Query query = HourAround(kNoon);
  query.step = Step::kHour;
  query.to += 1;
  ASSERT_FALSE(store_->Read(query).ok());
  EXPECT_EQ(store_->Read(query).error().code, ErrorCode::kInvalidArgument);
}

TEST_P(StoreTest, AStreamOrSubjectNamedTwiceCountsOnce) {
  MustAppend(SampleBatches::Counted(kOrders, 1, 1, kNoon, 7));
  Query query = HourAround(kNoon, {kOrders, kOrders});
  query.subjects = {"POST /orders request", "POST /orders request"};
  query.families = {Family::kCounts, Family::kCounts};
  EXPECT_EQ(DocumentsIn(query), 7u);
  CompactAll((kNoon + 600) * kMsPerMinute);
  EXPECT_EQ(DocumentsIn(query), 7u);
}

TEST_P(StoreTest, MergesTheStreamsOfAQuery) {
  MustAppend(SampleBatches::Counted(kOrders, 1, 1, kNoon, 7));
  MustAppend(SampleBatches::Counted(kOrdersBefore, 2, 1, kNoon, 5));
  const std::vector<Slice> slices = MustRead(HourAround(kNoon, {kOrdersBefore, kOrders}));
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].summary.body->documents, 12u);
  EXPECT_EQ(DocumentsIn(HourAround(kNoon, {kOrders})), 7u);
  EXPECT_EQ(DocumentsIn(HourAround(kNoon, {{"staging", "orders", "9f2c1ab"}})), 0u);
}

TEST_P(StoreTest, TellsLiveFromReplay) {
  Batch replayed = SampleBatches::Counted(kOrders, 1, 1, kNoon, 7);
  replayed.header.source = Source::kReplay;
  MustAppend(replayed);
  MustAppend(SampleBatches::Counted(kOrders, 2, 1, kNoon, 5));
  for (const bool folded : {false, true}) {
    Query query = HourAround(kNoon);
    EXPECT_EQ(DocumentsIn(query), 12u) << folded;
    query.source = Source::kReplay;
    EXPECT_EQ(DocumentsIn(query), 7u) << folded;
    query.source = Source::kLive;
    EXPECT_EQ(DocumentsIn(query), 5u) << folded;
    CompactAll((kNoon + 600) * kMsPerMinute);
  }
}

TEST_P(StoreTest, ObservesDeployments) {
  Batch replayed = SampleBatches::Counted(kOrders, 1, 1, kNoon - 100, 1);
  replayed.header.source = Source::kReplay;
  MustAppend(replayed, 1'000'000);
  StreamInfo info = store_->Streams()->at(0);
  EXPECT_EQ(info.stream, kOrders);
  EXPECT_EQ(info.first_live_unix_ms, 0);

  MustAppend(SampleBatches::Counted(kOrders, 2, 1, kNoon, 1), 2'000'000);
  MustAppend(SampleBatches::Counted(kOrders, 2, 2, kNoon - 1, 1), 2'005'000);
  MustAppend(SampleBatches::Counted(kOrders, 3, 1, kNoon + 2, 1), 2'100'000);
  MustAppend(SampleBatches::Counted(kOrdersBefore, 4, 1, kNoon, 1), 2'100'000);
  const std::vector<StreamInfo> streams = *store_->Streams();
  ASSERT_EQ(streams.size(), 2u);
  info = streams[1];
  EXPECT_EQ(info.stream, kOrders);
  EXPECT_EQ(info.first_minute, kNoon - 100);
  EXPECT_EQ(info.last_minute, kNoon + 2);
  EXPECT_EQ(info.first_live_unix_ms, 2'000'000);
  EXPECT_EQ(info.last_received_unix_ms, 2'100'000);
  EXPECT_EQ(info.instances, 2u) << "the first one was last heard of more than five minutes earlier";
}

TEST_P(StoreTest, AnIdleWorkersBatchIsHeardOf) {
  Batch idle = SampleBatches::Counted(kOrders, 1, 1, kNoon, 1);
  idle.buckets.clear();
  EXPECT_EQ(MustAppend(idle, 1000), Append::kApplied);
  EXPECT_EQ(MustAppend(idle, 1000), Append::kDuplicate);
  const StreamInfo info = store_->Streams()->at(0);
  EXPECT_EQ(info.first_minute, 0);
  EXPECT_EQ(info.last_minute, 0);
  EXPECT_EQ(info.first_live_unix_ms, 1000);
  EXPECT_TRUE(MustRead(HourAround(kNoon)).empty());
}

TEST_P(StoreTest, KnowsTheSubjectsOfStreams) {
  Batch batch = SampleBatches::Counted(kOrders, 1, 1, kNoon, 1);
  batch.buckets[kNoon][""].watch.emplace().observed_ms = 5000;
  MustAppend(batch);
  batch = SampleBatches::Counted(kOrdersBefore, 2, 1, kNoon, 1);
  batch.buckets[kNoon]["GET /health"].request.emplace().by_status[200] = 3;
  MustAppend(batch);
  EXPECT_EQ(*store_->Subjects({kOrders}), (std::vector<std::string>{"", "POST /orders request"}));
  EXPECT_EQ(*store_->Subjects({kOrders, kOrdersBefore}),
            (std::vector<std::string>{"", "GET /health", "POST /orders request"}));
}

TEST_P(StoreTest, AKeyIsMadeOnceForEachServiceAndEnvironment) {
  const HashKey key = *store_->KeyOf("production", "orders");
  EXPECT_EQ(*store_->KeyOf("production", "orders"), key);
  EXPECT_FALSE(*store_->KeyOf("staging", "orders") == key);
  EXPECT_FALSE(*store_->KeyOf("production", "search") == key);
  EXPECT_FALSE(key == HashKey{});
}

TEST_P(StoreTest, ReadsOnlyTheFamiliesAskedFor) {
  SampleBatches samples(11);
  Batch batch = SampleBatches::Counted(kOrders, 1, 1, kNoon, 1);
  batch.header.hash_key_id = 77;
  batch.buckets[kNoon]["POST /orders request"] = samples.Bodies(20);
  MustAppend(batch);
  for (const bool folded : {false, true}) {
    Query query = HourAround(kNoon);
    query.families = {Family::kDistributions};
    const std::vector<Slice> slices = MustRead(query);
    ASSERT_EQ(slices.size(), 1u);
    EXPECT_TRUE(bucket::HasFamily(slices[0].summary, Family::kDistributions));
    EXPECT_FALSE(bucket::HasFamily(slices[0].summary, Family::kHashed));
    EXPECT_EQ(slices[0].summary.body->documents, 0u) << folded;
    CompactAll((kNoon + 600) * kMsPerMinute);
  }
}

TEST_P(StoreTest, ManyThreadsAppendReadAndFoldAtOnce) {
  constexpr int kThreads = 4;
  constexpr uint64_t kEach = 100;
  std::vector<std::thread> threads;
  for (uint8_t instance = 0; instance < kThreads; ++instance) {
    threads.emplace_back([&, instance] {
      for (uint64_t sequence = 1; sequence <= kEach; ++sequence) {
        MustAppend(SampleBatches::Counted(kOrders, instance, sequence, kNoon + sequence % 60, 1));
      }
    });
  }
  std::atomic<bool> all_seen = false;
  threads.emplace_back([&] {
    while (!all_seen) EXPECT_TRUE(store_->Compact((kNoon + 600) * kMsPerMinute).ok());
  });
  // Whatever moves meanwhile, a read sees each batch once.
  uint64_t seen = 0;
  while (seen < kThreads * kEach) {
    const uint64_t now_seen = DocumentsIn(HourAround(kNoon));
    EXPECT_GE(now_seen, seen);
    seen = now_seen;
  }
  all_seen = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(DocumentsIn(HourAround(kNoon)), kThreads * kEach);
}

// Random batches of several streams, sources and instances, in any order over nine days, folded at random
// moments.
class RandomHistory {
 public:
  explicit RandomHistory(uint64_t seed) : samples_(seed) {}

  Batch Next() {
    Batch batch;
    batch.header.hash_key_id = 77;  // zero says that nothing inside is hashed
    batch.header.stream = samples_.Often() ? kOrders : kOrdersBefore;
    batch.header.source = samples_.Rarely() ? Source::kReplay : Source::kLive;
    batch.header.instance[0] = static_cast<uint8_t>(samples_.Below(3));
    batch.header.sequence = ++sequences_[batch.header.instance[0]];
    const Minute base =
        samples_.Rarely() ? kNoon - 9 * 1440 + static_cast<Minute>(samples_.Below(9 * 1440)) : clock_;
    for (uint64_t i = 0; i <= samples_.Below(4); ++i) {
      bucket::Bucket& bucket = batch.buckets[base + static_cast<Minute>(samples_.Below(90))];
      for (uint64_t k = 0; k <= samples_.Below(3); ++k) {
        bucket["subject " + std::to_string(samples_.Below(4))] = samples_.Anything();
      }
    }
    clock_ += static_cast<Minute>(samples_.Below(20));
    return batch;
  }

  Query AnyQuery() {
    Query query;
    query.step = kAllSteps[samples_.Below(4)];
    query.streams = samples_.Often() ? std::vector{kOrders, kOrdersBefore} : std::vector{kOrdersBefore};
    if (samples_.Rarely()) query.source = Source::kReplay;
    if (samples_.Rarely()) query.subjects = {"subject 1", "subject 3", "subject 9"};
    if (samples_.Rarely()) query.families = {kFamilies[samples_.Below(3)]};
    const bool whole = samples_.Often();
    query.from =
        StartOf(whole ? kNoon - 10 * 1440 : clock_ - static_cast<Minute>(samples_.Below(900)), query.step);
    query.to = StartOf(whole ? clock_ + 1440 + 90 : query.from + static_cast<Minute>(samples_.Below(3000)),
                       query.step);
    return query;
  }

  UnixMs AnyNow() { return (clock_ + static_cast<Minute>(samples_.Below(300)) - 100) * kMsPerMinute; }
  bool Often() { return samples_.Often(); }
  bool Rarely() { return samples_.Rarely(); }

 private:
  static constexpr Family kFamilies[] = {Family::kCounts, Family::kDistributions, Family::kHashed};

  SampleBatches samples_;
  std::map<uint8_t, uint64_t> sequences_;
  Minute clock_ = kNoon;
};

TEST_P(StoreTest, ReadsTheSameAsEverythingMergedWheneverItIsFolded) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    TemporaryFolder folder;
    store_ = GetParam().make(folder.path());
    MemoryStore expected;
    RandomHistory history(seed);
    for (int round = 0; round < 120; ++round) {
      SCOPED_TRACE(round);
      const Batch batch = history.Next();
      ASSERT_EQ(MustAppend(batch), Append::kApplied);
      ASSERT_TRUE(expected.AppendBatch(batch, bucket::EncodeBatch(batch), 1).ok());
      if (history.Rarely()) {
        ASSERT_TRUE(store_->Compact(history.AnyNow()).ok());
      }
      if (history.Often()) continue;
      const Query query = history.AnyQuery();
      const std::vector<Slice> got = MustRead(query);
      const std::vector<Slice> want = *expected.Read(query);
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < want.size(); ++i) {
        ASSERT_EQ(got[i].subject, want[i].subject);
        ASSERT_EQ(got[i].start, want[i].start);
        ASSERT_TRUE(got[i].summary == want[i].summary) << got[i].subject << " at " << got[i].start;
      }
    }
  }
}

AnnouncedChange Announced(const std::string& title, UnixMs at, const std::string& service = "orders") {
  AnnouncedChange change;
  change.environment = "production";
  change.service = service;
  change.kind = "migration";
  change.at = at;
  change.title = title;
  change.url = "https://ci.example.org/7";
  change.owner = "ada";
  change.expected = "phone may be null";
  change.rollback = "migrate down";
  change.version = "v7";
  change.announced_at = 5;
  return change;
}

TEST_P(StoreTest, KeepsWhatIsAnnouncedNewestFirstAndAmendsIt) {
  const int64_t older = *store_->SaveChange(Announced("older", 1000));
  const int64_t newer = *store_->SaveChange(Announced("newer", 2000));
  ASSERT_TRUE(store_->SaveChange(Announced("another's", 3000, "payments")).ok());
  AnnouncedChange amended = Announced("older, amended", 1500);
  amended.id = older;
  amended.amended_at = 9;
  EXPECT_EQ(*store_->SaveChange(amended), older);
  AnnouncedChange first = Announced("newer", 2000);
  first.id = newer;
  EXPECT_EQ(*store_->AnnouncedChanges("production", "orders"),
            (std::vector<AnnouncedChange>{first, amended}));

  AnnouncedChange stolen = Announced("mine", 1, "payments");
  stolen.id = older;
  EXPECT_EQ(store_->SaveChange(stolen).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store_->AnnouncedChanges("production", "orders")->size(), 2u);
  EXPECT_TRUE(store_->AnnouncedChanges("staging", "orders")->empty());
}

TEST_P(StoreTest, KeepsNoMoreChangesThanItsLimit) {
  for (size_t i = 0; i < kAnnouncedChangesMax + 2; ++i)
    ASSERT_TRUE(store_->SaveChange(Announced("one", static_cast<UnixMs>(10 + i))).ok());
  const auto kept = *store_->AnnouncedChanges("production", "orders");
  ASSERT_EQ(kept.size(), kAnnouncedChangesMax);
  EXPECT_EQ(kept.back().at, 12);
}

Incident Found(const std::string& field, UnixMs at, const std::string& service = "orders") {
  Incident incident;
  incident.environment = "production";
  incident.service = service;
  incident.subject = "POST /orders request";
  incident.field = field;
  incident.statistic = "null";
  incident.signal = "POST /orders request " + field + " null";
  incident.direction = "worse";
  incident.sentence = incident.signal + " 1 % → 38 % since 14:02";
  incident.also = {"POST /orders response 2xx " + field + " null", "GET /orders " + field + " null"};
  incident.since_first = at - 7;
  incident.since_last = at - 5;
  incident.found_at = incident.seen_at = at;
  return incident;
}

TEST_P(StoreTest, KeepsIncidentsNewestFirstAndWhatBecomesOfThem) {
  const int64_t older = *store_->SaveIncident(Found("phone", 1000));
  const int64_t newer = *store_->SaveIncident(Found("name", 2000));
  ASSERT_TRUE(store_->SaveIncident(Found("phone", 3000, "payments")).ok());
  Incident first = Found("name", 2000), second = Found("phone", 1000);
  first.id = newer;
  second.id = older;
  second.seen_at = 1500;
  second.over_at = 1600;
  second.settled = true;
  EXPECT_EQ(*store_->SaveIncident(second), older);
  EXPECT_EQ(*store_->Incidents("production", "orders"), (std::vector<Incident>{first, second}));
  EXPECT_TRUE(store_->Incidents("staging", "orders")->empty());

  Incident stolen = Found("phone", 1, "payments");
  stolen.id = older;
  EXPECT_EQ(store_->SaveIncident(stolen).error().code, ErrorCode::kNotFound);
}

TEST_P(StoreTest, KeepsNoMoreIncidentsThanItsLimit) {
  for (size_t i = 0; i < kIncidentsMax + 2; ++i)
    ASSERT_TRUE(store_->SaveIncident(Found("phone", static_cast<UnixMs>(10 + i))).ok());
  const auto kept = *store_->Incidents("production", "orders");
  ASSERT_EQ(kept.size(), kIncidentsMax);
  EXPECT_EQ(kept.back().found_at, 12);
}

TEST_P(StoreTest, ForgetsIncidentsOfAFieldAndOfAService) {
  MustAppend(SampleBatches::Counted(kOrders, 1, 1, kNoon, 7));
  for (const char* field : {"customer", "customer.phone", "body.customer.phone", "customers"})
    ASSERT_TRUE(store_->SaveIncident(Found(field, 1000)).ok());
  ASSERT_TRUE(store_->SaveIncident(Found("customer", 1000, "payments")).ok());
  ASSERT_TRUE(store_->Forget("orders", std::nullopt, "customer").ok());
  ASSERT_EQ(store_->Incidents("production", "orders")->size(), 1u);
  EXPECT_EQ(store_->Incidents("production", "orders")->front().field, "customers");
  ASSERT_TRUE(store_->Forget("orders", "production", std::nullopt).ok());
  EXPECT_TRUE(store_->Incidents("production", "orders")->empty());
  EXPECT_EQ(store_->Incidents("production", "payments")->size(), 1u);
}

Moment Asked(UnixMs at, double q_value = 1, const std::string& service = "orders") {
  return {"production", service, at, 3600, 180, q_value};
}

TEST_P(StoreTest, KeepsMomentsNewestFirstAndWhatWasSaidOfEachLast) {
  for (const Moment& moment : {Asked(2000, 0.5), Asked(1000), Asked(3000, 1, "payments"), Asked(2000, 0.003)})
    ASSERT_TRUE(store_->SaveMoment(moment).ok());
  EXPECT_EQ(*store_->Moments("production", "orders"), (std::vector<Moment>{Asked(2000, 0.003), Asked(1000)}));
  EXPECT_TRUE(store_->Moments("staging", "orders")->empty());
  Moment quarter = Asked(2000);
  quarter.look_s = 900;
  ASSERT_TRUE(store_->SaveMoment(quarter).ok());
  EXPECT_EQ(store_->Moments("production", "orders")->size(), 3u) << "another look is another moment";
}

TEST_P(StoreTest, KeepsNoMoreMomentsThanItsLimit) {
  for (size_t i = 0; i < kMomentsMax + 2; ++i)
    ASSERT_TRUE(store_->SaveMoment(Asked(static_cast<UnixMs>(10 + i))).ok());
  const auto kept = *store_->Moments("production", "orders");
  ASSERT_EQ(kept.size(), kMomentsMax);
  EXPECT_EQ(kept.back().at, 12);
}

TEST_P(StoreTest, ForgetsTheMomentsOfAServiceAndThoseOfNoOther) {
  MustAppend(SampleBatches::Counted(kOrders, 1, 1, kNoon, 7));
  ASSERT_TRUE(store_->SaveMoment(Asked(1000)).ok());
  ASSERT_TRUE(store_->SaveMoment(Asked(1000, 1, "payments")).ok());
  ASSERT_TRUE(store_->Forget("orders", "production", "customer").ok());
  EXPECT_EQ(store_->Moments("production", "orders")->size(), 1u) << "a moment names no field";
  ASSERT_TRUE(store_->Forget("orders", "production", std::nullopt).ok());
  EXPECT_TRUE(store_->Moments("production", "orders")->empty());
  EXPECT_EQ(store_->Moments("production", "payments")->size(), 1u);
}

TEST_P(StoreTest, ForgetsAServiceWhileItRuns) {
  const Stream payments{"production", "payments", "v1"}, staging{"staging", "orders", "v1"};
  uint8_t instance = 0;
  for (const Stream& stream : {kOrders, payments, staging}) {
    ++instance;
    MustAppend(SampleBatches::Counted(stream, instance, 1, kNoon, 7));
    ASSERT_TRUE(store_->KeyOf(stream.environment, stream.service).ok());
  }
  const HashKey key = *store_->KeyOf("production", "orders");
  ASSERT_TRUE(store_->SaveChange(Announced("one", 1000)).ok());
  CompactAll((kNoon + 600) * kMsPerMinute);
  MustAppend(SampleBatches::Counted(kOrders, 1, 2, kNoon + 1, 7));

  const Result<Forgotten> forgotten = store_->Forget("orders", "production", std::nullopt);
  ASSERT_TRUE(forgotten.ok()) << forgotten.error().message;
  EXPECT_EQ(forgotten->streams, 1);
  EXPECT_EQ(DocumentsIn(HourAround(kNoon)), 0u);
  EXPECT_TRUE(store_->Subjects({kOrders})->empty());
  EXPECT_TRUE(store_->AnnouncedChanges("production", "orders")->empty());
  EXPECT_EQ(DocumentsIn(HourAround(kNoon, {payments, staging})), 14u);
  EXPECT_NE(store_->KeyOf("production", "orders")->ToHex(), key.ToHex());
  EXPECT_EQ(store_->condition().log_bytes, 0);
  EXPECT_EQ(store_->Forget("orders", "production", std::nullopt).error().code, ErrorCode::kNotFound);

  // It comes back as a new one.
  EXPECT_EQ(MustAppend(SampleBatches::Counted(kOrders, 1, 3, kNoon + 2, 5)), Append::kApplied);
  CompactAll((kNoon + 600) * kMsPerMinute);
  EXPECT_EQ(DocumentsIn(HourAround(kNoon)), 5u);
}

TEST_P(StoreTest, WhatWasAppliedStaysADuplicateAfterForgetting) {
  const Batch batch = SampleBatches::Counted(kOrders, 1, 3, kNoon, 7);
  MustAppend(batch);
  ASSERT_TRUE(store_->Forget("orders", std::nullopt, std::nullopt).ok());
  // Its worker has no answer yet.
  EXPECT_EQ(MustAppend(batch), Append::kDuplicate);
  EXPECT_EQ(MustAppend(SampleBatches::Counted(kOrders, 1, 2, kNoon, 7)), Append::kDuplicate);
  EXPECT_TRUE(store_->Streams()->empty());
  EXPECT_EQ(MustAppend(SampleBatches::Counted(kOrders, 1, 4, kNoon, 5)), Append::kApplied);
  EXPECT_EQ(DocumentsIn(HourAround(kNoon)), 5u);
  EXPECT_EQ(store_->Streams()->at(0).instances, 1u);
}

TEST_P(StoreTest, ForgetsWhatValidationSaidOfAField) {
  Batch batch = SampleBatches::Counted(kOrders, 1, 1, kNoon, 7);
  bucket::Violations& of_route = batch.buckets[kNoon]["POST /orders"].violations;
  bucket::Violations& of_body = batch.buckets[kNoon]["POST /orders request"].violations;
  for (const char* location : {"body.customer", "body.customer.phone", "body.customer[].phone",
                               "body.customers", "response.customer.phone", "query.customer", "customer"})
    of_route[{location, "missing"}].count = 1;
  for (const char* path : {"customer", "customer.phone", "customers"}) of_body[{path, "enum"}].count = 1;
  MustAppend(batch);
  CompactAll((kNoon + 600) * kMsPerMinute);
  ASSERT_TRUE(store_->Forget("orders", std::nullopt, "customer").ok());
  std::vector<std::string> left;
  for (const Slice& slice : MustRead(HourAround(kNoon))) {
    for (const auto& [name, violation] : slice.summary.violations) left.push_back(name.field);
  }
  EXPECT_EQ(left, (std::vector<std::string>{"body.customers", "customer", "query.customer", "customers"}));
}

// A batch of an hour's first minute, about 40 kB large in memory.
Batch LargeBatch(SampleBatches& samples, uint64_t sequence, Minute minute) {
  Batch batch = SampleBatches::Counted(kOrders, 1, sequence, minute, 1);
  batch.header.hash_key_id = 77;
  for (int i = 0; i < 4; ++i) {
    bucket::SubjectSummary& body = batch.buckets[minute]["body " + std::to_string(i)];
    body = samples.Bodies(30);
    body.body->documents = 0;
  }
  return batch;
}

TEST_P(StoreTest, NearItsLimitItForgetsTheOldestFirstAndGoesOn) {
  TemporaryFolder folder;
  store_ = GetParam().make_small(folder.path());
  SampleBatches samples(3);
  Minute minute = kNoon - 60;
  uint64_t sequence = 0;
  for (int more = 30; more > 0 && sequence<5'000; more -= store_->condition().forgotten_early> 0) {
    minute += 60;
    MustAppend(LargeBatch(samples, ++sequence, minute), minute * kMsPerMinute);
    CompactAll((minute + 63) * kMsPerMinute);
  }
  EXPECT_GT(store_->condition().forgotten_early_unix_ms, minute * kMsPerMinute)
      << "in the last round as well";
  Query query = HourAround(kNoon);
  query.to = minute + 60;
  query.subjects = {"POST /orders request"};
  const std::vector<Slice> kept = MustRead(query);
  ASSERT_GT(kept.size(), 1u);
  EXPECT_GT(kept.front().start, kNoon) << "the oldest is gone";
  EXPECT_EQ(kept.back().start, minute);
  EXPECT_EQ(kept.back().start - kept.front().start, static_cast<Minute>(kept.size() - 1) * 60)
      << "and no other";
}

TEST_P(StoreTest, AtItsLimitItRefusesWhenNothingIsLeftToForget) {
  TemporaryFolder folder;
  store_ = GetParam().make_small(folder.path());
  SampleBatches samples(3);
  Result<Append> appended = Append::kApplied;
  uint64_t sequence = 0;
  for (; appended.ok() && sequence < 5'000; ++sequence) {
    Batch batch = LargeBatch(samples, sequence + 1, kNoon);
    batch.buckets[kNoon]["body of " + std::to_string(sequence)] = samples.Bodies(30);
    appended = store_->AppendBatch(batch, bucket::EncodeBatch(batch), kNoon * kMsPerMinute);
    if (const Result<bool> more = store_->Compact(kNoon * kMsPerMinute); !more.ok()) {
      EXPECT_EQ(more.error().code, ErrorCode::kUnavailable) << more.error().message;
    }
  }
  ASSERT_FALSE(appended.ok());
  EXPECT_EQ(appended.error().code, ErrorCode::kUnavailable) << appended.error().message;
  EXPECT_EQ(store_->condition().forgotten_early, 0);
}

TEST_P(StoreTest, ForgetsAFieldWithWhatLiesBelowIt) {
  Batch batch = SampleBatches::Counted(kOrders, 1, 1, kNoon, 7);
  auto& fields = batch.buckets[kNoon]["POST /orders request"].body->fields;
  for (const char* path : {"customer", "customer.phone", "customers"}) fields[path].counts.documents = 1;
  MustAppend(batch);
  CompactAll((kNoon + 600) * kMsPerMinute);
  const Result<Forgotten> forgotten = store_->Forget("orders", std::nullopt, "customer");
  ASSERT_TRUE(forgotten.ok()) << forgotten.error().message;
  EXPECT_GT(forgotten->rows, 0);
  const std::vector<Slice> slices = MustRead(HourAround(kNoon));
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].summary.body->documents, 7u);
  EXPECT_FALSE(slices[0].summary.body->fields.contains("customer"));
  EXPECT_FALSE(slices[0].summary.body->fields.contains("customer.phone"));
  EXPECT_TRUE(slices[0].summary.body->fields.contains("customers"));
}

std::unique_ptr<Store> MakeSqlite(const std::string& folder, const SqliteSettings& settings) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(folder, settings);
  EXPECT_TRUE(store.ok()) << store.error().message;
  return std::move(*store);
}

// Rounds as small as they get: every one ends in the middle of something.
SqliteSettings InSmallRounds() {
  SqliteSettings settings = KeepingEverything();
  settings.round = {.packed_bytes_max = 1, .memory_bytes_max = 1, .parts_max = 2, .deleted_max = 1};
  return settings;
}

Kind SqliteKind(const char* name, SqliteSettings settings) {
  SqliteSettings small = settings;
  small.database_bytes_max = kSmall;
  return {name, [settings](const std::string& folder) { return MakeSqlite(folder, settings); },
          [small](const std::string& folder) { return MakeSqlite(folder, small); }};
}

INSTANTIATE_TEST_SUITE_P(
    Stores, StoreTest,
    testing::Values(Kind{"Memory", [](const std::string&) { return std::make_unique<MemoryStore>(); },
                         [](const std::string&) { return std::make_unique<MemoryStore>(kSmall); }},
                    SqliteKind("Sqlite", KeepingEverything()),
                    SqliteKind("SqliteInSmallRounds", InSmallRounds())),
    [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace fieldmark::store
