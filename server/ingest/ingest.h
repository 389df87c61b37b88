// Ingest: what workers say to the server. A batch is validated whole, its clock is checked, then it is
// appended. Safe for use by several threads at once.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/ingest/memory_budget.h"
#include "server/ingest/request_totals.h"
#include "server/store/store.h"

namespace fieldmark::ingest {

inline constexpr std::string_view kBatchType = "application/vnd.fieldmark.batch";
// The version under which data is kept, apart and never judged, whose worker's clock is off by more than a
// day, or was while it recorded.
inline constexpr std::string_view kBadClockVersion = "(bad clock)";
inline constexpr int64_t kSkewMsIgnored = 30'000;
inline constexpr int64_t kSkewMsShifted = 24LL * 3600 * 1000;
// A live batch with a minute further from the server's clock was recorded while the worker's was elsewhere.
inline constexpr Minute kLateMinutesMax = 35 * 24 * 60;
inline constexpr Minute kEarlyMinutesMax = 10;
inline constexpr size_t kNameBytesMax = 200;
// Above what workers make: a route is a template, a path has 32 names of 64 bytes, which quoting may
// lengthen.
inline constexpr size_t kSubjectBytesMax = 2'000;
inline constexpr size_t kPathBytesMax = 16'000;
// Folding is behind by the age of the oldest batch that waits for it.
inline constexpr int64_t kFoldLagMsMax = 5 * kMsPerMinute;

// kInvalidArgument for a name that is empty, longer than kNameBytesMax or not printable UTF-8.
Status CheckName(std::string_view what, std::string_view name);

// How workers are to talk to this server; part of every answer.
struct Terms {
  std::vector<int> formats;
  double interval_s = 5;
  bool paused = false;
};

struct Introduction {
  std::string hash_key;  // 32 hexadecimal digits
  Terms terms;
};

struct Reply {
  // 200: durable. 400, 413, 415, 422: not applied. 429, 503: not applied either, send the same bytes again
  // later.
  int status = 200;
  store::Append outcome = store::Append::kApplied;  // with 200
  std::string detail;                               // else: why, and what to do
  int retry_after_s = 0;                            // with 429 and 503
  Terms terms;
};

struct Counters {
  uint64_t applied = 0;
  uint64_t duplicate = 0;
  uint64_t rejected = 0;       // not applied, for good
  uint64_t postponed = 0;      // it could not be taken at that moment
  uint64_t clock_shifted = 0;  // batches whose minutes were moved
  uint64_t clock_bad = 0;      // batches kept under kBadClockVersion
  uint64_t unhashed = 0;       // batches whose hashed summaries, made with another key, were left out
  bool writable = true;        // what the store said the last time
};

// Moves a live batch to the server's clock, as DESIGN has it: a skew up to 30 s stays, up to a day is shifted
// by whole minutes, beyond it is shifted and goes to kBadClockVersion. `skew_ms` is the server's clock less
// the worker's. A clock that was set right between recording and sending left minutes that no shift helps:
// they go to kBadClockVersion too, those in the future to the minute of `now`, and the batch with them.
enum class ClockFix : uint8_t { kNone, kShifted, kBad };
ClockFix FixClock(bucket::Batch& batch, int64_t skew_ms, UnixMs now);

struct IngestOptions {
  // For batches while they are unpacked and applied, all of them together. A batch that finds no room waits
  // for `memory_wait_max`, then it is 503.
  size_t memory_bytes_max = 256u << 20;
  std::chrono::milliseconds memory_wait_max{5'000};
};

class Ingest {
 public:
  using Clock = std::function<UnixMs()>;

  // `store` must outlive it.
  Ingest(store::Store& store, Clock clock, IngestOptions options = {});

  // kInvalidArgument for a name that is empty, too long, or not printable UTF-8.
  Result<Introduction> Hello(std::string_view service, std::string_view environment);

  // `worker_clock`: the worker's clock when it made this very attempt. A batch keeps the `sent_at` of its
  // first one, so that without this a retry after an hour looks like a clock that is an hour slow.
  Reply Append(std::string_view media_type, std::string_view bytes,
               std::optional<UnixMs> worker_clock = std::nullopt);

  // Lets go what is known of a service that was erased, everywhere or in one environment.
  void Forget(const std::string& service, const std::optional<std::string>& environment);

  Counters counters() const;
  const RequestTotals& totals() const { return totals_; }
  // The age of the oldest batch that waits to be folded; what lay there while no server ran counts from the
  // start of this one. Over kFoldLagMsMax batches are refused.
  int64_t fold_lag_ms() const { return FoldLagAt(clock_()); }

 private:
  int64_t FoldLagAt(UnixMs now) const;
  Reply Reject(int status, std::string detail);
  Reply Postpone(int status, std::string detail, int retry_after_s);
  Reply PostponeUnwritable(const Error& error);
  // Room for a batch, and the batch without its fields: they were checked, and nothing here asks for them.
  struct Unpacked {
    MemoryBudget::Share memory;
    size_t decoded_bytes_max;
    bool good_paths;
    bucket::Batch batch;
  };
  Result<Unpacked> Unpack(std::string_view bytes);
  Result<Unpacked> UnpackWithin(std::string_view bytes, size_t decoded_bytes_max);
  // Whether hashed summaries were not made with the service's key: merged with those that were, they would
  // say that every value is new, so that they are taken out.
  Result<bool> HasOtherHashes(const bucket::BatchHeader& header);
  Result<bool> IsKey(const bucket::Stream& stream, uint64_t key_id);
  // Once of each kind in a process, for whoever runs the server.
  void Tell(const bucket::BatchHeader& header, ClockFix fix, int64_t skew_ms);

  store::Store& store_;
  const Clock clock_;
  const IngestOptions options_;
  const UnixMs started_;
  MemoryBudget memory_;
  RequestTotals totals_;
  std::atomic<uint64_t> applied_{0}, duplicate_{0}, rejected_{0}, postponed_{0}, clock_shifted_{0},
      clock_bad_{0}, unhashed_{0};
  std::atomic<bool> writable_{true};
  std::mutex mutex_;                                                 // of key_ids_ alone
  std::map<std::pair<std::string, std::string>, uint64_t> key_ids_;  // as last heard from the store
};

}  // namespace fieldmark::ingest
