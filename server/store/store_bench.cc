// What the store is asked to do at its busiest: small live batches for ever, two weeks of history in half a
// minute, and a page that reads two days by the minute.
#include <benchmark/benchmark.h>

#include <memory>

#include "server/store/sample_batches.h"
#include "server/store/sqlite_store.h"
#include "server/store/steps.h"
#include "server/store/temporary_folder.h"

namespace fieldmark::store {
namespace {

using bucket::Batch;

const bucket::Stream kOrders{"production", "orders", "9f2c1ab"};
constexpr Minute kNoon = 29'500'560;
constexpr int kSubjects = 24;
constexpr int kFields = 8;

std::unique_ptr<SqliteStore> OpenIn(const TemporaryFolder& folder) {
  SqliteSettings settings;
  settings.log_bytes_max = INT64_MAX;
  return std::move(*SqliteStore::Open(folder.path(), settings));
}

void FillMinute(SampleBatches& samples, int subjects, size_t fields, bucket::Bucket& bucket) {
  for (int i = 0; i < subjects; ++i) {
    const std::string route = "POST /route" + std::to_string(i / 2);
    bucket[i % 2 == 0 ? route : route + " request"] =
        i % 2 == 0 ? samples.Requests() : samples.Bodies(fields);
  }
}

// Five seconds of fifty subjects.
Batch LiveBatch(SampleBatches& samples, Minute minute) {
  Batch batch = SampleBatches::Counted(kOrders, 1, 1, minute, 1);
  batch.header.hash_key_id = 1;
  FillMinute(samples, 50, 5, batch.buckets[minute]);
  return batch;
}

// An hour of history: what a replay sends at once.
Batch HourBatch(SampleBatches& samples, Minute hour, Minute every) {
  Batch batch = SampleBatches::Counted(kOrders, 1, 1, hour, 1);
  batch.header.hash_key_id = 1;
  batch.header.source = bucket::Source::kReplay;
  for (Minute minute = hour; minute < hour + 60; minute += every) {
    bucket::Bucket& bucket = batch.buckets[minute];
    bucket.clear();
    for (int i = 0; i < kSubjects; ++i) {
      bucket::SubjectSummary& summary = bucket["POST /route" + std::to_string(i) + " request"];
      summary = samples.Bodies(kFields);
    }
  }
  return batch;
}

void Count(benchmark::State& state, double batches, size_t bytes) {
  state.counters["batches/s"] = benchmark::Counter(batches, benchmark::Counter::kIsRate);
  state.counters["batch_bytes"] = static_cast<double>(bytes);
}

void AppendDurably(benchmark::State& state) {
  static std::unique_ptr<TemporaryFolder> folder;
  static std::unique_ptr<SqliteStore> store;
  if (state.thread_index() == 0) {
    folder = std::make_unique<TemporaryFolder>();
    store = OpenIn(*folder);
  }
  SampleBatches samples(1);
  Batch batch = LiveBatch(samples, kNoon);
  batch.header.instance[0] = static_cast<uint8_t>(state.thread_index());
  const std::string bytes = bucket::EncodeBatch(batch);
  for (auto _ : state) {
    const Result<Append> appended = store->AppendBatch(batch, bytes, kNoon * kMsPerMinute);
    if (!appended.ok()) state.SkipWithError(appended.error().message.c_str());
    ++batch.header.sequence;
  }
  Count(state, static_cast<double>(state.iterations()), bytes.size());
  if (state.thread_index() == 0) {
    store.reset();
    folder.reset();
  }
}
BENCHMARK(AppendDurably)->Threads(1)->Threads(4)->UseRealTime();

// What a batch costs in all, the folding of its rows included: a second of 300 batches, then one round.
void AppendAndFold(benchmark::State& state) {
  const TemporaryFolder folder;
  const std::unique_ptr<SqliteStore> store = OpenIn(folder);
  SampleBatches samples(1);
  Batch batch = LiveBatch(samples, kNoon);
  const std::string bytes = bucket::EncodeBatch(batch);
  int64_t batches = 0;
  for (auto _ : state) {
    for (int i = 0; i < 300; ++i, ++batches, ++batch.header.sequence) {
      benchmark::DoNotOptimize(store->AppendBatch(batch, bytes, kNoon * kMsPerMinute).ok());
    }
    while (*store->Compact(kNoon * kMsPerMinute)) {
    }
  }
  Count(state, static_cast<double>(batches), bytes.size());
}
BENCHMARK(AppendAndFold)->Unit(benchmark::kMillisecond);

// A day of history, hour by hour; the argument is how far apart its minutes are.
void FoldADayOfHistory(benchmark::State& state) {
  SampleBatches samples(1);
  std::vector<Batch> hours;
  std::vector<std::string> bytes;
  for (Minute hour = 0; hour < 24; ++hour) {
    hours.push_back(HourBatch(samples, kNoon - 1440 + 60 * hour, state.range(0)));
    hours.back().header.sequence = static_cast<uint64_t>(hour) + 1;
    bytes.push_back(bucket::EncodeBatch(hours.back()));
  }
  // Sparse history is older than what is kept by the minute.
  const UnixMs now = (kNoon + (state.range(0) > 1 ? 4 * 1440 : 70)) * kMsPerMinute;
  double stored = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto folder = std::make_unique<TemporaryFolder>();
    std::unique_ptr<SqliteStore> store = OpenIn(*folder);
    state.ResumeTiming();
    for (size_t i = 0; i < hours.size(); ++i) {
      benchmark::DoNotOptimize(store->AppendBatch(hours[i], bytes[i], now).ok());
    }
    while (*store->Compact(now)) {
    }
    state.PauseTiming();
    store.reset();
    stored = static_cast<double>(std::filesystem::file_size(folder->path() + "/fieldmark.db"));
    folder.reset();
    state.ResumeTiming();
  }
  Count(state, static_cast<double>(24 * state.iterations()), bytes[0].size());
  state.counters["file_bytes"] = stored;
}
BENCHMARK(FoldADayOfHistory)->Arg(1)->Arg(5)->Unit(benchmark::kMillisecond);

// Two days by the minute, then twelve by five minutes.
SqliteStore& TwoWeeks() {
  static const TemporaryFolder folder;
  static const std::unique_ptr<SqliteStore> store = [] {
    std::unique_ptr<SqliteStore> made = OpenIn(folder);
    SampleBatches samples(1);
    uint64_t sequence = 0;
    for (Minute hour = kNoon - 14 * 1440; hour < kNoon; hour += 60) {
      Batch batch = HourBatch(samples, hour, hour < kNoon - 2 * 1440 ? 5 : 1);
      batch.header.sequence = ++sequence;
      benchmark::DoNotOptimize(
          made->AppendBatch(batch, bucket::EncodeBatch(batch), kNoon * kMsPerMinute).ok());
      while (*made->Compact((kNoon + 10) * kMsPerMinute)) {
      }
    }
    return made;
  }();
  return *store;
}

void ReadHistory(benchmark::State& state, Step step, Minute minutes, bool all,
                 std::vector<profile::Family> families) {
  Query query;
  query.streams = {kOrders};
  query.families = std::move(families);
  query.step = step;
  query.from = StartOf(kNoon - minutes, step);
  query.to = StartOf(kNoon, step);
  if (!all) query.subjects = {"POST /route7 request"};
  SqliteStore& store = TwoWeeks();
  size_t slices = 0;
  for (auto _ : state) {
    const Result<std::vector<Slice>> read = store.Read(query);
    slices = read.ok() ? read->size() : 0;
  }
  state.counters["slices"] = static_cast<double>(slices);
}
constexpr auto kCounts = profile::Family::kCounts;
BENCHMARK_CAPTURE(ReadHistory, two_days_of_minutes_one_subject, Step::kMinute, 2 * 1440, false, {})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ReadHistory, two_days_of_minutes_one_subject_counts, Step::kMinute, 2 * 1440, false,
                  {kCounts})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ReadHistory, two_days_of_minutes_24_subjects, Step::kMinute, 2 * 1440, true, {})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ReadHistory, two_weeks_of_five_minutes_one_subject, Step::kFiveMinutes, 14 * 1440, false,
                  {})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ReadHistory, two_weeks_of_five_minutes_24_subjects, Step::kFiveMinutes, 14 * 1440, true, {})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ReadHistory, two_weeks_of_hours_24_subjects, Step::kHour, 13 * 1440, true, {})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fieldmark::store
