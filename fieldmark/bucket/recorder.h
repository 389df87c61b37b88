// Recorder: requests and bodies in, buckets out. Time is an argument, so history is replayed through the very
// same path. Not safe for use by several threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "fieldmark/base/hash.h"
#include "fieldmark/base/limits.h"
#include "fieldmark/base/memory_account.h"
#include "fieldmark/base/time.h"
#include "fieldmark/bucket/summary.h"
#include "fieldmark/profile/declarations.h"

namespace fieldmark::bucket {

// What became of a body on its way here.
enum class BodyState : uint8_t {
  kNone = 0,      // there was none
  kCaptured = 1,  // `bytes` is the whole body
  kNotJson = 2,
  kCompressed = 3,
  kNotCaptured = 4,  // streamed past the limit, cut off, or no memory to read it
  kNotSampled = 5,   // left out by the user's sampling
};

struct Body {
  BodyState state = BodyState::kNone;
  std::string_view bytes{};  // with kCaptured
  uint64_t wire_bytes = 0;   // what went over the wire
};

struct RequestEvent {
  std::string_view route{};  // "POST /orders/{id}": method and path template, never the raw path
  uint16_t status = 0;       // 0: no response was started
  UnixMs ended_unix_ms = 0;
  double first_byte_ms = -1;  // negative: it never happened
  double last_byte_ms = -1;
  double app_return_ms = -1;
  bool cancelled = false;
  std::string_view exception{};  // type name, or empty
  sketch::TraceId trace{};       // by which the request can be found elsewhere; zeros: none
  // What the exception says was wrong with the data, as answers say it (validation_errors.h), or empty.
  std::string_view invalid{};
  Body request{};
  Body response{};
  uint64_t times = 1;  // the same event, so often
};

// A body by itself, of a request that was recorded without it.
struct BodyEvent {
  std::string_view route{};                   // as RecordedAs says
  std::optional<uint16_t> response_status{};  // none: it is the request's
  UnixMs ended_unix_ms = 0;
  sketch::TraceId trace{};
  Body body{};
};

class Recorder {
 public:
  // `account`: where several recorders share their memory; null: limits.memory_bytes_max for this one. For
  // want of memory there are no new subjects and fields, then no new hashed summaries, then values are
  // counted only (profile::FieldCounts::limited) and bodies that the reader has no room for are as if not
  // captured.
  explicit Recorder(const Limits& limits = {}, std::optional<HashKey> key = std::nullopt,
                    std::shared_ptr<MemoryAccount> account = nullptr);
  ~Recorder();

  // Validation errors that the answer lists, being of 4xx, are counted as the route's violations.
  void Record(const RequestEvent& event);
  // The name that a route's requests go by here: its own, or "(other)" where there are too many.
  std::string_view RecordedAs(std::string_view route) const;
  void RecordBody(const BodyEvent& event);
  // This worker was watching during [from, to): split over the minutes. Idle workers call it too. At most the
  // last 35 days of the stretch count.
  void Watch(UnixMs from, UnixMs to);
  void RecordRun(std::string_view job, UnixMs ended_unix_ms, double duration_ms, bool succeeded);
  void RecordEvent(std::string_view subject, std::string_view kind, UnixMs at_unix_ms, uint64_t times = 1);
  void CountDropped(UnixMs at_unix_ms, uint64_t times = 1);

  // Names the field first in `subject` ("POST /orders request"; empty: in every one), and with
  // profile::FieldKind::kRevealed lets its values leave as text, its ranges exactly: what a contract says of
  // a field, or the user. For before the first request; later, subjects that it concerns forget their names.
  // False where `path` is no field's path or there is no room for it.
  bool Declare(std::string_view subject, std::string_view path, profile::FieldKind kind);

  // Until a key is known the hashed family stays empty. Drain before changing one for another: what was
  // hashed under the former key is let go.
  void SetHashKey(const HashKey& key);
  uint64_t hash_key_id() const;  // 0 without a key
  const MemoryAccount& memory() const;

  // Everything since the last call, concealed but for the fields that are revealed.
  Buckets Drain();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// "2xx" for 204; "none" for 0; "other" beyond 5xx.
std::string_view StatusClass(uint16_t status);

}  // namespace fieldmark::bucket
