#include "server/watch/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/watch/fabricated_service.h"
#include "server/watch/held_store.h"

namespace fieldmark::watch {
namespace {

using testing::HasSubstr;

class AnswersTest : public testing::Test {
 protected:
  // Of one that has read nothing before: the clock of most tests stands still.
  ServiceStatus MustOf() {
    Answers fresh(
        store_, verdicts_, [this] { return now_; }, std::nullopt);
    Result<ServiceStatus> status = fresh.Of("orders", "production");
    EXPECT_TRUE(status.ok()) << status.error().message;
    return *status;
  }

  HeldStore store_;
  FabricatedService service_{store_};
  UnixMs now_ = kNoon * kMsPerMinute;
  Verdicts verdicts_{store_, [this] { return now_; }, *LooksOf({60})};
  Answers answers_{store_, verdicts_, [this] { return now_; }, std::nullopt};
};

TEST_F(AnswersTest, AreGoodForAServiceAsUsual) {
  service_.Run("a", kNoon - 600, kNoon);
  const ServiceStatus status = MustOf();
  EXPECT_EQ(status.state(), AnswerState::kGood);
  EXPECT_EQ(status.version, "a");
  EXPECT_EQ(status.answers[0].word, "Up");
  EXPECT_THAT(status.answers[0].detail, HasSubstr("requests a second, 0 % failed"));
  EXPECT_THAT(status.answers[0].usual, HasSubstr("usually 0 % failed"));
  EXPECT_EQ(status.answers[1].state, AnswerState::kGood);
  EXPECT_THAT(status.answers[1].usual, HasSubstr("ms"));
  EXPECT_NEAR(status.requests_per_s, 200.0 / 60, 0.5);
}

TEST_F(AnswersTest, AreAlwaysFourInOneOrder) {
  service_.Run("a", kNoon - 5, kNoon);
  const ServiceStatus status = MustOf();
  EXPECT_EQ(status.answers[0].question, "Is it up?");
  EXPECT_EQ(status.answers[1].question, "Is it slow?");
  EXPECT_EQ(status.answers[2].question, "Are jobs failing?");
  EXPECT_EQ(status.answers[3].question, "Did the last deployment change anything?");
}

TEST_F(AnswersTest, DoNotWaitForAVerdictAndAreNotGreenMeanwhile) {
  service_.Run("a", kNoon - 600, kNoon - 5);
  service_.Run("b", kNoon - 5, kNoon);
  store_.Hold();
  Answers impatient(
      store_, verdicts_, [this] { return now_; }, std::chrono::milliseconds(0));
  const Result<Answers::List> list = impatient.All();
  ASSERT_TRUE(list.ok()) << list.error().message;
  ASSERT_EQ((*list)->size(), 1u);
  const ServiceStatus& status = (*list)->front();
  EXPECT_EQ(status.answers[0].word, "Up");
  EXPECT_EQ(status.answers[3].state, AnswerState::kNoData);
  EXPECT_EQ(status.answers[3].word, "Judging");
  EXPECT_TRUE(status.verdict->judging);
  store_.LetGo();
  ASSERT_TRUE(verdicts_.Of("orders", "production").ok());  // until it is there
  now_ += 9'000;
  EXPECT_EQ(impatient.Of("orders", "production")->answers[3].word, "No change seen")
      << "what was not known is asked for again, though no data came";
}

TEST_F(AnswersTest, AreNeverGreenWithoutData) {
  service_.Run("a", kNoon - 600, kNoon);
  now_ += 10 * kMsPerMinute;
  const ServiceStatus status = MustOf();
  for (const Answer& answer : status.answers)
    EXPECT_EQ(answer.state, AnswerState::kNoData) << answer.question;
  EXPECT_EQ(status.state(), AnswerState::kNoData);
  EXPECT_EQ(status.answers[0].word, "No data");
  EXPECT_THAT(status.answers[0].detail, HasSubstr("10 min ago"));
  EXPECT_EQ(status.requests_per_s, 0);
}

TEST_F(AnswersTest, TellNoTrafficFromNoData) {
  service_.Run("a", kNoon - 600, kNoon - 5);
  service_.Run("a", kNoon - 5, kNoon, {.requests_a_minute = 0});
  const ServiceStatus status = MustOf();
  EXPECT_EQ(status.answers[0].word, "No requests");
  EXPECT_NE(status.answers[0].state, AnswerState::kGood);
}

TEST_F(AnswersTest, SayThatRequestsFail) {
  service_.Run("a", kNoon - 600, kNoon - 5);
  service_.Run("a", kNoon - 5, kNoon, {.failed_share = 0.05});
  EXPECT_EQ(MustOf().answers[0].state, AnswerState::kAttention);
  service_.Run("a", kNoon - 5, kNoon, {.failed_share = 0.8});
  const ServiceStatus status = MustOf();
  EXPECT_EQ(status.answers[0].state, AnswerState::kBad);
  EXPECT_EQ(status.answers[0].word, "Failing");
  EXPECT_EQ(status.state(), AnswerState::kBad);
  EXPECT_THAT(status.headline(), HasSubstr("Failing: "));
}

TEST_F(AnswersTest, AreNotGreenWhenHalfOfAFewRequestsFail) {
  service_.Run("a", kNoon - 600, kNoon - 5);
  bucket::Recorder recorder;
  recorder.Watch((kNoon - 5) * kMsPerMinute, now_);
  const auto record = [&](uint16_t status, uint64_t times) {
    bucket::RequestEvent event;
    event.route = "POST /orders";
    event.status = status;
    event.ended_unix_ms = now_ - kMsPerMinute;
    event.times = times;
    recorder.Record(event);
  };
  record(500, 4);
  bucket::Batch batch;
  batch.header.stream = {"production", "orders", "a"};
  batch.header.instance = {9};
  const auto append = [&](uint64_t sequence) {
    batch.header.sequence = sequence;
    batch.buckets = recorder.Drain();
    ASSERT_TRUE(store_.AppendBatch(batch, bucket::EncodeBatch(batch), now_).ok());
  };
  append(1);
  EXPECT_EQ(MustOf().answers[0].state, AnswerState::kAttention);
  EXPECT_EQ(MustOf().answers[0].word, "Some fail");
  record(200, 5);
  append(2);
  EXPECT_EQ(MustOf().answers[0].state, AnswerState::kGood);
}

TEST_F(AnswersTest, SayThatItIsSlow) {
  service_.Run("a", kNoon - 600, kNoon - 5);
  service_.Run("a", kNoon - 5, kNoon, {.latency_ms = 90});
  EXPECT_EQ(MustOf().answers[1].state, AnswerState::kBad);
}

TEST_F(AnswersTest, DoNotCallSlowWhatHasNoHistory) {
  service_.Run("a", kNoon - 600, kNoon - 3, {}, bucket::Source::kReplay);  // other clocks
  service_.Run("a", kNoon - 3, kNoon, {.latency_ms = 90});
  const Answer slow = MustOf().answers[1];
  EXPECT_EQ(slow.state, AnswerState::kNoData);
  EXPECT_EQ(slow.word, "No history yet");
  EXPECT_EQ(slow.usual, "");
}

TEST_F(AnswersTest, CarryTheVerdictOfTheNewestDeployment) {
  service_.Run("a", kNoon - 600, kNoon - 5);
  service_.Run("b", kNoon - 5, kNoon, {.null_share = 0.38});
  const ServiceStatus status = MustOf();
  ASSERT_TRUE(status.verdict.has_value());
  EXPECT_EQ(status.verdict->deployment.to_version, "b");
  EXPECT_EQ(status.answers[3].word, "Changed");
  EXPECT_EQ(status.answers[3].state, AnswerState::kBad);
  EXPECT_THAT(status.answers[3].detail, HasSubstr("customer.phone"));
  EXPECT_EQ(status.version, "b");
}

TEST_F(AnswersTest, KnowNoDeploymentWhileThereIsOneVersion) {
  service_.Run("a", kNoon - 60, kNoon);
  EXPECT_EQ(MustOf().answers[3].word, "No deployment seen");
}

TEST_F(AnswersTest, CountJobsOfADay) {
  service_.Run("a", kNoon - 60, kNoon);
  EXPECT_EQ(MustOf().answers[2].word, "No jobs seen");
  bucket::Recorder recorder;
  recorder.RecordRun("nightly", (kNoon - 100) * kMsPerMinute, 500, true);
  recorder.RecordRun("nightly", (kNoon - 50) * kMsPerMinute, 500, false);
  bucket::Batch batch;
  batch.header.stream = {"production", "orders", "a"};
  batch.header.instance = {9};
  batch.header.sequence = 1;
  batch.buckets = recorder.Drain();
  ASSERT_TRUE(store_.AppendBatch(batch, bucket::EncodeBatch(batch), now_).ok());
  EXPECT_EQ(MustOf().answers[2].state, AnswerState::kBad);
  EXPECT_EQ(MustOf().answers[2].detail, "1 run of 2 failed in 24 h");
}

TEST_F(AnswersTest, DoNotCallJobsFineThatNobodyReportsAnyMore) {
  service_.Run("a", kNoon - 60, kNoon);
  bucket::Recorder recorder;
  recorder.RecordRun("nightly", (kNoon - 50) * kMsPerMinute, 500, true);
  bucket::Batch batch;
  batch.header.stream = {"production", "orders", "a"};
  batch.header.instance = {9};
  batch.header.sequence = 1;
  batch.buckets = recorder.Drain();
  ASSERT_TRUE(store_.AppendBatch(batch, bucket::EncodeBatch(batch), now_).ok());
  EXPECT_EQ(MustOf().answers[2].state, AnswerState::kGood);
  now_ += 10 * kMsPerMinute;
  EXPECT_EQ(MustOf().answers[2].state, AnswerState::kNoData);
  EXPECT_EQ(MustOf().answers[2].detail, "0 runs of 1 failed in 24 h, last heard of it 10 min ago");
}

TEST_F(AnswersTest, ListServicesWorstFirst) {
  service_.Run("a", kNoon - 60, kNoon);
  FabricatedService bad(store_, "billing");
  bad.Run("a", kNoon - 60, kNoon, {.failed_share = 0.9});
  FabricatedService silent(store_, "archive");
  silent.Run("a", kNoon - 60, kNoon - 30);
  const Result<Answers::List> made = answers_.All();
  ASSERT_TRUE(made.ok());
  std::vector<std::string> names;
  for (const ServiceStatus& status : **made) names.push_back(status.service);
  EXPECT_THAT(names, testing::ElementsAre("billing", "archive", "orders"));
}

TEST_F(AnswersTest, ReadNothingTwiceWhileTheDataStayTheSame) {
  service_.Run("a", kNoon - 600, kNoon - 10);
  service_.Run("b", kNoon - 10, kNoon);
  FabricatedService(store_, "billing").Run("a", kNoon - 60, kNoon);
  ASSERT_EQ((*answers_.All())->size(), 2u);
  store_.reads = 0;
  now_ += 5'000;
  EXPECT_EQ((*answers_.All())->size(), 2u);
  EXPECT_TRUE(answers_.Of("orders", "production").ok());
  EXPECT_EQ(store_.reads, 0);

  service_.Run("b", kNoon, kNoon + 1);
  ASSERT_TRUE(answers_.All().ok());
  const int of_one = store_.reads;
  EXPECT_GT(of_one, 0) << "there is something new of one service";
  store_.reads = 0;
  now_ += 11'000;
  ASSERT_TRUE(answers_.All().ok());
  EXPECT_GT(store_.reads, of_one) << "a look may have come due, of either";
}

TEST_F(AnswersTest, KnowWhatWasNeverHeardOf) {
  EXPECT_EQ(answers_.Of("orders", "production").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE((*answers_.All())->empty());
}

}  // namespace
}  // namespace fieldmark::watch
