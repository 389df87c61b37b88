// From bodies and requests, through the recorder, to signals.
#include "fieldmark/judge/signals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "fieldmark/bucket/recorder.h"

namespace fieldmark::judge {
namespace {

using testing::ElementsAre;
using testing::IsSupersetOf;

constexpr UnixMs kStart = 1'767'225'600'000;
constexpr const char* kRoute = "POST /orders";
constexpr const char* kRequest = "POST /orders request";

class Service {
 public:
  Service() : recorder_({}, HashKey{}) {}

  void Take(size_t minute, const std::string& body, uint16_t status = 200, double ms = 5,
            uint64_t times = 1) {
    bucket::RequestEvent event;
    event.route = kRoute;
    event.status = status;
    event.ended_unix_ms = kStart + static_cast<int64_t>(minute) * kMsPerMinute;
    event.first_byte_ms = event.last_byte_ms = event.app_return_ms = ms;
    event.request = {bucket::BodyState::kCaptured, body, body.size()};
    if (status >= 500) event.exception = "ValueError";
    event.times = times;
    recorder_.Record(event);
  }

  void Reveal(const std::string& path) { recorder_.Declare("", path, profile::FieldKind::kRevealed); }
  void SetHashKey(const HashKey& key) { recorder_.SetHashKey(key); }
  void Drain() { bucket::MergeBuckets(buckets_, recorder_.Drain()); }

  std::vector<Series> Signals(const std::string& subject, size_t steps, std::vector<double> watched_s = {}) {
    Drain();
    SubjectHistory history(subject, steps);
    for (const auto& [minute, bucket] : buckets_) {
      const auto found = bucket.find(subject);
      const auto step = static_cast<size_t>(minute - MinuteOf(kStart));
      if (found != bucket.end() && step < steps) history.Absorb(step, found->second);
    }
    history.same_source = history.contents;
    history.watched_s = watched_s.empty() ? std::vector<double>(steps, 60) : std::move(watched_s);
    return SignalsOf(std::move(history), Timeline{kStart / 1000, 60, steps, {}, {}});
  }

 private:
  bucket::Recorder recorder_;
  bucket::Buckets buckets_;
};

std::vector<std::string> Names(const std::vector<Series>& signals) {
  std::vector<std::string> names;
  for (const Series& series : signals) names.push_back(series.signal);
  return names;
}

const Series& Named(const std::vector<Series>& signals, const std::string& name) {
  for (const Series& series : signals) {
    if (series.signal == name) return series;
  }
  ADD_FAILURE() << "no signal " << name;
  static const Series kNone;
  return kNone;
}

TEST(Signals, OfARouteAreItsRequests) {
  Service service;
  service.Take(0, "{}", 200, 5, 8);
  service.Take(0, "{}", 404, 5, 1);
  service.Take(0, "{}", 503, 90, 1);
  const std::vector<Series> signals = service.Signals(kRoute, 2);
  EXPECT_THAT(Names(signals),
              ElementsAre("POST /orders requests", "POST /orders latency", "POST /orders status 4xx",
                          "POST /orders status 5xx", "POST /orders exception"));
  EXPECT_THAT(Named(signals, "POST /orders requests").values, ElementsAre(10, 0));
  EXPECT_THAT(Named(signals, "POST /orders status 5xx").numerators, ElementsAre(1, 0));
  EXPECT_THAT(Named(signals, "POST /orders status 5xx").weights, ElementsAre(10, 0));
  EXPECT_EQ(Named(signals, "POST /orders latency").distributions[0].count(), 10u);
  EXPECT_EQ(Named(signals, "POST /orders latency").unit, "ms");
  EXPECT_EQ(Named(signals, "POST /orders latency").polarity, Polarity::kMoreIsWorse);
}

TEST(Signals, TellZeroTrafficFromNoData) {
  Service service;
  service.Take(0, "{}");
  const std::vector<Series> signals = service.Signals(kRoute, 4, {60, 60, 0, 25});
  EXPECT_THAT(Named(signals, "POST /orders requests").weights, ElementsAre(1, 1, 0, 0));
  EXPECT_EQ(Named(signals, "POST /orders requests").values[1], 0);
  EXPECT_TRUE(std::isnan(Named(signals, "POST /orders requests").values[2]));
}

TEST(Signals, OfFieldsThatComeAndGoKeepTheirSteps) {
  Service service;
  service.Take(0, R"({"b":1,"d":1})");
  service.Take(1, R"({"a":1,"c":1})");
  service.Take(2, R"({"a":1,"b":1,"d":1})");
  const std::vector<Series> signals = service.Signals(kRequest, 3);
  EXPECT_THAT(Named(signals, "POST /orders request a missing").numerators, ElementsAre(1, 0, 0));
  EXPECT_THAT(Named(signals, "POST /orders request b missing").numerators, ElementsAre(0, 1, 0));
  EXPECT_THAT(Named(signals, "POST /orders request c missing").numerators, ElementsAre(1, 0, 1));
  EXPECT_THAT(Named(signals, "POST /orders request d missing").numerators, ElementsAre(0, 1, 0));
  EXPECT_THAT(Named(signals, "POST /orders request d value").weights, ElementsAre(1, 0, 1));
}

TEST(Signals, OfFieldsAreSharesOfDocuments) {
  Service service;
  service.Take(0, R"({"phone":null,"paid":true,"note":"x"})", 200, 5, 3);
  service.Take(0, R"({"phone":"123","paid":false})", 200, 5, 7);
  service.Take(1, R"({"phone":5})", 200, 5, 2);
  const std::vector<Series> signals = service.Signals(kRequest, 3);
  EXPECT_THAT(Names(signals),
              IsSupersetOf({"POST /orders request malformed", "POST /orders request phone missing",
                            "POST /orders request phone null", "POST /orders request phone type string",
                            "POST /orders request phone type number", "POST /orders request phone length",
                            "POST /orders request phone value", "POST /orders request phone mix",
                            "POST /orders request paid true", "POST /orders request note missing"}));
  EXPECT_THAT(Named(signals, "POST /orders request phone null").numerators, ElementsAre(3, 0, 0));
  EXPECT_THAT(Named(signals, "POST /orders request phone null").weights, ElementsAre(10, 2, 0));
  EXPECT_THAT(Named(signals, "POST /orders request phone type string").numerators, ElementsAre(7, 0, 0));
  EXPECT_THAT(Named(signals, "POST /orders request phone type string").weights, ElementsAre(7, 2, 0));
  EXPECT_THAT(Named(signals, "POST /orders request note missing").numerators, ElementsAre(7, 2, 0));
  EXPECT_THAT(Named(signals, "POST /orders request paid true").numerators, ElementsAre(3, 0, 0));
  EXPECT_THAT(Named(signals, "POST /orders request phone value").weights, ElementsAre(0, 2, 0));
}

TEST(Signals, OfFormatsAreSharesOfStringsAndOnlyOfWhatWasSeen) {
  Service service;
  service.Take(0, R"({"id":"550e8400-e29b-41d4-a716-446655440000"})", 200, 5, 6);
  service.Take(0, R"({"id":null})", 200, 5, 4);
  service.Take(1, R"({"id":"12"})", 200, 5, 3);
  const std::vector<Series> signals = service.Signals(kRequest, 2);
  EXPECT_THAT(Named(signals, "POST /orders request id format uuid").numerators, ElementsAre(6, 0));
  EXPECT_THAT(Named(signals, "POST /orders request id format uuid").weights, ElementsAre(6, 3));
  EXPECT_THAT(Named(signals, "POST /orders request id format number").numerators, ElementsAre(0, 3));
  EXPECT_EQ(
      std::ranges::count_if(
          Names(signals), [](const std::string& name) { return name.find(" format ") != std::string::npos; }),
      2);
}

TEST(Signals, CountDocumentsNotArrayItems) {
  Service service;
  service.Take(0, R"({"items":[{"price":1},{"price":null},{"price":3},{}]})", 200, 5, 10);
  const std::vector<Series> signals = service.Signals(kRequest, 1);
  const Series& nulls = Named(signals, "POST /orders request items[].price null");
  EXPECT_DOUBLE_EQ(nulls.weights[0], 10);
  EXPECT_NEAR(nulls.numerators[0], 10.0 / 3, 1e-9);
  const Series& missing = Named(signals, "POST /orders request items[].price missing");
  EXPECT_DOUBLE_EQ(missing.weights[0], 10);
  EXPECT_NEAR(missing.numerators[0], 2.5, 1e-9);
  const Series& value = Named(signals, "POST /orders request items[].price value");
  EXPECT_EQ(value.distributions[0].count(), 20u);
  EXPECT_NEAR(value.weights[0], 20.0 / 3, 1e-9);
}

TEST(Signals, NameEveryValueOnBothSidesTheSameWay) {
  Service service;
  service.Take(0, R"({"id":"only"})", 200, 5, 4);
  for (int i = 0; i < 200; ++i) service.Take(1, R"({"id":")" + std::to_string(i) + R"("})");
  const std::vector<Series> signals = service.Signals(kRequest, 2);
  const Series& mix = Named(signals, "POST /orders request id mix");
  // Too many values for the whole history, so the step with one of them counts by cell too.
  ASSERT_EQ(mix.mixes[0].size(), 1u);
  EXPECT_TRUE(mix.mixes[0].begin()->first.starts_with("cell "));
  double total = 0;
  for (const auto& [cell, count] : mix.mixes[1]) total += count;
  EXPECT_EQ(total, 200);
}

TEST(Signals, OfAMixKnowItsValuesWhereTheyAreRevealed) {
  Service service;
  service.Reveal("status");
  service.Take(0, R"({"status":"paid","channel":"web"})", 200, 5, 4);
  service.Take(1, R"({"status":7,"channel":"web"})");
  const std::vector<Series> signals = service.Signals(kRequest, 2);
  EXPECT_TRUE(Named(signals, "POST /orders request channel mix").category_values.empty());
  const Series& mix = Named(signals, "POST /orders request status mix");
  ASSERT_EQ(mix.mixes[0].size(), 1u);
  EXPECT_EQ(mix.category_values.at(mix.mixes[0].begin()->first), "paid");
  EXPECT_EQ(mix.category_values.at(mix.mixes[1].begin()->first), "7");
}

TEST(Signals, OfAMixCompareNoHashesUnderTwoKeys) {
  Service service;
  service.Take(0, R"({"status":"paid"})", 200, 5, 4);
  service.Drain();
  service.SetHashKey(*HashKey::FromHex("00112233445566778899aabbccddeeff"));
  service.Take(1, R"({"status":"paid"})", 200, 5, 3);
  const std::vector<Series> signals = service.Signals(kRequest, 2);
  EXPECT_THAT(Named(signals, "POST /orders request status mix").weights, ElementsAre(0, 3));
  EXPECT_THAT(Named(signals, "POST /orders request status null").weights, ElementsAre(4, 3));
}

TEST(Signals, HowOldTimesAreStandsInForTheirValues) {
  Service service;
  service.Take(0, R"({"at":"2025-12-31T23:59:00Z","epoch":1767225540,"id":1767225540})", 200, 5, 4);
  service.Take(1, R"({"at":"2025-12-31T23:59:00Z","epoch":1767225600.5,"id":7})", 200, 5, 5);
  service.Take(1, R"({"at":"soon","id":7})");
  const std::vector<Series> signals = service.Signals(kRequest, 2);
  const Series& at = Named(signals, "POST /orders request at freshness");
  EXPECT_EQ(at.unit, "ms");
  EXPECT_NEAR(at.distributions[0].Quantile(0.5), 60'000, 1200);
  EXPECT_NEAR(at.distributions[1].Quantile(0.5), 120'000, 2400);
  EXPECT_THAT(at.weights, ElementsAre(4, 5));
  EXPECT_NEAR(Named(signals, "POST /orders request epoch freshness").distributions[1].Quantile(0.5), 59'500,
              1200);
  const std::vector<std::string> names = Names(signals);
  EXPECT_THAT(names, testing::Not(testing::Contains("POST /orders request epoch value")));
  EXPECT_THAT(names, testing::Contains("POST /orders request id value")) << "fewer than half name a time";
  EXPECT_THAT(names, testing::Not(testing::Contains("POST /orders request id freshness")));
}

TEST(Signals, OfWhatNoStepSawAreNone) {
  Service service;
  EXPECT_TRUE(service.Signals(kRequest, 3).empty());
  EXPECT_TRUE(service.Signals(kRoute, 3).empty());
  Service malformed;
  malformed.Take(0, "{\"a\":", 200, 5, 2);
  const std::vector<Series> signals = malformed.Signals(kRequest, 1);
  ASSERT_EQ(signals.size(), 1u);
  EXPECT_THAT(signals[0].numerators, ElementsAre(2));
}

}  // namespace
}  // namespace fieldmark::judge
