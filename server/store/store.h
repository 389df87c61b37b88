// Store: summaries in, merged summaries out. It speaks in summaries, never in blobs or SQL, so that another
// store can stand in its place; one test-suite runs on every implementation. Safe for use by several threads
// at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/base/hash.h"
#include "fieldmark/base/result.h"
#include "fieldmark/bucket/batch.h"
#include "server/store/announced_change.h"
#include "server/store/incident.h"
#include "server/store/moment.h"

namespace fieldmark::store {

enum class Step : uint8_t { kMinute, kFiveMinutes, kHour, kDay };
constexpr int64_t MinutesOf(Step step) {
  return step == Step::kMinute ? 1 : step == Step::kFiveMinutes ? 5 : step == Step::kHour ? 60 : 1440;
}

enum class Append : uint8_t { kApplied, kDuplicate };

struct Query {
  std::vector<bucket::Stream> streams;    // merged together
  std::optional<bucket::Source> source;   // none: both
  std::vector<std::string> subjects;      // empty: all
  std::vector<profile::Family> families;  // empty: all
  Minute from = 0;                        // [from, to), both multiples of the step
  Minute to = 0;
  Step step = Step::kMinute;
};

struct Slice {
  Minute start = 0;
  std::string subject;
  bucket::SubjectSummary summary;
};

// One of those that make up a slice: all of the same subject and start, in any order, merge into it. A body's
// fields stand apart from it, ascending by path. Texts and fields are those of the one who visits: what is
// kept of them is copied or moved. Whoever visits asks the store nothing meanwhile.
struct Piece {
  std::string_view subject;
  Minute start = 0;
  bucket::SubjectSummary summary;
  std::span<profile::NamedField> fields;
};
using PieceVisitor = std::function<void(Piece&&)>;

// A (environment, service, version) and when it was heard of: deployments are observed, not announced.
struct StreamInfo {
  bucket::Stream stream;
  Minute first_minute = 0;
  Minute last_minute = 0;
  UnixMs last_received_unix_ms = 0;
  UnixMs first_live_unix_ms = 0;  // 0: only replayed
  uint64_t instances = 0;         // seen in the last five minutes of its life
};

// How a store itself is doing.
struct Condition {
  int64_t log_bytes = 0;               // of batches not yet folded
  UnixMs oldest_received_unix_ms = 0;  // when the oldest of them came; 0: there is none
  int64_t damaged_rows = 0;            // set aside, or left out of what was read
  // Since it was opened, so that it stays within its limit of size: what went before its time, in chunks, and
  // when the last of it did.
  int64_t forgotten_early = 0;
  UnixMs forgotten_early_unix_ms = 0;
};

// What forgetting took.
struct Forgotten {
  int64_t streams = 0;  // (environment, service, version) that were looked through
  int64_t rows = 0;     // of summaries that went, or lost the field
};

class Store {
 public:
  virtual ~Store() = default;

  // Durable when it returns. `bytes` are the whole batch; of `batch` the header, minutes and subjects count,
  // and its fields may have been left out. A (instance, sequence) not above the last one
  // applied is kDuplicate and changes nothing.
  virtual Result<Append> AppendBatch(const bucket::Batch& batch, std::string_view bytes, UnixMs received) = 0;

  virtual Result<std::vector<StreamInfo>> Streams() = 0;
  // Exact at any step: read = chunks ⊕ parts ⊕ log. One snapshot, for as long as the visit takes.
  virtual Status Visit(const Query& query, const PieceVisitor& visit) = 0;
  // The same as slices, sorted by (subject, start).
  Result<std::vector<Slice>> Read(const Query& query);
  virtual Result<std::vector<std::string>> Subjects(const std::vector<bucket::Stream>& streams) = 0;

  // The key of (environment, service), made at the first call and kept.
  virtual Result<HashKey> KeyOf(std::string_view environment, std::string_view service) = 0;

  // Those announced of a service in an environment, newest first.
  virtual Result<std::vector<AnnouncedChange>> AnnouncedChanges(std::string_view environment,
                                                                std::string_view service) = 0;
  // Durable when it returns. With the id 0 a new one; else it takes the place of the one with that id, and is
  // kNotFound when the service has none there. Gives the id.
  virtual Result<int64_t> SaveChange(const AnnouncedChange& change) = 0;

  // Those of a service in an environment, newest first.
  virtual Result<std::vector<Incident>> Incidents(std::string_view environment, std::string_view service) = 0;
  // Durable when it returns. With the id 0 a new one; else when it was last seen and whether it is over, of
  // the one with that id: kNotFound when the service has none there. Gives the id.
  virtual Result<int64_t> SaveIncident(const Incident& incident) = 0;

  // Those of a service in an environment, newest first.
  virtual Result<std::vector<Moment>> Moments(std::string_view environment, std::string_view service) = 0;
  // Durable when it returns. Takes the place of what was kept of the same moment.
  virtual Status SaveMoment(const Moment& moment) = 0;

  // Erases a service everywhere or in one environment; with `field` that path alone and what lies below it,
  // in every subject. Appends and reads go on beside it: what is sent meanwhile may stay. kNotFound when
  // there is no such service; that a field was never seen is no error.
  virtual Result<Forgotten> Forget(const std::string& service, const std::optional<std::string>& environment,
                                   const std::optional<std::string>& field) = 0;

  // One bounded round of folding and retention; true when there is more to do. Called by the clock in watch/.
  // With less than a sixteenth of its limit of size left it also forgets, the oldest first; appends fail with
  // kUnavailable when they come to the limit all the same.
  virtual Result<bool> Compact(UnixMs now) = 0;

  virtual Condition condition() = 0;
};

}  // namespace fieldmark::store
