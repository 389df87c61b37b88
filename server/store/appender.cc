#include "server/store/appender.h"

namespace fieldmark::store {
namespace {

// Beyond it the set starts anew: it saves time only.
constexpr size_t kKnownSubjectsMax = 100'000;

std::string_view BytesOf(const bucket::Instance& instance) {
  return {reinterpret_cast<const char*>(instance.data()), instance.size()};
}

Result<int64_t> FirstColumn(Statement statement) {
  const Result<bool> row = statement.Next();
  if (!row.ok()) return row.error();
  return *row ? statement.Int(0) : 0;
}

}  // namespace

Result<Append> Appender::Apply(const bucket::Batch& batch, std::string_view bytes, UnixMs received) {
  const bucket::BatchHeader& header = batch.header;
  const Result<int64_t> last = connection_.Number("SELECT last_sequence FROM instance WHERE instance = ?",
                                                  Blob{BytesOf(header.instance)});
  if (!last.ok()) return last.error();
  if (header.sequence <= static_cast<uint64_t>(*last)) return Append::kDuplicate;

  const Result<int64_t> stream = RememberStream(batch, received);
  if (!stream.ok()) return stream.error();
  FM_RETURN_IF_ERROR(RememberInstance(header, *stream, received));
  FM_RETURN_IF_ERROR(RememberSubjects(batch.buckets, *stream));
  if (batch.buckets.empty()) return Append::kApplied;
  FM_RETURN_IF_ERROR(connection_.Run(
      "INSERT INTO batch_log(stream, source, first_minute, last_minute, received_unix_ms, bytes)"
      " VALUES(?, ?, ?, ?, ?, ?)",
      *stream, static_cast<int64_t>(header.source), batch.buckets.begin()->first,
      batch.buckets.rbegin()->first, received, Blob{bytes}));
  return Append::kApplied;
}

Result<int64_t> Appender::RememberStream(const bucket::Batch& batch, UnixMs received) {
  const bucket::Stream& stream = batch.header.stream;
  const bool live = batch.header.source == bucket::Source::kLive;
  const Result<int64_t> id = FirstColumn(connection_.Use(
      "INSERT INTO stream(environment, service, version, last_received_unix_ms, first_live_unix_ms)"
      " VALUES(?1, ?2, ?3, ?4, ?5)"
      " ON CONFLICT DO UPDATE SET last_received_unix_ms = max(last_received_unix_ms, ?4),"
      "  first_live_unix_ms = CASE WHEN ?5 = 0 THEN first_live_unix_ms"
      "   WHEN first_live_unix_ms = 0 THEN ?5 ELSE min(first_live_unix_ms, ?5) END"
      " RETURNING id",
      std::string_view(stream.environment), std::string_view(stream.service),
      std::string_view(stream.version), received, live ? received : 0));
  if (!id.ok() || batch.buckets.empty()) return id;
  FM_RETURN_IF_ERROR(
      connection_.Run("UPDATE stream SET first_minute = min(ifnull(first_minute, ?2), ?2),"
                      " last_minute = max(ifnull(last_minute, ?3), ?3)"
                      " WHERE id = ?1 AND (first_minute IS NULL OR first_minute > ?2 OR last_minute < ?3)",
                      *id, batch.buckets.begin()->first, batch.buckets.rbegin()->first));
  return id;
}

Status Appender::RememberInstance(const bucket::BatchHeader& header, int64_t stream, UnixMs received) {
  return connection_.Run(
      "INSERT INTO instance(instance, stream, last_sequence, last_received_unix_ms, host, pid, "
      "started_unix_ms, sdk)"
      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
      " ON CONFLICT DO UPDATE SET stream = ?2, last_sequence = ?3, last_received_unix_ms = ?4, host = ?5, "
      "pid = ?6,"
      "  started_unix_ms = ?7, sdk = ?8",
      Blob{BytesOf(header.instance)}, stream, header.sequence, received, std::string_view(header.host),
      header.pid, header.started_unix_ms, std::string_view(header.sdk));
}

Status Appender::RememberSubjects(const bucket::Buckets& buckets, int64_t stream) {
  if (known_subjects_.size() > kKnownSubjectsMax) known_subjects_.clear();
  for (const auto& [minute, bucket] : buckets) {
    for (const auto& [name, summary] : bucket) {
      const auto [entry, is_new] = known_subjects_.emplace(stream, name);
      if (!is_new) continue;
      FM_RETURN_IF_ERROR(connection_.Run("INSERT OR IGNORE INTO subject(stream, name) VALUES(?, ?)", stream,
                                         std::string_view(name)));
    }
  }
  return {};
}

}  // namespace fieldmark::store
