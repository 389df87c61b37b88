// What a body costs: reading it, profiling it, both. `leaf_ns` is the figure to compare: time by values that
// are no containers. Bodies are order-like, drawn before the clock starts, with values that vary as real ones
// do.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fieldmark/profile/profiler.h"
#include "fieldmark/profile/sample_bodies.h"
#include "fieldmark/profile/waiting_bodies.h"

namespace fieldmark::profile {
namespace {

// As many as stay in the caches beside the rest, few enough of the large ones.
SampleBodies Bodies(const benchmark::State& state) {
  const auto bytes = static_cast<size_t>(state.range(0));
  return SampleBodies(bytes, bytes <= 1'000 ? 1'024 : (1u << 20) / bytes);
}

HashKey Key() { return *HashKey::FromHex("000102030405060708090a0b0c0d0e0f"); }

void Report(benchmark::State& state, const SampleBodies& bodies) {
  state.counters["leaves"] = bodies.leaves();
  state.counters["leaf_ns"] = benchmark::Counter(bodies.leaves() * static_cast<double>(state.iterations()),
                                                 benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void BM_Read(benchmark::State& state) {
  const SampleBodies bodies = Bodies(state);
  json::Reader reader;
  size_t next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(reader.Read(bodies[next++]));
  Report(state, bodies);
}

void BM_ReadLenient(benchmark::State& state) {
  const SampleBodies bodies = Bodies(state);
  json::Reader reader;
  size_t next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(reader.ReadLenient(bodies[next++]));
  Report(state, bodies);
}

void BM_ReadAndProfile(benchmark::State& state) {
  const SampleBodies bodies = Bodies(state);
  json::Reader reader;
  Profiler profiler({}, Key());
  size_t next = 0;
  for (auto _ : state) profiler.Observe(reader.Read(bodies[next++]));
  Report(state, bodies);
}

void BM_ReadAndProfileUnhashed(benchmark::State& state) {
  const SampleBodies bodies = Bodies(state);
  json::Reader reader;
  Profiler profiler;
  size_t next = 0;
  for (auto _ : state) profiler.Observe(reader.Read(bodies[next++]));
  Report(state, bodies);
}

// Of this thread alone, so that a busy machine does not count; about 0.2 µs a call.
double ThreadSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Calls work(body, i) with 2 MiB of the application's own memory touched between the bodies. The body itself
// is in the caches, as one is that has just come in or is about to go out. What the clock takes, its own
// memory pushed out as well, is measured likewise and taken off.
template <class Work>
void Cold(benchmark::State& state, const SampleBodies& bodies, Work work) {
  std::vector<char> others(2u << 20);
  std::string body;
  const auto seconds_of = [&](size_t next, auto measured) {
    for (size_t i = 0; i < others.size(); i += 64) ++others[i];
    body = bodies[next];
    benchmark::DoNotOptimize(others.data());
    benchmark::ClobberMemory();
    const double begin = ThreadSeconds();
    measured(next);
    return ThreadSeconds() - begin;
  };
  constexpr size_t kClockReadings = 1'000;
  double clock = 0;
  for (size_t i = 0; i < kClockReadings; ++i) clock += seconds_of(i, [](size_t) {}) / kClockReadings;
  size_t next = 0;
  for (auto _ : state) {
    state.SetIterationTime(std::max(seconds_of(next, [&](size_t i) { work(body, i); }) - clock, 0.0));
    ++next;
  }
  state.counters["clock_ns"] = clock * 1e9;
  Report(state, bodies);
}

// What reading alone costs when the application has used the caches since.
void BM_ReadCold(benchmark::State& state) {
  const SampleBodies bodies = Bodies(state);
  json::Reader reader;
  Cold(state, bodies, [&](const std::string& body, size_t) { benchmark::DoNotOptimize(reader.Read(body)); });
}

// As many profilers as a service has routes, all warm.
constexpr size_t kSubjects = 64;
std::vector<Profiler> WarmProfilers(const SampleBodies& bodies, json::Reader& reader) {
  std::vector<Profiler> profilers;
  for (size_t i = 0; i < kSubjects; ++i) {
    profilers.emplace_back(Limits{}, Key());
    for (const std::string& body : bodies.all()) profilers.back().Observe(reader.Read(body));
  }
  return profilers;
}

void BM_ReadAndProfileCold(benchmark::State& state) {
  const SampleBodies bodies = Bodies(state);
  json::Reader reader;
  std::vector<Profiler> profilers = WarmProfilers(bodies, reader);
  Cold(state, bodies,
       [&](const std::string& body, size_t i) { profilers[i % kSubjects].Observe(reader.Read(body)); });
}

// The same as the recorder does it: small bodies wait for others of their subject.
void BM_WaitReadAndProfileCold(benchmark::State& state) {
  const SampleBodies bodies = Bodies(state);
  json::Reader reader;
  std::vector<Profiler> profilers = WarmProfilers(bodies, reader);
  std::vector<WaitingBodies> waiting(kSubjects);
  Cold(state, bodies, [&](const std::string& body, size_t i) {
    Profiler& profiler = profilers[i % kSubjects];
    WaitingBodies& others = waiting[i % kSubjects];
    if (others.Add(body, 0, 1)) return;
    others.Settle([&](std::string_view each, UnixMs at, uint64_t times) {
      profiler.Observe(reader.Read(each), times, at);
    });
    if (!others.Add(body, 0, 1)) profiler.Observe(reader.Read(body));
  });
}

void BM_Take(benchmark::State& state) {
  const SampleBodies bodies = Bodies(state);
  json::Reader reader;
  Profiler profiler({}, Key());
  size_t next = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (int i = 0; i < 100; ++i) profiler.Observe(reader.Read(bodies[next++]));
    state.ResumeTiming();
    benchmark::DoNotOptimize(profiler.Take());
  }
}

#define FM_ALL_SIZES ->Arg(156)->Arg(844)->Arg(4'096)->Arg(20'480)
#define FM_COLD FM_ALL_SIZES->UseManualTime()->Iterations(10'000)
BENCHMARK(BM_Read) FM_ALL_SIZES;
BENCHMARK(BM_ReadLenient) FM_ALL_SIZES;
BENCHMARK(BM_ReadAndProfile) FM_ALL_SIZES;
BENCHMARK(BM_ReadAndProfileUnhashed) FM_ALL_SIZES;
BENCHMARK(BM_ReadCold) FM_COLD;
BENCHMARK(BM_ReadAndProfileCold) FM_COLD;
BENCHMARK(BM_WaitReadAndProfileCold) FM_COLD;
BENCHMARK(BM_Take)->Arg(844)->Iterations(2'000);

}  // namespace
}  // namespace fieldmark::profile
