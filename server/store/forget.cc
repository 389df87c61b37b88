#include "server/store/forget.h"

#include <filesystem>
#include <set>
#include <vector>

#include "fieldmark/bucket/batch.h"
#include "server/store/chunk.h"
#include "server/store/incident_table.h"
#include "server/store/lock_file.h"
#include "server/store/moment_table.h"
#include "server/store/part.h"
#include "server/store/schema.h"
#include "server/store/sqlite_store.h"

namespace fieldmark::store {
namespace {

using Ids = std::vector<int64_t>;

Result<Ids> IdsFrom(Statement rows) {
  Ids ids;
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok()) return row.error();
    if (!*row) return ids;
    ids.push_back(rows.Int(0));
  }
}

// Of a field of a body, as validation names it: "body.items[].price", and "body[].price" of a list.
std::string LocationOf(std::string_view where, const std::string& field) {
  return std::string(where) + (field.starts_with('[') ? "" : ".") + field;
}

// What becomes of a stored summary. What cannot be read cannot be kept in part, so it goes as a whole.
struct Rewritten {
  bool changed = false;
  std::string bytes;  // empty: nothing of the family is left
};
Rewritten Rewrite(const Status& read, bucket::SubjectSummary summary, profile::Family family,
                  const std::string& field) {
  if (!read.ok()) return {true, {}};
  if (!EraseField(summary, field)) return {};
  if (!bucket::HasFamily(summary, family)) return {true, {}};
  ByteWriter out;
  bucket::EncodeSubject(summary, family, out);
  return {true, std::move(out).Take()};
}

Error NoSuchService(Connection& connection, const std::string& service) {
  std::string names;
  Statement rows = connection.Use("SELECT DISTINCT service FROM stream ORDER BY service LIMIT 20");
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok() || !*row) break;
    names += (names.empty() ? "; there are " : ", ") + std::string(rows.Bytes(0));
  }
  return {ErrorCode::kNotFound, "forgetting " + service + ": nothing of that name is kept there" + names};
}

class Forgetter {
 public:
  Forgetter(Connection& connection, const ForgetRequest& request, const RunStep& run)
      : connection_(connection), request_(request), field_(request.field.value_or("")), run_(run) {}

  Result<Forgotten> Run() {
    const std::string_view environment = request_.environment ? *request_.environment : std::string_view();
    Result<Ids> streams = Ids{};
    const Status found = run_([&]() -> Status {
      streams = IdsFrom(
          connection_.Use("SELECT id FROM stream WHERE service = ?1 AND (?2 = '' OR environment = ?2)",
                          std::string_view(request_.service), environment));
      if (!streams.ok()) return streams.error();
      const Result<int64_t> announced = connection_.Number(
          "SELECT count(*) FROM change WHERE service = ?1 AND (?2 = '' OR environment = ?2)",
          std::string_view(request_.service), environment);
      if (!announced.ok()) return announced.error();
      return streams->empty() && *announced == 0 ? NoSuchService(connection_, request_.service) : Status();
    });
    if (!found.ok()) return found.error();
    for (const int64_t stream : *streams) FM_RETURN_IF_ERROR(Stream(stream));
    FM_RETURN_IF_ERROR(run_([&] { return DropIncidentsOf(environment); }));
    if (!request_.field) FM_RETURN_IF_ERROR(run_([&] { return DropWhatBearsItsName(environment); }));
    return Forgotten{static_cast<int64_t>(streams->size()), rows_};
  }

 private:
  Status Stream(int64_t stream) {
    Result<Ids> subjects = Ids{};
    FM_RETURN_IF_ERROR(run_([&] {
      subjects = IdsFrom(connection_.Use("SELECT id FROM subject WHERE stream = ?", stream));
      return subjects.ok() ? Status() : subjects.error();
    }));
    for (const int64_t subject : *subjects) {
      FM_RETURN_IF_ERROR(
          run_([&] { return request_.field ? EraseInSubject(subject) : DropSubject(subject); }));
    }
    return run_([&] { return request_.field ? EraseInLog(stream) : DropStream(stream); });
  }

  Status DropIncidentsOf(std::string_view environment) {
    if (!request_.field) return DropIncidents(connection_, request_.service, environment, "");
    for (const std::string& name : NamesOf(*request_.field))
      FM_RETURN_IF_ERROR(DropIncidents(connection_, request_.service, environment, name));
    return {};
  }

  Status DropWhatBearsItsName(std::string_view environment) {
    const std::string_view service = request_.service;
    FM_RETURN_IF_ERROR(DropMoments(connection_, service, environment));
    FM_RETURN_IF_ERROR(connection_.Run(
        "DELETE FROM change WHERE service = ?1 AND (?2 = '' OR environment = ?2)", service, environment));
    return connection_.Run("DELETE FROM hash_key WHERE service = ?1 AND (?2 = '' OR environment = ?2)",
                           service, environment);
  }

  Status DropSubject(int64_t subject) {
    FM_RETURN_IF_ERROR(Drop("DELETE FROM chunk WHERE subject = ?", subject));
    FM_RETURN_IF_ERROR(Drop("DELETE FROM part WHERE subject = ?", subject));
    return DropAsideOfSubject(subject);
  }

  // What is set aside cannot be read, so it cannot be kept in part.
  Status DropAsideOfSubject(int64_t subject) {
    return Drop("DELETE FROM aside WHERE origin IN ('chunk', 'part') AND row LIKE 'subject ' || ? || ' %'",
                subject);
  }

  Status DropAsideOfLog(int64_t stream) {
    return Drop("DELETE FROM aside WHERE origin = 'batch_log' AND row LIKE 'stream ' || ? || ' %'", stream);
  }

  Status DropStream(int64_t stream) {
    FM_RETURN_IF_ERROR(Drop("DELETE FROM batch_log WHERE stream = ?", stream));
    FM_RETURN_IF_ERROR(DropAsideOfLog(stream));
    FM_RETURN_IF_ERROR(connection_.Run("DELETE FROM subject WHERE stream = ?", stream));
    // What was applied once stays a duplicate: a worker that has no answer yet sends it again.
    FM_RETURN_IF_ERROR(
        connection_.Run("UPDATE instance SET stream = 0, host = '', pid = 0, started_unix_ms = 0, sdk = ''"
                        " WHERE stream = ?",
                        stream));
    return connection_.Run("DELETE FROM stream WHERE id = ?", stream);
  }

  Status EraseInSubject(int64_t subject) {
    FM_RETURN_IF_ERROR(ForEach("SELECT id FROM part WHERE subject = ?", subject, &Forgetter::ErasePart));
    FM_RETURN_IF_ERROR(ForEach("SELECT id FROM chunk WHERE subject = ?", subject, &Forgetter::EraseChunk));
    return DropAsideOfSubject(subject);
  }

  Status EraseInLog(int64_t stream) {
    FM_RETURN_IF_ERROR(DropAsideOfLog(stream));
    return ForEach("SELECT id FROM batch_log WHERE stream = ?", stream, &Forgetter::EraseBatch);
  }

  Status Drop(std::string_view sql, int64_t id) {
    FM_RETURN_IF_ERROR(connection_.Run(sql, id));
    rows_ += connection_.changes();
    return {};
  }

  Status ForEach(std::string_view sql, int64_t of, Status (Forgetter::*change)(int64_t id)) {
    const Result<Ids> ids = IdsFrom(connection_.Use(sql, of));
    if (!ids.ok()) return ids.error();
    for (const int64_t id : *ids) FM_RETURN_IF_ERROR((this->*change)(id));
    return {};
  }

  Status ErasePart(int64_t id) {
    PartKey key{};
    Rewritten rewritten;
    {
      Statement row = connection_.Use(
          "SELECT subject, minute, source, family, bytes, checksum FROM part WHERE id = ?", id);
      if (const Result<bool> found = row.Next(); !found.ok()) return found.error();
      key = {row.Int(0), row.Int(1), static_cast<bucket::Source>(row.Int(2)),
             static_cast<profile::Family>(row.Int(3))};
      bucket::SubjectSummary summary;
      const Status read = DecodePart(key, row, 4, 5, summary);
      rewritten = Rewrite(read, std::move(summary), key.family, field_);
    }
    if (!rewritten.changed) return {};
    if (rewritten.bytes.empty()) return Drop("DELETE FROM part WHERE id = ?", id);
    ++rows_;
    return connection_.Run("UPDATE part SET bytes = ?2, checksum = ?3 WHERE id = ?1", id,
                           Blob{rewritten.bytes}, PartChecksum(key, rewritten.bytes));
  }

  Status EraseChunk(int64_t id) {
    std::vector<std::pair<uint32_t, std::string>> kept;
    bool changed = false;
    {
      Statement row = connection_.Use("SELECT family, bytes FROM chunk WHERE id = ?", id);
      if (const Result<bool> found = row.Next(); !found.ok()) return found.error();
      const auto family = static_cast<profile::Family>(row.Int(0));
      const Result<std::span<const ChunkEntry>> entries = codec_.Unpack(row.Bytes(1));
      changed = !entries.ok();
      for (const ChunkEntry& entry : entries.ok() ? *entries : std::span<const ChunkEntry>()) {
        bucket::SubjectSummary summary;
        ByteReader in(entry.bytes);
        bucket::DecodeSubject(in, family, summary);
        Rewritten rewritten = Rewrite(in.Finish("a chunk's entry"), std::move(summary), family, field_);
        changed = changed || rewritten.changed;
        if (!rewritten.changed) rewritten.bytes = entry.bytes;
        if (!rewritten.bytes.empty()) kept.emplace_back(entry.index, std::move(rewritten.bytes));
      }
    }
    if (!changed) return {};
    if (kept.empty()) return Drop("DELETE FROM chunk WHERE id = ?", id);
    std::vector<ChunkEntry> entries;
    for (const auto& [index, bytes] : kept) entries.push_back({index, bytes});
    const std::string packed = codec_.Pack(entries);
    ++rows_;
    return connection_.Run("UPDATE chunk SET bytes = ?2 WHERE id = ?1", id, Blob{packed});
  }

  Status EraseBatch(int64_t id) {
    bool changed = true;
    std::string bytes;
    {
      Statement row = connection_.Use("SELECT bytes FROM batch_log WHERE id = ?", id);
      if (const Result<bool> found = row.Next(); !found.ok()) return found.error();
      Result<bucket::Batch> batch = bucket::DecodeBatch(row.Bytes(0));
      if (batch.ok()) {
        changed = false;
        for (auto& [minute, bucket] : batch->buckets) {
          for (auto& [name, summary] : bucket) changed = EraseField(summary, field_) || changed;
        }
        if (changed) bytes = bucket::EncodeBatch(*batch);
      }
    }
    if (!changed) return {};
    if (bytes.empty()) return Drop("DELETE FROM batch_log WHERE id = ?", id);
    ++rows_;
    return connection_.Run("UPDATE batch_log SET bytes = ?2 WHERE id = ?1", id, Blob{bytes});
  }

  Connection& connection_;
  const ForgetRequest& request_;
  const std::string field_;
  const RunStep& run_;
  ChunkCodec codec_;
  int64_t rows_ = 0;
};

}  // namespace

std::array<std::string, 3> NamesOf(const std::string& field) {
  return {field, LocationOf("body", field), LocationOf("response", field)};
}

bool IsBelow(const std::string& path, const std::string& field) {
  if (!path.starts_with(field)) return false;
  return path.size() == field.size() || path[field.size()] == '.' || path[field.size()] == '[';
}

bool EraseField(bucket::SubjectSummary& summary, const std::string& field) {
  const auto is_of_it = [&](const auto& violation) {
    const std::string& location = violation.first.field;
    return IsBelow(location, LocationOf("body", field)) || IsBelow(location, LocationOf("response", field)) ||
           (summary.body && IsBelow(location, field));
  };
  const size_t violations = std::erase_if(summary.violations, is_of_it);
  if (!summary.body) return violations > 0;
  const auto is_below = [&](const auto& entry) { return IsBelow(entry.first, field); };
  return std::erase_if(summary.body->fields, is_below) + violations > 0;
}

Result<Forgotten> ForgetRows(Connection& connection, const ForgetRequest& request, const RunStep& run) {
  return Forgetter(connection, request, run).Run();
}

Result<Forgotten> Forget(const std::string& folder, const ForgetRequest& request) {
  const std::string path = folder + "/" + SqliteStore::kFileName;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return Error{ErrorCode::kNotFound, path + ": there is no database; name the server's folder with --data"};
  }
  const Result<LockFile> lock = LockFile::Acquire(folder + "/fieldmark.lock");
  if (!lock.ok()) return lock.error();
  Result<std::unique_ptr<Connection>> opened = Connection::Open(path, Connection::Mode::kReadWrite);
  if (!opened.ok()) return opened.error();
  Connection& connection = **opened;
  FM_RETURN_IF_ERROR(PrepareSchema(connection));
  FM_RETURN_IF_ERROR(connection.RunScript("PRAGMA secure_delete = ON; PRAGMA synchronous = FULL"));

  Result<Forgotten> forgotten = Forgotten{};
  {
    Result<Transaction> transaction = Transaction::Begin(connection, Transaction::Kind::kWrite);
    if (!transaction.ok()) return transaction.error();
    forgotten = ForgetRows(connection, request, [](const auto& step) { return step(); });
    if (!forgotten.ok()) return forgotten;
    FM_RETURN_IF_ERROR(transaction->Commit());
  }
  // What stood in the write-ahead log goes with its truncation.
  FM_RETURN_IF_ERROR(connection.RunScript("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"));
  return forgotten;
}

}  // namespace fieldmark::store
