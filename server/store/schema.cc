#include "server/store/schema.h"

#include <sqlite3.h>

#include <charconv>

namespace fieldmark::store {
namespace {

constexpr int64_t kApplicationId =
    0x464D726B;  // "FMrk", for file(1) and against opening somebody else's file

// What version 3 added.
constexpr const char* kCreateChange = R"sql(
CREATE TABLE IF NOT EXISTS change(
  id INTEGER PRIMARY KEY,
  environment TEXT NOT NULL,
  service TEXT NOT NULL,
  kind TEXT NOT NULL,
  at_unix_ms INTEGER NOT NULL,
  title TEXT NOT NULL,
  version TEXT NOT NULL,
  url TEXT NOT NULL,
  owner TEXT NOT NULL,
  expected TEXT NOT NULL,
  rollback TEXT NOT NULL,
  announced_unix_ms INTEGER NOT NULL,
  amended_unix_ms INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS change_by_service ON change(environment, service, at_unix_ms);
)sql";

// What version 5 added.
constexpr const char* kCreateIncident = R"sql(
CREATE TABLE IF NOT EXISTS incident(
  id INTEGER PRIMARY KEY,
  environment TEXT NOT NULL,
  service TEXT NOT NULL,
  signal TEXT NOT NULL,
  subject TEXT NOT NULL,
  field TEXT NOT NULL,
  statistic TEXT NOT NULL,
  direction TEXT NOT NULL,
  sentence TEXT NOT NULL,
  also BLOB NOT NULL,
  since_first_unix_ms INTEGER NOT NULL,
  since_last_unix_ms INTEGER NOT NULL,
  found_unix_ms INTEGER NOT NULL,
  seen_unix_ms INTEGER NOT NULL,
  over_unix_ms INTEGER NOT NULL,
  settled INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS incident_by_service ON incident(environment, service, found_unix_ms);
)sql";

// What version 6 added.
constexpr const char* kCreateMoment = R"sql(
CREATE TABLE IF NOT EXISTS moment(
  environment TEXT NOT NULL,
  service TEXT NOT NULL,
  at_unix_ms INTEGER NOT NULL,
  look_s INTEGER NOT NULL,
  judged INTEGER NOT NULL,
  q_value REAL NOT NULL,
  PRIMARY KEY(environment, service, at_unix_ms, look_s)) WITHOUT ROWID;
)sql";

constexpr const char* kCreate = R"sql(
CREATE TABLE stream(
  id INTEGER PRIMARY KEY,
  environment TEXT NOT NULL,
  service TEXT NOT NULL,
  version TEXT NOT NULL,
  first_minute INTEGER,
  last_minute INTEGER,
  last_received_unix_ms INTEGER NOT NULL,
  first_live_unix_ms INTEGER NOT NULL,
  UNIQUE(environment, service, version));
CREATE TABLE instance(
  instance BLOB PRIMARY KEY,
  stream INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL,
  last_received_unix_ms INTEGER NOT NULL,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started_unix_ms INTEGER NOT NULL,
  sdk TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX instance_by_stream ON instance(stream, last_received_unix_ms);
CREATE TABLE subject(
  id INTEGER PRIMARY KEY,
  stream INTEGER NOT NULL,
  name TEXT NOT NULL,
  UNIQUE(stream, name));
CREATE TABLE batch_log(
  id INTEGER PRIMARY KEY,
  stream INTEGER NOT NULL,
  source INTEGER NOT NULL,
  first_minute INTEGER NOT NULL,
  last_minute INTEGER NOT NULL,
  received_unix_ms INTEGER NOT NULL,
  bytes BLOB NOT NULL);
CREATE TABLE aside(
  id INTEGER PRIMARY KEY,
  origin TEXT NOT NULL,
  row TEXT NOT NULL,
  reason TEXT NOT NULL,
  bytes BLOB NOT NULL);
CREATE TABLE part(
  id INTEGER PRIMARY KEY,
  subject INTEGER NOT NULL,
  source INTEGER NOT NULL,
  minute INTEGER NOT NULL,
  family INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  UNIQUE(subject, minute, source, family));
CREATE INDEX part_by_minute ON part(minute);
CREATE TABLE chunk(
  id INTEGER PRIMARY KEY,
  subject INTEGER NOT NULL,
  step INTEGER NOT NULL,
  start_minute INTEGER NOT NULL,
  source INTEGER NOT NULL,
  family INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  UNIQUE(subject, step, start_minute, source, family));
CREATE INDEX chunk_by_age ON chunk(step, family, start_minute);
CREATE TABLE hash_key(
  environment TEXT NOT NULL,
  service TEXT NOT NULL,
  key BLOB NOT NULL,
  PRIMARY KEY(environment, service)) WITHOUT ROWID;
)sql";

Status Create(Connection& connection) {
  // Free pages can go back to the disk a few at a time; it can be said of an empty database only.
  const std::string script = std::string("PRAGMA auto_vacuum = INCREMENTAL; BEGIN IMMEDIATE;") + kCreate +
                             ("PRAGMA application_id = " + std::to_string(kApplicationId)) +
                             "; PRAGMA user_version = 2; COMMIT;";
  return connection.RunScript(script.c_str());
}

// What version 4 added. None for parts that are there already.
constexpr const char* kAddChecksum = "ALTER TABLE part ADD COLUMN checksum INTEGER;";

// The other tables are the same in all versions; what is written into them from now on, version 1 cannot
// read. By way of the write-ahead log, as everything else.
Status BecomeNewest(Connection& connection, int64_t version) {
  const std::string script = std::string("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE;") + kCreateChange +
                             (version < 4 ? kAddChecksum : "") + kCreateIncident + kCreateMoment +
                             "PRAGMA user_version = " + std::to_string(kSchemaVersion) + "; COMMIT;";
  return connection.RunScript(script.c_str());
}

// The check counts a page that could not be read as a damaged one, and names SQLite's code for why.
bool IsOfTheDisk(std::string_view found) {
  constexpr std::string_view kCode = "error code=";
  const size_t at = found.find(kCode);
  if (at == std::string_view::npos) return false;
  int code = 0;
  std::from_chars(found.data() + at + kCode.size(), found.data() + found.size(), code);
  return (code & 0xFF) == SQLITE_IOERR;
}

Status CheckPages(Connection& connection) {
  Statement check = connection.Use("PRAGMA quick_check(1)");
  const Result<bool> row = check.Next();
  if (!row.ok()) return row.error();
  const std::string_view found = *row ? check.Bytes(0) : "no answer";
  if (found == "ok") return {};
  if (IsOfTheDisk(found)) {
    return Error{ErrorCode::kUnavailable, connection.path() + ": checking it: the disk failed (" +
                                              std::string(found) + "); check its disk and start again"};
  }
  return Error{ErrorCode::kDataLoss,
               connection.path() + ": damaged (" + std::string(found) +
                   "); nothing was deleted: put a backup in its place, or move it away to begin anew"};
}

}  // namespace

Status PrepareSchema(Connection& connection) {
  const Result<int64_t> tables = connection.Number("SELECT count(*) FROM sqlite_schema");
  if (!tables.ok()) return tables.error();
  const Result<int64_t> version = connection.Number("PRAGMA user_version");
  if (!version.ok()) return version.error();
  const Result<int64_t> application = connection.Number("PRAGMA application_id");
  if (!application.ok()) return application.error();

  if (*tables == 0 && *version == 0) {
    FM_RETURN_IF_ERROR(Create(connection));
    return BecomeNewest(connection, 2);
  }
  if (*application != kApplicationId) {
    return Error{ErrorCode::kFailedPrecondition,
                 connection.path() + ": a database of another program; choose another data folder"};
  }
  if (*version > kSchemaVersion) {
    return Error{ErrorCode::kFailedPrecondition,
                 connection.path() + ": written by a newer release (schema " + std::to_string(*version) +
                     ", this one reads up to " + std::to_string(kSchemaVersion) +
                     "); run that release or a later one, or choose another data folder"};
  }
  FM_RETURN_IF_ERROR(CheckPages(connection));
  return *version == kSchemaVersion ? Status() : BecomeNewest(connection, *version);
}

Status AddIndexes(Connection& connection) {
  return connection.RunScript(
      "CREATE INDEX IF NOT EXISTS batch_log_by_stream ON batch_log(stream, received_unix_ms)");
}

}  // namespace fieldmark::store
