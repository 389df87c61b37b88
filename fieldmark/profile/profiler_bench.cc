// What a body costs: reading it, profiling it, both. `leaf_ns` is the figure to compare: time by values that
// are no containers. Bodies are order-like, drawn before the clock starts, with values that vary as real ones
// do.
#include <benchmark/benchmark.h>
#include <time.h>

#include <random>
#include <string>
#include <vector>

#include "fieldmark/profile/profiler.h"

namespace fieldmark::profile {
namespace {

constexpr size_t kBodies = 1'024;

class Orders {
 public:
  explicit Orders(size_t items) : random_(1) {
    for (size_t i = 0; i < kBodies; ++i) bodies.push_back(Order(items));
  }

  std::vector<std::string> bodies;
  size_t leaves = 0;  // of all bodies together

 private:
  size_t Pick(size_t n) { return random_() % n; }
  std::string Hex(size_t digits) {
    std::string text;
    for (size_t i = 0; i < digits; ++i) text += "0123456789abcdef"[Pick(16)];
    return text;
  }
  std::string One(const std::vector<std::string>& of) { return of[Pick(of.size())]; }
  std::string Member(const std::string& name, const std::string& value) {
    ++leaves;
    return "\"" + name + "\":" + value;
  }
  std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

  std::string Item() {
    return "{" + Member("sku", Quoted("SKU-" + std::to_string(10'000 + Pick(5'000)))) + "," +
           Member("quantity", std::to_string(1 + Pick(4))) + "," +
           Member("price", std::to_string(1 + Pick(200)) + "." + std::to_string(10 + Pick(90))) + "," +
           Member("gift", Pick(10) == 0 ? "true" : "false") + "}";
  }
  std::string Order(size_t items) {
    std::string body = "{" + Member("id", Quoted(Hex(8) + "-" + Hex(4) + "-" + Hex(4) + "-" + Hex(12))) +
                       "," + Member("number", std::to_string(1'000'000 + Pick(1'000'000))) + "," +
                       Member("status", Quoted(One({"new", "paid", "shipped", "cancelled"}))) + "," +
                       Member("created_at", Quoted("2026-11-" + std::to_string(10 + Pick(20)) +
                                                   "T10:" + std::to_string(10 + Pick(50)) + ":00Z")) +
                       ",";
    body +=
        "\"customer\":{" + Member("name", Quoted(One({"Anna", "Ben", "Cem", "Dora"}) + " " + Hex(6))) + "," +
        Member("email", Quoted(Hex(8) + "@example.com")) + "," +
        Member("phone",
               Pick(100) == 0 ? "null" : Quoted("+49 30 " + std::to_string(1'000'000 + Pick(9'000'000)))) +
        "," + Member("vip", Pick(20) == 0 ? "true" : "false") + ",\"address\":{" +
        Member("street", Quoted("Street " + std::to_string(Pick(200)))) + "," +
        Member("city", Quoted(One({"Berlin", "Hamburg", "Munich", "Cologne", "Frankfurt"}))) + "," +
        Member("zip", Quoted(std::to_string(10'000 + Pick(80'000)))) + "," +
        Member("country", Quoted(One({"DE", "AT", "CH"}))) + "}},\"items\":[";
    for (size_t i = 0; i < items; ++i) body += (i == 0 ? "" : ",") + Item();
    body += "],";
    if (Pick(3) == 0) body += Member("coupon", Quoted(One({"SPRING", "WELCOME10"}))) + ",";
    body += Member("currency", Quoted("EUR")) + "," + Member("total", std::to_string(Pick(1'000)) + ".5") +
            "," + Member("note", "null") + "}";
    return body;
  }

  std::mt19937_64 random_;
};

HashKey Key() { return *HashKey::FromHex("000102030405060708090a0b0c0d0e0f"); }

void Report(benchmark::State& state, const Orders& orders) {
  const double leaves = static_cast<double>(orders.leaves) / kBodies;
  state.counters["leaves"] = leaves;
  state.counters["bytes"] = static_cast<double>(orders.bodies[0].size());
  state.counters["leaf_ns"] = benchmark::Counter(leaves * static_cast<double>(state.iterations()),
                                                 benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void BM_Read(benchmark::State& state) {
  const Orders orders(static_cast<size_t>(state.range(0)));
  json::Reader reader;
  size_t next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(reader.Read(orders.bodies[next++ % kBodies]));
  Report(state, orders);
}

void BM_ReadLenient(benchmark::State& state) {
  const Orders orders(static_cast<size_t>(state.range(0)));
  json::Reader reader;
  size_t next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(reader.ReadLenient(orders.bodies[next++ % kBodies]));
  Report(state, orders);
}

void BM_ReadAndProfile(benchmark::State& state) {
  const Orders orders(static_cast<size_t>(state.range(0)));
  json::Reader reader;
  Profiler profiler({}, Key());
  size_t next = 0;
  for (auto _ : state) profiler.Observe(reader.Read(orders.bodies[next++ % kBodies]));
  Report(state, orders);
}

void BM_ReadAndProfileUnhashed(benchmark::State& state) {
  const Orders orders(static_cast<size_t>(state.range(0)));
  json::Reader reader;
  Profiler profiler;
  size_t next = 0;
  for (auto _ : state) profiler.Observe(reader.Read(orders.bodies[next++ % kBodies]));
  Report(state, orders);
}

// Of this thread alone, so that a busy machine does not count; about 0.2 µs a call.
double ThreadSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// What reading alone costs when the application has used the caches since.
void BM_ReadCold(benchmark::State& state) {
  const Orders orders(static_cast<size_t>(state.range(0)));
  json::Reader reader;
  std::vector<char> others(2u << 20);
  size_t next = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < others.size(); i += 64) ++others[i];
    benchmark::DoNotOptimize(others.data());
    benchmark::ClobberMemory();
    const double begin = ThreadSeconds();
    benchmark::DoNotOptimize(reader.Read(orders.bodies[next++ % kBodies]));
    state.SetIterationTime(ThreadSeconds() - begin);
  }
  Report(state, orders);
}

// As many profilers as a service has routes, all warm, and 2 MiB of the application's own memory touched
// between bodies.
void BM_ReadAndProfileCold(benchmark::State& state) {
  const Orders orders(static_cast<size_t>(state.range(0)));
  json::Reader reader;
  std::vector<Profiler> profilers;
  for (int i = 0; i < 64; ++i) {
    profilers.emplace_back(Limits{}, Key());
    for (const std::string& body : orders.bodies) profilers.back().Observe(reader.Read(body));
  }
  std::vector<char> others(2u << 20);
  size_t next = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < others.size(); i += 64) ++others[i];
    benchmark::DoNotOptimize(others.data());
    benchmark::ClobberMemory();
    const double begin = ThreadSeconds();
    profilers[next % profilers.size()].Observe(reader.Read(orders.bodies[next % kBodies]));
    state.SetIterationTime(ThreadSeconds() - begin);
    ++next;
  }
  Report(state, orders);
}

void BM_Take(benchmark::State& state) {
  const Orders orders(static_cast<size_t>(state.range(0)));
  json::Reader reader;
  Profiler profiler({}, Key());
  size_t next = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (int i = 0; i < 100; ++i) profiler.Observe(reader.Read(orders.bodies[next++ % kBodies]));
    state.ResumeTiming();
    benchmark::DoNotOptimize(profiler.Take());
  }
}

BENCHMARK(BM_Read)->Arg(4)->Arg(100);
BENCHMARK(BM_ReadLenient)->Arg(4)->Arg(100);
BENCHMARK(BM_ReadAndProfile)->Arg(4)->Arg(100);
BENCHMARK(BM_ReadAndProfileUnhashed)->Arg(4)->Arg(100);
BENCHMARK(BM_ReadCold)->Arg(4)->UseManualTime()->Iterations(20'000);
BENCHMARK(BM_ReadAndProfileCold)->Arg(4)->UseManualTime()->Iterations(20'000);
BENCHMARK(BM_Take)->Arg(4)->Iterations(2'000);

}  // namespace
}  // namespace fieldmark::profile
