// A thin layer over SQLite: a connection whose statements are prepared once, and one table from its codes to
// ours. A Connection and its Statements belong to one thread at a time.
#pragma once

#include <atomic>
#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "fieldmark/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace fieldmark::store {

// Marks bytes that are bound as a blob, not as text. They must outlive the statement that they are bound to.
struct Blob {
  std::string_view bytes;
};

// A prepared statement, borrowed from its connection with its arguments bound, and reset when it goes out of
// scope.
class Statement {
 public:
  Statement(sqlite3* database, const std::string& path, sqlite3_stmt* statement, int code);
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // True when there is a row; its columns are valid until the next call.
  Result<bool> Next();
  // To the end, whatever rows there are.
  Status Finish();

  int64_t Int(int column) const;
  double Real(int column) const;
  std::string_view Bytes(int column) const;  // of a blob or a text
  int64_t Size(int column) const;            // of a blob, without reading it
  bool IsNull(int column) const;

  void Bind(int64_t value);
  void Bind(double value);
  void Bind(std::string_view text);
  void Bind(Blob blob);

 private:
  sqlite3* database_;
  const std::string* path_;
  sqlite3_stmt* statement_;
  int code_;  // the first failure of preparing and binding, reported by Next
  int bound_ = 0;
};

class Connection {
 public:
  enum class Mode { kReadOnly, kReadWrite };
  static Result<std::unique_ptr<Connection>> Open(const std::string& path, Mode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // `sql` holds one statement and lives as long as the connection: a literal. One use of the same text at a
  // time.
  template <class... Arguments>
  Statement Use(std::string_view sql, const Arguments&... arguments) {
    Statement statement = Prepare(sql);
    (statement.Bind(Bindable(arguments)), ...);
    return statement;
  }
  template <class... Arguments>
  Status Run(std::string_view sql, const Arguments&... arguments) {
    return Use(sql, arguments...).Finish();
  }
  // The single number that `sql` answers with.
  template <class... Arguments>
  Result<int64_t> Number(std::string_view sql, const Arguments&... arguments) {
    return FirstNumber(Use(sql, arguments...));
  }
  // Several statements without arguments.
  Status RunScript(const char* sql);

  // From here on a commit that leaves more than `pages` in the write-ahead log moves what it can of them into
  // the database. When the disk fails at that, or others still read from the log, the commit stands all the
  // same and write_ahead_pages() stays above.
  void KeepWriteAheadBelow(int64_t pages);
  // Of the write-ahead log, after the last commit or checkpoint of this connection; 0 when all were moved.
  // May be asked for by any thread.
  int64_t write_ahead_pages() const { return write_ahead_pages_; }
  // Moves what it can. That others read from the log is no failure.
  Status Checkpoint();

  const std::string& path() const { return path_; }
  bool in_transaction() const;
  int64_t last_insert_id() const;
  int64_t changes() const;
  // Of pages in the file that hold nothing.
  Result<int64_t> FreeBytes();

 private:
  Connection(sqlite3* database, std::string path);
  Statement Prepare(std::string_view sql);
  Result<int64_t> FirstNumber(Statement statement);

  static int64_t Bindable(std::integral auto value) { return static_cast<int64_t>(value); }
  static double Bindable(double value) { return value; }
  static std::string_view Bindable(std::string_view text) { return text; }
  static Blob Bindable(Blob blob) { return blob; }

  sqlite3* database_;
  std::string path_;
  int64_t write_ahead_pages_usual_ = 0;
  std::atomic<int64_t> write_ahead_pages_ = 0;
  std::unordered_map<std::string_view, sqlite3_stmt*> statements_;
};

// Writes a file over with its own bytes and syncs it, so that what is read from it is on the disk. After a
// sync that failed, or a process that was killed before its sync, what is read may be in the page cache
// alone, and pages of the first kind count as clean: another sync would leave them out.
Status MakeDurableAsRead(const std::string& path);

// Rolls back unless committed. Reading transactions see one snapshot.
class Transaction {
 public:
  enum class Kind { kRead, kWrite };
  static Result<Transaction> Begin(Connection& connection, Kind kind);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  Status Commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}

  Connection* connection_;  // null once it ended or moved away
};

}  // namespace fieldmark::store
