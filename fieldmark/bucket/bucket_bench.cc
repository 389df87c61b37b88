// What recording a request, merging profiles and sending a minute cost.
#include <benchmark/benchmark.h>

#include <random>
#include <string>

#include "fieldmark/bucket/batch.h"
#include "fieldmark/bucket/document_profiler.h"
#include "fieldmark/bucket/outbox.h"
#include "fieldmark/bucket/recorder.h"
#include "fieldmark/bucket/saved_profile.h"

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

// One that is refused, with two errors in its answer.
void BM_RecordViolations(benchmark::State& state) {
  constexpr std::string_view kAnswer =
      R"({"detail":[{"type":"missing","loc":["body","customer","phone"],"msg":"Field required"},)"
      R"({"type":"int_parsing","loc":["query","limit"],"msg":"Input should be a valid integer"}]})";
  Recorder recorder(Limits{}, HashKey{});
  RequestEvent event = Order(90'000);
  event.status = 422;
  event.request.state = BodyState::kNone;
  event.response = {BodyState::kCaptured, kAnswer, kAnswer.size()};
  event.trace = {7};
  for (auto _ : state) recorder.Record(event);
}
BENCHMARK(BM_RecordViolations);

void BM_RecordRun(benchmark::State& state) {
  Recorder recorder;
  for (auto _ : state) recorder.RecordRun("nightly-export", 90'000, 1234.5, true);
}
BENCHMARK(BM_RecordRun);

void BM_RecordEvent(benchmark::State& state) {
  Recorder recorder;
  for (auto _ : state) recorder.RecordEvent("log shop", "ERROR charging %s failed", 90'000);
}
BENCHMARK(BM_RecordEvent);

void BM_Watch(benchmark::State& state) {
  Recorder recorder;
  for (auto _ : state) recorder.Watch(90'000, 95'000);
}
BENCHMARK(BM_Watch);

// A minute of requests, runs, events and violations with another.
void BM_MergeMinute(benchmark::State& state) {
  Recorder recorder;
  for (int i = 0; i < 1'000; ++i) {
    RequestEvent event = Order(90'000);
    event.request.state = event.response.state = BodyState::kNotJson;
    event.last_byte_ms = 1 + i % 50;
    event.exception = i % 100 == 0 ? "KeyError" : "";
    event.invalid = i % 50 == 0 ? R"({"detail":[{"loc":["response","id"],"type":"int_type"}]})" : "";
    recorder.Record(event);
    recorder.RecordRun("nightly-export", 90'000, 1 + i % 90, i % 9 != 0);
    recorder.RecordEvent("log shop", "kind " + std::to_string(i % 5), 90'000);
  }
  const Buckets from = recorder.Drain();
  Buckets into = from;
  for (auto _ : state) MergeBuckets(into, from);
}
BENCHMARK(BM_MergeMinute);

void BM_Drain(benchmark::State& state) {
  Recorder recorder(Limits{}, HashKey{});
  for (auto _ : state) {
    recorder.Record(Order(90'000));
    benchmark::DoNotOptimize(recorder.Drain());
  }
}
BENCHMARK(BM_Drain);

// Objects such as services carry, of twenty fields: a third with values that hardly repeat, the rest from
// few.
class Records {
 public:
  static constexpr size_t kFields = 20;

  explicit Records(uint64_t seed) : random_(seed) {}

  std::string Next() {
    return Text("{\"id\":\"") + Hex(8) + "-" + Hex(4) + "-" + Hex(4) + "-" + Hex(4) + "-" + Hex(12) +
           "\",\"number\":" + Below(1'000'000) + ",\"status\":\"" + OneOf({"new", "paid", "sent"}) +
           "\",\"created_at\":\"2026-11-24T10:" + Minute() + ":" + Minute() + "Z\",\"name\":\"" + Hex(9) +
           "\",\"email\":\"" + Hex(6) + "@example.org\",\"city\":\"" +
           OneOf({"Graz", "Lyon", "Porto", "Turku"}) + "\",\"zip\":\"" + Hex(5) + "\",\"country\":\"" +
           OneOf({"AT", "FR", "PT", "FI"}) + "\",\"vip\":" + OneOf({"true", "false", "false"}) +
           ",\"quantity\":" + Below(9) + ",\"price\":" + Below(400) + ".25,\"total\":" + Below(4'000) +
           ".5,\"tax\":" + Below(40) + ".5,\"coupon\":" + OneOf({"null", "null", "\"SPRING\""}) +
           ",\"gift\":false,\"weight_kg\":" + Below(30) + ",\"currency\":\"EUR\",\"priority\":" + Below(3) +
           ",\"note\":null}";
  }

 private:
  using Text = std::string;
  Text Below(uint64_t n) { return std::to_string(random_() % n); }
  Text Minute() { return std::to_string(10 + random_() % 50); }
  Text OneOf(std::initializer_list<const char*> of) { return of.begin()[random_() % of.size()]; }
  Text Hex(size_t digits) {
    Text text;
    for (size_t i = 0; i < digits; ++i) text += "0123456789abcdef"[random_() % 16];
    return text;
  }

  std::mt19937_64 random_;
};

HashKey Key() { return *HashKey::FromHex("000102030405060708090a0b0c0d0e0f"); }

// A profile of 500 fields and some documents.
SavedProfile WideProfile(uint64_t seed, int64_t documents) {
  Records records(seed);
  DocumentProfiler profiler(Key());
  for (int64_t i = 0; i < documents; ++i) {
    std::string document;
    for (size_t part = 0; part < 500 / Records::kFields; ++part) {
      document +=
          (part == 0 ? "{" : ",") + std::string("\"part_") + std::to_string(part) + "\":" + records.Next();
    }
    profiler.Observe(document + "}");
  }
  return profiler.Take();
}

void BM_MergeProfiles(benchmark::State& state) {
  const SavedProfile one = WideProfile(1, state.range(0));
  const SavedProfile other = WideProfile(2, state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    SavedProfile into = one;
    state.ResumeTiming();
    into.Merge(other);
    benchmark::DoNotOptimize(into);
    state.PauseTiming();
    into = {};
    state.ResumeTiming();
  }
  state.counters["fields"] = static_cast<double>(one.body.fields.size());
}
BENCHMARK(BM_MergeProfiles)->Arg(10)->Arg(100)->Arg(1'000)->Unit(benchmark::kMicrosecond);

void BM_EncodeProfile(benchmark::State& state) {
  const SavedProfile profile = WideProfile(1, state.range(0));
  size_t size = 0;
  for (auto _ : state) size = EncodeProfile(profile).value().size();
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(BM_EncodeProfile)->Arg(10)->Arg(100)->Arg(1'000)->Unit(benchmark::kMicrosecond);

// What a worker sends: 50 subjects of 20 fields, by documents of each.
Batch TypicalBatch(int64_t documents) {
  Records records(3);
  Recorder recorder(Limits{}, Key());
  for (int64_t i = 0; i < documents; ++i) {
    for (int route = 0; route < 25; ++route) {
      RequestEvent event = Order(90'000);
      const std::string name = "POST /orders/" + std::to_string(route);
      const std::string sent = records.Next();
      const std::string answered = records.Next();
      event.route = name;
      event.request = {BodyState::kCaptured, sent, sent.size()};
      event.response = {BodyState::kCaptured, answered, answered.size()};
      recorder.Record(event);
    }
  }
  Batch batch;
  batch.header.hash_key_id = Key().Id();
  batch.buckets = recorder.Drain();
  return batch;
}

void BM_EncodeBatch(benchmark::State& state) {
  const Batch batch = TypicalBatch(state.range(0));
  size_t size = 0;
  for (auto _ : state) size = EncodeBatch(batch).size();
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(BM_EncodeBatch)->Arg(10)->Arg(20)->Arg(100)->Arg(1'000)->Unit(benchmark::kMicrosecond);

void BM_DecodeBatch(benchmark::State& state) {
  const std::string bytes = EncodeBatch(TypicalBatch(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(DecodeBatch(bytes));
}
BENCHMARK(BM_DecodeBatch)->Arg(100)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace fieldmark::bucket
