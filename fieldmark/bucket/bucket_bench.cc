// What recording a request and sending a minute cost.
#include <benchmark/benchmark.h>

#include "fieldmark/bucket/batch.h"
#include "fieldmark/bucket/outbox.h"
#include "fieldmark/bucket/recorder.h"

namespace fieldmark::bucket {
namespace {

constexpr std::string_view kOrder =
    R"({"id":123456,"status":"paid","customer":{"name":"Ada Lovelace","phone":"+44 20 7946 0000","vip":false},)"
    R"("items":[{"sku":"A-1","price":12.5,"quantity":2},{"sku":"B-7","price":99.0,"quantity":1}],"note":null})";

RequestEvent Order(UnixMs at) {
  return {.route = "POST /orders",
          .status = 201,
          .ended_unix_ms = at,
          .first_byte_ms = 3.25,
          .last_byte_ms = 3.5,
          .app_return_ms = 3.75,
          .request = {BodyState::kCaptured, kOrder, kOrder.size()},
          .response = {BodyState::kCaptured, kOrder, kOrder.size()}};
}

void BM_RecordWithoutBodies(benchmark::State& state) {
  Recorder recorder(Limits{}, HashKey{});
  RequestEvent event = Order(90'000);
  event.request.state = event.response.state = BodyState::kNotJson;
  for (auto _ : state) recorder.Record(event);
}
BENCHMARK(BM_RecordWithoutBodies);

void BM_RecordBothBodies(benchmark::State& state) {
  Recorder recorder(Limits{}, HashKey{});
  const RequestEvent event = Order(90'000);
  for (auto _ : state) recorder.Record(event);
}
BENCHMARK(BM_RecordBothBodies);

Buckets SubjectsOfAMinute(int64_t subjects) {
  Recorder recorder(Limits{}, HashKey{});
  for (int64_t i = 0; i < subjects; ++i) {
    RequestEvent event = Order(90'000);
    const std::string route = "POST /orders/" + std::to_string(i);
    event.route = route;
    recorder.Record(event);
  }
  return recorder.Drain();
}

void BM_Drain(benchmark::State& state) {
  Recorder recorder(Limits{}, HashKey{});
  for (auto _ : state) {
    recorder.Record(Order(90'000));
    benchmark::DoNotOptimize(recorder.Drain());
  }
}
BENCHMARK(BM_Drain);

void BM_EncodeBatch(benchmark::State& state) {
  const Batch batch{{}, SubjectsOfAMinute(state.range(0))};
  size_t size = 0;
  for (auto _ : state) size = EncodeBatch(batch).size();
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(BM_EncodeBatch)->Arg(17);

void BM_DecodeBatch(benchmark::State& state) {
  const std::string bytes = EncodeBatch({{}, SubjectsOfAMinute(state.range(0))});
  for (auto _ : state) benchmark::DoNotOptimize(DecodeBatch(bytes));
}
BENCHMARK(BM_DecodeBatch)->Arg(17);

}  // namespace
}  // namespace fieldmark::bucket
