#include "server/watch/shortfalls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fieldmark/bucket/recorder.h"
#include "server/watch/fabricated_service.h"

namespace fieldmark::watch {
namespace {

using bucket::BodyState;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

class ShortfallsTest : public testing::Test {
 protected:
  void Send(bucket::Buckets buckets, const std::string& service = "orders") {
    bucket::Batch batch;
    batch.header.stream = {"production", service, "a"};
    batch.header.instance = {7};
    batch.header.sequence = ++sequence_;
    batch.buckets = std::move(buckets);
    ASSERT_TRUE(store_.AppendBatch(batch, bucket::EncodeBatch(batch), now_).ok());
  }
  void SendBodies(std::vector<BodyState> states, UnixMs at) {
    bucket::Recorder recorder;
    for (const BodyState state : states) {
      recorder.Record(
          {.route = "POST /orders", .status = 200, .ended_unix_ms = at, .request = {state, "{}", 2}});
    }
    Send(recorder.Drain());
  }
  std::vector<std::string> Said() {
    Result<std::vector<std::string>> sentences = shortfalls_.Of("orders", "production");
    EXPECT_TRUE(sentences.ok());
    return *sentences;
  }

  UnixMs now_ = kNoon * kMsPerMinute;
  store::MemoryStore store_;
  Shortfalls shortfalls_{store_, [this] { return now_; }};
  uint64_t sequence_ = 0;
};

TEST_F(ShortfallsTest, AreNoneWhereEverythingWasRecorded) {
  EXPECT_THAT(Said(), IsEmpty());
  SendBodies({BodyState::kCaptured, BodyState::kNotJson, BodyState::kNone}, now_);
  now_ += 60'000;
  EXPECT_THAT(Said(), IsEmpty());
}

TEST_F(ShortfallsTest, SayHowManyBodiesWereNotProfiledAndWhy) {
  SendBodies({BodyState::kCaptured, BodyState::kCompressed, BodyState::kCompressed, BodyState::kNotCaptured,
              BodyState::kNotSampled},
             now_);
  EXPECT_THAT(Said(), ElementsAre("JSON bodies of the last 24 hours not profiled: 2 compressed, 1 too large, "
                                  "cut off or too many at once, 1 sampled out; 1 was."));
}

TEST_F(ShortfallsTest, ForgetWhatIsADayAgo) {
  SendBodies({BodyState::kCompressed}, now_);
  now_ += 25 * 60 * kMsPerMinute;
  SendBodies({BodyState::kCaptured}, now_);
  EXPECT_THAT(Said(), IsEmpty());
}

TEST_F(ShortfallsTest, SayWhatTheWorkerGaveUp) {
  bucket::Buckets buckets;
  bucket::SubjectSummary& self = buckets[kNoon][""];
  self.watch = bucket::WatchSummary{.dropped_events = 1, .folded_subjects = 20};
  self.events = {
      {"refused batch", 1}, {"refused record", 3}, {"uncertain batch", 1}, {"uncertain record", 1}};
  bucket::BodySummary& body = buckets[kNoon]["POST /orders request"].body.emplace();
  body.fields["a"].counts = {.limited = 5};
  Send(buckets);
  EXPECT_THAT(
      Said(),
      ElementsAre(StartsWith("1 record was dropped"), StartsWith("20 requests of the last 24 hours are"),
                  StartsWith("5 values of"), StartsWith("3 records of"), StartsWith("1 record of")));
}

TEST_F(ShortfallsTest, AreThoseOfTheServiceThatIsAskedFor) {
  bucket::Buckets buckets;
  buckets[kNoon][""].watch = bucket::WatchSummary{.dropped_events = 1};
  Send(buckets, "carts");
  SendBodies({BodyState::kCaptured}, now_);
  EXPECT_THAT(Said(), IsEmpty());
}

}  // namespace
}  // namespace fieldmark::watch
