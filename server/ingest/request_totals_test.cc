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

TEST(RequestTotalsTest, CountWhatIsAtOrBelowEachPowerOfTwo) {
  std::mt19937_64 random(7);
  std::vector<double> latencies = {0, 0.5, 1, 2, std::nextafter(2.0, 3.0), 65'536, 65'537, 1e9};
  for (int i = 0; i < 1000; ++i) latencies.push_back(std::lognormal_distribution<double>(3, 2)(random));
  // So wide that the histogram has to coarsen.
  for (int i = -300; i < 300; ++i) latencies.push_back(std::ldexp(1.0, i) * 1.01);
  RequestTotals totals;
  totals.Add(BatchOf("orders", latencies));
  const RequestTotal total = totals.All().at({"orders", "production"});
  EXPECT_EQ(total.answered, latencies.size());
  uint64_t below = 0;
  for (size_t i = 0; i < kLatencyBuckets; ++i) {
    below += total.by_latency[i];
    const auto expected = std::count_if(latencies.begin(), latencies.end(), [&](double latency) {
      return latency <= std::ldexp(1.0, static_cast<int>(i));
    });
    EXPECT_EQ(below, static_cast<uint64_t>(expected)) << i;
  }
  const auto slow =
      std::count_if(latencies.begin(), latencies.end(), [](double latency) { return latency > 100; });
  EXPECT_EQ(total.by_class.at("5xx"), static_cast<uint64_t>(slow));
  EXPECT_EQ(total.by_class.at("2xx"), latencies.size() - static_cast<size_t>(slow));
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
