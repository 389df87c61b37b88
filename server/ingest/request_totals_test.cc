#include "server/ingest/request_totals.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

namespace fieldmark::ingest {
namespace {

bucket::Batch BatchOf(const std::string& service, const std::vector<double>& latencies_ms) {
  bucket::Batch batch;
  batch.header.stream = {"production", service, "v1"};
  bucket::RequestSummary& request = batch.buckets[1]["GET /"].request.emplace();
  for (const double latency : latencies_ms) {
    request.last_byte_ms.Add(latency);
    ++request.by_status[latency > 100 ? 503 : 200];
  }
  return batch;
}

// `off`: by which factor an edge may be.
void ExpectBuckets(const std::vector<double>& latencies_ms, double off) {
  RequestTotals totals;
  totals.Add(BatchOf("orders", latencies_ms));
  const RequestTotal total = totals.All().at({"orders", "production"});
  EXPECT_EQ(total.answered, latencies_ms.size());
  const auto at_most = [&](double edge_ms) {
    return static_cast<uint64_t>(std::count_if(latencies_ms.begin(), latencies_ms.end(),
                                               [&](double latency_ms) { return latency_ms <= edge_ms; }));
  };
  uint64_t below = 0;
  for (size_t i = 0; i < kLatencyBuckets; ++i) {
    below += total.by_latency[i];
    const double edge_ms = 1000 * std::ldexp(1.0, kLatencyEdgeMin + static_cast<int>(i));
    EXPECT_GE(below, at_most(edge_ms / off)) << i;
    EXPECT_LE(below, at_most(edge_ms * off)) << i;
  }
  const uint64_t fast = at_most(100);
  EXPECT_EQ(total.by_class.at("2xx"), fast);
  EXPECT_EQ(total.by_class.at("5xx"), latencies_ms.size() - fast);
}

TEST(RequestTotalsTest, CountWhatIsAtOrBelowEachPowerOfTwoSeconds) {
  std::mt19937_64 random(7);
  std::vector<double> latencies = {0, 0.5, 0.96, 0.99, 15.4, 15.8, 63'000, 66'000, 1e9};
  for (int i = 0; i < 1000; ++i) latencies.push_back(std::lognormal_distribution<double>(3, 2)(random));
  ExpectBuckets(latencies, 1.011);
  // So wide that the histogram has to coarsen.
  for (int i = -300; i < 300; ++i) latencies.push_back(std::ldexp(1.0, i) * 1.01);
  ExpectBuckets(latencies, std::sqrt(2.0));
}

TEST(RequestTotalsTest, ForgetAService) {
  RequestTotals totals;
  for (const char* service : {"orders", "payments"}) totals.Add(BatchOf(service, {1}));
  totals.Forget("orders", "staging");
  EXPECT_EQ(totals.All().size(), 2u);
  totals.Forget("orders", std::nullopt);
  ASSERT_EQ(totals.All().size(), 1u);
  EXPECT_EQ(totals.All().begin()->first.first, "payments");
}

TEST(RequestTotalsTest, CountLiveBatchesAlone) {
  bucket::Batch batch = BatchOf("orders", {1});
  batch.header.source = bucket::Source::kReplay;
  RequestTotals totals;
  totals.Add(batch);
  EXPECT_TRUE(totals.All().empty());
}

TEST(RequestTotalsTest, TellNoMoreServicesApartThanTheyMay) {
  RequestTotals totals;
  for (size_t i = 0; i < RequestTotals::kServicesMax + 50; ++i)
    totals.Add(BatchOf("s" + std::to_string(i), {1}));
  totals.Add(BatchOf("s0", {1}));
  const auto all = totals.All();
  EXPECT_EQ(all.size(), RequestTotals::kServicesMax + 1);
  EXPECT_EQ(all.at({"(other)", "(other)"}).answered, 50u);
  EXPECT_EQ(all.at({"s0", "production"}).answered, 2u);
}

}  // namespace
}  // namespace fieldmark::ingest
