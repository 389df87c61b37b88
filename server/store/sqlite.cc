#include "server/store/sqlite.h"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace fieldmark::store {
namespace {

constexpr int kBusyWaitMs = 5000;  // another connection of ours checkpoints, or a backup program reads

struct Explanation {
  int code;
  ErrorCode error;
  const char* next;
};

// Primary result codes; what is not here is a fault of ours.
constexpr Explanation kExplanations[] = {
    {SQLITE_FULL, ErrorCode::kUnavailable,
     "free space on its disk or raise the limit of the data folder: it then goes on by itself"},
    {SQLITE_IOERR, ErrorCode::kUnavailable, "check its disk: it is tried again"},
    {SQLITE_BUSY, ErrorCode::kUnavailable, "end the other program that holds the file: it is tried again"},
    {SQLITE_LOCKED, ErrorCode::kUnavailable, "end the other program that holds the file: it is tried again"},
    {SQLITE_NOMEM, ErrorCode::kUnavailable, "free memory: it is tried again"},
    {SQLITE_READONLY, ErrorCode::kPermissionDenied, "let this user write the file and its folder"},
    {SQLITE_PERM, ErrorCode::kPermissionDenied, "let this user read and write the file and its folder"},
    {SQLITE_CANTOPEN, ErrorCode::kPermissionDenied, "let this user read and write the file and its folder"},
    {SQLITE_CORRUPT, ErrorCode::kDataLoss,
     "nothing was deleted: put a backup in its place, or move it away to begin anew"},
    {SQLITE_NOTADB, ErrorCode::kDataLoss,
     "nothing was deleted: put a backup in its place, or move it away to begin anew"},
    {SQLITE_TOOBIG, ErrorCode::kTooLarge, "send less at once"},
};

Error Explain(sqlite3* database, const std::string& path, int code) {
  std::string found = sqlite3_errstr(code);
  int primary = code & 0xFF;
  if ((code & 0xFF) == SQLITE_IOERR && database != nullptr) {
    const int reason = sqlite3_system_errno(database);
    if (reason != 0) found += std::string(" (") + std::strerror(reason) + ")";
    if (reason == ENOSPC) primary = SQLITE_FULL;  // of the index of the write-ahead log
  }
  for (const Explanation& explanation : kExplanations) {
    if (explanation.code == primary) {
      return {explanation.error, path + ": " + found + "; " + explanation.next};
    }
  }
  const std::string detail = database == nullptr ? "" : std::string(" (") + sqlite3_errmsg(database) + ")";
  return {ErrorCode::kInternal, path + ": " + found + detail};
}

}  // namespace

Statement::Statement(sqlite3* database, const std::string& path, sqlite3_stmt* statement, int code)
    : database_(database), path_(&path), statement_(statement), code_(code) {}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      path_(other.path_),
      statement_(std::exchange(other.statement_, nullptr)),
      code_(other.code_),
      bound_(other.bound_) {}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Statement::Bind(int64_t value) {
  if (code_ == SQLITE_OK) code_ = sqlite3_bind_int64(statement_, ++bound_, value);
}

void Statement::Bind(double value) {
  if (code_ == SQLITE_OK) code_ = sqlite3_bind_double(statement_, ++bound_, value);
}

void Statement::Bind(std::string_view text) {
  // An empty view may have no address, which SQLite would take for NULL.
  const char* data = text.data() == nullptr ? "" : text.data();
  if (code_ == SQLITE_OK) {
    code_ = sqlite3_bind_text64(statement_, ++bound_, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
}

void Statement::Bind(Blob blob) {
  const char* data = blob.bytes.data() == nullptr ? "" : blob.bytes.data();
  if (code_ == SQLITE_OK) {
    code_ = sqlite3_bind_blob64(statement_, ++bound_, data, blob.bytes.size(), SQLITE_STATIC);
  }
}

Result<bool> Statement::Next() {
  if (code_ == SQLITE_OK) {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    code_ = code;
  }
  return Explain(database_, *path_, code_);
}

Status Statement::Finish() {
  while (true) {
    const Result<bool> row = Next();
    if (!row.ok()) return row.error();
    if (!*row) return {};
  }
}

int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

double Statement::Real(int column) const { return sqlite3_column_double(statement_, column); }

std::string_view Statement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), static_cast<size_t>(size));
}

int64_t Statement::Size(int column) const { return sqlite3_column_bytes(statement_, column); }
bool Statement::IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

Connection::Connection(sqlite3* database, std::string path) : database_(database), path_(std::move(path)) {}

Result<std::unique_ptr<Connection>> Connection::Open(const std::string& path, Mode mode) {
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (mode == Mode::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
  std::unique_ptr<Connection> connection(new Connection(database, path));
  if (code != SQLITE_OK) return Explain(database, path, code);
  sqlite3_busy_timeout(database, kBusyWaitMs);
  return connection;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close_v2(database_);
}

Statement Connection::Prepare(std::string_view sql) {
  sqlite3_stmt*& statement = statements_[sql];
  int code = SQLITE_OK;
  if (statement == nullptr) {
    code = sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                              &statement, nullptr);
  }
  return Statement(database_, path_, statement, code);
}

Result<int64_t> Connection::FirstNumber(Statement statement) {
  const Result<bool> row = statement.Next();
  if (!row.ok()) return row.error();
  return *row ? statement.Int(0) : 0;
}

Status Connection::RunScript(const char* sql) {
  const int code = sqlite3_exec(database_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Explain(database_, path_, code);
  return {};
}

void Connection::KeepWriteAheadBelow(int64_t pages) {
  write_ahead_pages_usual_ = pages;
  sqlite3_wal_hook(
      database_,
      [](void* self, sqlite3*, const char*, int in_log) {
        Connection& connection = *static_cast<Connection*>(self);
        connection.write_ahead_pages_ = in_log;
        if (in_log > connection.write_ahead_pages_usual_) (void)connection.Checkpoint();
        return SQLITE_OK;
      },
      this);
}

Status Connection::Checkpoint() {
  int in_log = 0;
  int moved = 0;
  const int code = sqlite3_wal_checkpoint_v2(database_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved);
  if ((code & 0xFF) == SQLITE_BUSY) return {};
  if (code != SQLITE_OK) return Explain(database_, path_, code);
  write_ahead_pages_ = moved == in_log ? 0 : in_log;
  return {};
}

bool Connection::in_transaction() const { return sqlite3_get_autocommit(database_) == 0; }
int64_t Connection::last_insert_id() const { return sqlite3_last_insert_rowid(database_); }
int64_t Connection::changes() const { return sqlite3_changes64(database_); }

Result<int64_t> Connection::FreeBytes() {
  const Result<int64_t> pages = Number("PRAGMA freelist_count");
  if (!pages.ok()) return pages;
  const Result<int64_t> page_bytes = Number("PRAGMA page_size");
  if (!page_bytes.ok()) return page_bytes;
  return *pages * *page_bytes;
}

Result<Transaction> Transaction::Begin(Connection& connection, Kind kind) {
  FM_RETURN_IF_ERROR(connection.Run(kind == Kind::kRead ? "BEGIN" : "BEGIN IMMEDIATE"));
  return Transaction(connection);
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() {
  // Some failures end the transaction by themselves; a failed ROLLBACK has done all that can be done.
  if (connection_ == nullptr || !connection_->in_transaction()) return;
  if (const Status ended = connection_->Run("ROLLBACK"); !ended.ok()) return;
}

Status Transaction::Commit() {
  FM_RETURN_IF_ERROR(connection_->Run("COMMIT"));
  connection_ = nullptr;
  return {};
}

namespace {

// A file as SQLite sees it.
class OpenFile {
 public:
  OpenFile(const std::string& path, int flags) {
    sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
    memory_ = std::make_unique<std::byte[]>(static_cast<size_t>(vfs->szOsFile));
    opened_ = vfs->xOpen(vfs, path.c_str(), get(), flags, nullptr);
  }
  ~OpenFile() {
    if (get()->pMethods != nullptr) get()->pMethods->xClose(get());
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int WriteOverItself() {
    constexpr sqlite3_int64 kAtOnce = 64 << 10;  // SQLite writes less than 128 KiB in one call
    if (opened_ != SQLITE_OK) return opened_;
    const sqlite3_io_methods& methods = *get()->pMethods;
    sqlite3_int64 size = 0;
    int code = methods.xFileSize(get(), &size);
    std::string bytes;
    for (sqlite3_int64 at = 0; code == SQLITE_OK && at < size;
         at += static_cast<sqlite3_int64>(bytes.size())) {
      bytes.resize(static_cast<size_t>(std::min<sqlite3_int64>(size - at, kAtOnce)));
      code = methods.xRead(get(), bytes.data(), static_cast<int>(bytes.size()), at);
      if (code == SQLITE_OK) code = methods.xWrite(get(), bytes.data(), static_cast<int>(bytes.size()), at);
    }
    return code == SQLITE_OK ? methods.xSync(get(), SQLITE_SYNC_NORMAL) : code;
  }

 private:
  sqlite3_file* get() { return reinterpret_cast<sqlite3_file*>(memory_.get()); }

  std::unique_ptr<std::byte[]> memory_;
  int opened_ = SQLITE_OK;
};

}  // namespace

Status MakeDurableAsRead(const std::string& path) {
  const int code = OpenFile(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL).WriteOverItself();
  if (code != SQLITE_OK) return Explain(nullptr, path, code);
  return {};
}

}  // namespace fieldmark::store
