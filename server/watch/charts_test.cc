#include "server/watch/charts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "server/watch/fabricated_service.h"

namespace fieldmark::watch {
namespace {

class ChartsTest : public testing::Test {
 protected:
  Result<Chart> Of(const std::string& subject, const std::string& field, const std::string& statistic,
                   int64_t minutes = 60) {
    return ChartOf(store_, verdicts_, {"orders", "production", subject, field, statistic, minutes}, now_);
  }

  store::MemoryStore store_;
  FabricatedService service_{store_};
  UnixMs now_ = kNoon * kMsPerMinute + 20'000;
  Verdicts verdicts_{store_, [this] { return now_; }};
};

TEST_F(ChartsTest, ShowRequestsASecondOfTheWholeService) {
  service_.Run("a", kNoon - 30, kNoon);
  const Result<Chart> chart = Of("", "", "requests");
  ASSERT_TRUE(chart.ok());
  EXPECT_EQ(chart->unit, "1/s");
  EXPECT_EQ(chart->step_s, 60);
  EXPECT_EQ(chart->start, (kNoon - 60) * kMsPerMinute);
  ASSERT_EQ(chart->values.size(), 60u);
  EXPECT_TRUE(std::isnan(chart->values[29]));
  for (size_t i = 30; i < 60; ++i) EXPECT_NEAR(chart->values[i], 200.0 / 60, 1.2) << i;
  EXPECT_TRUE(chart->lower.empty());
}

TEST_F(ChartsTest, TellNoRequestsFromNoData) {
  service_.Run("a", kNoon - 30, kNoon, {.requests_a_minute = 0});
  const Result<Chart> chart = Of("", "", "requests");
  EXPECT_EQ(chart->values[59], 0);
  EXPECT_TRUE(std::isnan(chart->values[0]));
  EXPECT_TRUE(std::isnan(Of("", "", "status 5xx")->values[59]));
}

TEST_F(ChartsTest, GiveMedianAndP95OfLatency) {
  service_.Run("a", kNoon - 30, kNoon, {.latency_ms = 40});
  const Result<Chart> chart = Of("POST /orders", "", "latency");
  EXPECT_EQ(chart->unit, "ms");
  EXPECT_NEAR(chart->lower[59], 40, 15);
  EXPECT_GT(chart->upper[59], chart->lower[59]);
  EXPECT_EQ(chart->signal, "POST /orders latency");
}

TEST_F(ChartsTest, GiveTheShareOfAField) {
  service_.Run("a", kNoon - 30, kNoon, {.null_share = 0.38});
  const Result<Chart> chart = Of("POST /orders request", "customer.phone", "null");
  ASSERT_TRUE(chart.ok());
  EXPECT_NEAR(chart->values[59], 0.38, 0.15);
  EXPECT_TRUE(std::isnan(chart->values[0]));
  EXPECT_EQ(chart->signal, "POST /orders request customer.phone null");
}

TEST_F(ChartsTest, GiveMedianAndP95OfADistribution) {
  service_.Run("a", kNoon - 30, kNoon);
  const Result<Chart> chart = Of("POST /orders request", "customer.name", "length");
  ASSERT_TRUE(chart.ok());
  ASSERT_EQ(chart->upper.size(), 60u);
  EXPECT_NEAR(chart->lower[59], 1, 0.05);
  EXPECT_NEAR(chart->upper[59], 1, 0.05);
}

TEST_F(ChartsTest, AreEmptyWhereNothingWasSeenInTheirTime) {
  service_.Run("a", kNoon - 3000, kNoon - 2000);
  const Result<Chart> chart = Of("POST /orders request", "customer.phone", "null");
  ASSERT_TRUE(chart.ok()) << chart.error().message;
  for (const double value : chart->values) EXPECT_TRUE(std::isnan(value));
}

TEST_F(ChartsTest, RefuseWhatWasNeverSeen) {
  service_.Run("a", kNoon - 3000, kNoon - 2000);
  service_.Run("a", kNoon - 30, kNoon);
  struct Case {
    const char* subject;
    const char* field;
    const char* statistic;
    const char* said;
  };
  for (const Case& each : {Case{"POST /order request", "customer.phone", "null", "no such subject"},
                           Case{"POST /order", "", "latency", "no such subject"},
                           Case{"POST /orders request", "customer.fone", "null", "no such field"},
                           Case{"POST /orders request", "customer.phone", "nul", "null"},
                           Case{"POST /orders request", "", "latencies", "malformed"}}) {
    SCOPED_TRACE(std::string(each.subject) + " " + each.field + " " + each.statistic);
    const Result<Chart> chart = Of(each.subject, each.field, each.statistic);
    ASSERT_FALSE(chart.ok());
    EXPECT_EQ(chart.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(chart.error().message, testing::HasSubstr(each.said));
  }
}

TEST_F(ChartsTest, DivideByTheTimeThatWasWatched) {
  service_.Run("a", kNoon - 30, kNoon - 1);
  bucket::Recorder recorder;  // up for the last 15 seconds of a minute
  recorder.Watch(kNoon * kMsPerMinute - 15'000, kNoon * kMsPerMinute);
  recorder.Record(
      {.route = "POST /orders", .status = 200, .ended_unix_ms = kNoon * kMsPerMinute - 5'000, .times = 150});
  bucket::Batch batch;
  batch.header.stream = {"production", "orders", "a"};
  batch.header.instance = {9};
  batch.header.sequence = 1;
  batch.buckets = recorder.Drain();
  ASSERT_TRUE(store_.AppendBatch(batch, bucket::EncodeBatch(batch), now_).ok());
  EXPECT_NEAR(Of("", "", "requests")->values[59], 10, 0.01);
  EXPECT_NEAR(Of("", "", "requests")->values[58], 200.0 / 60, 1.2);
}

TEST_F(ChartsTest, StayWithin720Points) {
  service_.Run("a", kNoon - 3000, kNoon);
  for (const int64_t minutes : {5, 60, 720, 721, 3600, 3601, 20'160}) {
    const Result<Chart> chart = Of("", "", "requests", minutes);
    ASSERT_TRUE(chart.ok());
    EXPECT_LE(chart->values.size(), 720u);
    EXPECT_GE(static_cast<int64_t>(chart->values.size()) * chart->step_s, minutes * 60);
  }
  EXPECT_NEAR(Of("", "", "requests", 3000)->values[590], 200.0 / 60, 0.5);
}

TEST_F(ChartsTest, MarkTheDeploymentsInSight) {
  service_.Run("a", kNoon - 300, kNoon - 100);
  service_.Run("b", kNoon - 100, kNoon - 30);
  service_.Run("c", kNoon - 30, kNoon);
  const Result<Chart> chart = Of("", "", "requests");
  ASSERT_EQ(chart->changes.size(), 1u);
  EXPECT_EQ(chart->changes[0].deployment->to_version, "c");
}

TEST_F(ChartsTest, RefuseWhatDoesNotAddUpOverSubjects) {
  service_.Run("a", kNoon - 30, kNoon);
  EXPECT_EQ(Of("", "customer.phone", "null").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Of("", "", "malformed").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace fieldmark::watch
