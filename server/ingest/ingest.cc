#include "server/ingest/ingest.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>

#include "fieldmark/base/utf8.h"

namespace fieldmark::ingest {
namespace {

// Beyond it the map starts anew: it saves time only.
constexpr size_t kKeyIdsMax = 10'000;
// Nothing that anybody replays happened before the epoch.
constexpr Minute kEarliestMinute = 0;
constexpr size_t kSmallBatchBytes = 512u << 10;
constexpr size_t kMemoryFactor = 16;  // of DecodeBatch

Terms CurrentTerms() {
  Terms terms{{}, 5, false};
  for (int version = bucket::kFormatVersion; version >= bucket::kFormatVersionMin; --version)
    terms.formats.push_back(version);
  return terms;
}

bool IsText(std::string_view text, size_t bytes_max) { return text.size() <= bytes_max && IsUtf8(text); }

template <class Map>
bool AreTexts(const Map& map, size_t bytes_max) {
  return std::all_of(map.begin(), map.end(),
                     [&](const auto& entry) { return IsText(entry.first, bytes_max); });
}

bool AreTexts(const bucket::Violations& violations) {
  return std::all_of(violations.begin(), violations.end(), [](const auto& entry) {
    return IsText(entry.first.field, kPathBytesMax) && IsText(entry.first.rule, kSubjectBytesMax);
  });
}

bool HasGoodNames(const std::string& name, const bucket::SubjectSummary& subject) {
  return IsText(name, kSubjectBytesMax) && AreTexts(subject.events, kSubjectBytesMax) &&
         AreTexts(subject.violations) &&
         (!subject.request || AreTexts(subject.request->by_exception, kSubjectBytesMax));
}

bool HasGoodNames(const bucket::Bucket& bucket) {
  return std::all_of(bucket.begin(), bucket.end(),
                     [](const auto& entry) { return HasGoodNames(entry.first, entry.second); });
}

// Of subjects, exceptions, events and violations, beside `good_paths` of fields. What is stored under them is
// shown as JSON, which is UTF-8.
Status CheckNames(const bucket::Buckets& buckets, bool good_paths) {
  if (good_paths && std::all_of(buckets.begin(), buckets.end(),
                                [](const auto& entry) { return HasGoodNames(entry.second); })) {
    return {};
  }
  return Error{ErrorCode::kInvalidArgument,
               "reading the names of a batch: one of a subject, field, exception, event or violation is too "
               "long or no UTF-8; upgrade the worker, ours send none such"};
}

// A label says where a batch comes from; it may be empty.
Status CheckLabel(std::string_view what, std::string_view label) {
  return label.empty() ? Status() : CheckName(what, label);
}

Status CheckHeader(const bucket::BatchHeader& header) {
  FM_RETURN_IF_ERROR(CheckName("service of a batch", header.stream.service));
  FM_RETURN_IF_ERROR(CheckName("environment of a batch", header.stream.environment));
  FM_RETURN_IF_ERROR(CheckName("version of a batch", header.stream.version));
  FM_RETURN_IF_ERROR(CheckLabel("host of a batch", header.host));
  FM_RETURN_IF_ERROR(CheckLabel("sdk of a batch", header.sdk));
  if (header.sequence == 0) {
    return Error{ErrorCode::kInvalidArgument, "reading the sequence of a batch: it is 0; count from 1"};
  }
  return {};
}

// Times and minutes that later arithmetic cannot overflow on.
Status CheckRange(const bucket::Batch& batch, UnixMs attempt) {
  constexpr int64_t kYear9999Ms = 253'402'300'800'000;
  const auto is_time = [](int64_t ms) { return ms >= 0 && ms < kYear9999Ms; };
  bool sane = is_time(attempt);
  for (const auto& [minute, bucket] : batch.buckets)
    sane = sane && minute >= 0 && minute < kYear9999Ms / kMsPerMinute;
  if (sane) return {};
  return Error{ErrorCode::kInvalidArgument,
               "reading the times of a batch: some lie before 1970 or after 9999; check the worker's clock"};
}

Status CheckMinutes(const bucket::Buckets& buckets, UnixMs now) {
  if (buckets.empty()) return {};
  if (buckets.begin()->first < kEarliestMinute ||
      buckets.rbegin()->first > MinuteOf(now) + kEarlyMinutesMax) {
    return Error{
        ErrorCode::kInvalidArgument,
        "placing the minutes of a batch: some lie before 1970 or after now; check the worker's clock"};
  }
  return {};
}

int64_t RoundToMinutes(int64_t ms) {
  const int64_t half = kMsPerMinute / 2;
  return ms >= 0 ? (ms + half) / kMsPerMinute : -((-ms + half) / kMsPerMinute);
}

bool IsAstray(const bucket::Buckets& buckets, Minute now) {
  return !buckets.empty() &&
         (buckets.begin()->first < now - kLateMinutesMax || buckets.rbegin()->first > now + kEarlyMinutesMax);
}

void BringBackFuture(bucket::Buckets& buckets, Minute now) {
  for (auto at = buckets.upper_bound(now + kEarlyMinutesMax); at != buckets.end(); at = buckets.erase(at)) {
    bucket::MergeBucket(buckets[now], at->second);
  }
}

void TakeOutHashes(bucket::Batch& batch) {
  batch.header.hash_key_id = 0;
  for (auto& [minute, bucket] : batch.buckets) {
    for (auto& [name, subject] : bucket) {
      if (subject.body) subject.body->DropHashed();
    }
  }
}

int StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnsupported:
      return 415;
    case ErrorCode::kTooLarge:
      return 413;
    default:
      return 400;
  }
}

}  // namespace

Status CheckName(std::string_view what, std::string_view name) {
  const std::string attempted = "reading the " + std::string(what) + ": ";
  if (name.empty()) return Error{ErrorCode::kInvalidArgument, attempted + "it is empty; give it a name"};
  if (name.size() > kNameBytesMax) {
    return Error{ErrorCode::kInvalidArgument, attempted + "it is longer than 200 bytes; shorten it"};
  }
  if (IsPrintable(name)) return {};
  return Error{ErrorCode::kInvalidArgument,
               attempted + "it has bytes that are not printable UTF-8; give it another name"};
}

ClockFix FixClock(bucket::Batch& batch, int64_t skew_ms, UnixMs now) {
  if (batch.header.source != bucket::Source::kLive) return ClockFix::kNone;
  ClockFix fix = ClockFix::kNone;
  if (std::abs(skew_ms) > kSkewMsIgnored) {
    fix = std::abs(skew_ms) <= kSkewMsShifted ? ClockFix::kShifted : ClockFix::kBad;
    const int64_t minutes = RoundToMinutes(skew_ms);
    bucket::Buckets shifted;
    for (auto& [minute, bucket] : batch.buckets) shifted.emplace(minute + minutes, std::move(bucket));
    batch.buckets = std::move(shifted);
  }
  if (IsAstray(batch.buckets, MinuteOf(now))) {
    fix = ClockFix::kBad;
    BringBackFuture(batch.buckets, MinuteOf(now));
  }
  if (fix == ClockFix::kBad) batch.header.stream.version = kBadClockVersion;
  return fix;
}

Ingest::Ingest(store::Store& store, Clock clock, IngestOptions options)
    : store_(store),
      clock_(std::move(clock)),
      options_(options),
      started_(clock_()),
      memory_(options_.memory_bytes_max) {}

Result<Introduction> Ingest::Hello(std::string_view service, std::string_view environment) {
  FM_RETURN_IF_ERROR(CheckName("service", service));
  FM_RETURN_IF_ERROR(CheckName("environment", environment));
  const Result<HashKey> key = store_.KeyOf(environment, service);
  if (!key.ok()) return key.error();
  return Introduction{key->ToHex(), CurrentTerms()};
}

Reply Ingest::Reject(int status, std::string detail) {
  rejected_.fetch_add(1, std::memory_order_relaxed);
  return {status, store::Append::kApplied, std::move(detail), 0, CurrentTerms()};
}

Reply Ingest::Postpone(int status, std::string detail, int retry_after_s) {
  postponed_.fetch_add(1, std::memory_order_relaxed);
  return {status, store::Append::kApplied, std::move(detail), retry_after_s, CurrentTerms()};
}

Reply Ingest::PostponeUnwritable(const Error& error) {
  if (writable_.exchange(false)) spdlog::error("batches are refused for now: {}", error.message);
  return Postpone(503, error.message, 5);
}

int64_t Ingest::FoldLagAt(UnixMs now) const {
  const UnixMs oldest = store_.condition().oldest_received_unix_ms;
  return oldest == 0 ? 0 : std::max<int64_t>(0, now - std::max(oldest, started_));
}

Result<Ingest::Unpacked> Ingest::UnpackWithin(std::string_view bytes, size_t decoded_bytes_max) {
  // As DecodeBatch promises.
  std::optional<MemoryBudget::Share> memory =
      memory_.Take(kMemoryFactor * decoded_bytes_max, options_.memory_wait_max);
  if (!memory) {
    return Error{ErrorCode::kUnavailable,
                 "unpacking a batch: others take all the memory there is for it; send it again"};
  }
  bool good_paths = true;
  bucket::BatchFilter no_fields;
  no_fields.field = [&](std::string_view path) {
    good_paths = good_paths && IsText(path, kPathBytesMax);
    return false;
  };
  Result<bucket::Batch> batch = bucket::DecodeBatch(bytes, no_fields, decoded_bytes_max);
  if (!batch.ok()) return batch.error();
  return Unpacked{std::move(*memory), decoded_bytes_max, good_paths, std::move(*batch)};
}

// Nearly every batch is small, so that eight of them and a large one find room together.
Result<Ingest::Unpacked> Ingest::Unpack(std::string_view bytes) {
  Result<Unpacked> small = UnpackWithin(bytes, kSmallBatchBytes);
  if (small.ok() || small.error().code != ErrorCode::kTooLarge) return small;
  return UnpackWithin(bytes, bucket::kBatchBytesMax);
}

Reply Ingest::Append(std::string_view media_type, std::string_view bytes,
                     std::optional<UnixMs> worker_clock) {
  if (media_type != kBatchType) {
    return Reject(415,
                  "taking a batch: its content type is not " + std::string(kBatchType) + "; send it as that");
  }
  const UnixMs now = clock_();
  if (FoldLagAt(now) > kFoldLagMsMax) {
    return Postpone(
        429, "taking a batch: folding is more than five minutes behind; send the same bytes again later", 30);
  }
  Result<Unpacked> unpacked = Unpack(bytes);
  if (!unpacked.ok()) {
    const Error& error = unpacked.error();
    return error.code == ErrorCode::kUnavailable ? Postpone(503, error.message, 2)
                                                 : Reject(StatusOf(error.code), error.message);
  }
  bucket::Batch* const batch = &unpacked->batch;
  if (const Status checked = CheckHeader(batch->header); !checked.ok())
    return Reject(422, checked.error().message);
  if (const Status checked = CheckNames(batch->buckets, unpacked->good_paths); !checked.ok())
    return Reject(422, checked.error().message);
  const UnixMs attempt = worker_clock.value_or(batch->header.sent_at_unix_ms);
  if (const Status checked = CheckRange(*batch, attempt); !checked.ok())
    return Reject(422, checked.error().message);
  const ClockFix fix = FixClock(*batch, now - attempt, now);
  if (const Status placed = CheckMinutes(batch->buckets, now); !placed.ok()) {
    return Reject(422, placed.error().message);
  }
  const Result<bool> unhashed = HasOtherHashes(batch->header);
  if (!unhashed.ok()) return PostponeUnwritable(unhashed.error());
  // The store keeps bytes: those of a changed batch are new ones.
  std::string changed_bytes;
  if (fix != ClockFix::kNone || *unhashed) {
    *batch = {};
    Result<bucket::Batch> whole = bucket::DecodeBatch(bytes, unpacked->decoded_bytes_max);
    if (!whole.ok()) return Reject(StatusOf(whole.error().code), whole.error().message);
    FixClock(*whole, now - attempt, now);
    if (*unhashed) TakeOutHashes(*whole);
    changed_bytes = bucket::EncodeBatch(*whole);
    *batch = std::move(*whole);
    bytes = changed_bytes;
  }
  const Result<store::Append> appended = store_.AppendBatch(*batch, bytes, now);
  if (!appended.ok()) {
    const bool at_fault = appended.error().code == ErrorCode::kInvalidArgument;
    return at_fault ? Reject(422, appended.error().message) : PostponeUnwritable(appended.error());
  }
  if (!writable_.exchange(true)) spdlog::info("batches are taken again");
  (*appended == store::Append::kApplied ? applied_ : duplicate_).fetch_add(1, std::memory_order_relaxed);
  if (*appended == store::Append::kApplied) {
    totals_.Add(*batch);
    Tell(batch->header, fix, now - attempt);
    if (*unhashed && unhashed_.fetch_add(1, std::memory_order_relaxed) == 0) {
      spdlog::warn(
          "host {} hashes values with another key than this server's: what values occur, and how many, is "
          "left "
          "out; unset FIELDMARK_HASH_KEY there",
          batch->header.host);
    }
  }
  return {200, *appended, "", 0, CurrentTerms()};
}

Result<bool> Ingest::HasOtherHashes(const bucket::BatchHeader& header) {
  if (header.hash_key_id == 0) return false;
  const Result<bool> is_key = IsKey(header.stream, header.hash_key_id);
  if (!is_key.ok()) return is_key.error();
  return !*is_key;
}

Result<bool> Ingest::IsKey(const bucket::Stream& stream, uint64_t key_id) {
  const std::pair name(stream.environment, stream.service);
  {
    const std::lock_guard lock(mutex_);
    const auto known = key_ids_.find(name);
    if (known != key_ids_.end() && known->second == key_id) return true;
  }
  // Not known, or another one: a service that was forgotten gets a new key when it comes back.
  const Result<HashKey> key = store_.KeyOf(stream.environment, stream.service);
  if (!key.ok()) return key.error();
  const std::lock_guard lock(mutex_);
  if (key_ids_.size() >= kKeyIdsMax) key_ids_.clear();
  key_ids_[name] = key->Id();
  return key->Id() == key_id;
}

void Ingest::Tell(const bucket::BatchHeader& header, ClockFix fix, int64_t skew_ms) {
  if (fix == ClockFix::kNone) return;
  const bool shifted = fix == ClockFix::kShifted;
  if ((shifted ? clock_shifted_ : clock_bad_).fetch_add(1, std::memory_order_relaxed) > 0) return;
  spdlog::warn(
      "the clock of host {} is {} s off, or was set while it recorded; its minutes are {}; set its clock",
      header.host, skew_ms / 1000, shifted ? "shifted" : "kept apart as (bad clock)");
}

void Ingest::Forget(const std::string& service, const std::optional<std::string>& environment) {
  totals_.Forget(service, environment);
  const std::lock_guard lock(mutex_);
  std::erase_if(key_ids_, [&](const auto& entry) {
    return entry.first.second == service && (!environment || entry.first.first == *environment);
  });
}

Counters Ingest::counters() const {
  return {applied_, duplicate_, rejected_, postponed_, clock_shifted_, clock_bad_, unhashed_, writable_};
}

}  // namespace fieldmark::ingest
