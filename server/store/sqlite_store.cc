#include "server/store/sqlite_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "server/store/batch_rules.h"
#include "server/store/change_table.h"
#include "server/store/forget.h"
#include "server/store/incident_table.h"
#include "server/store/random_key.h"
#include "server/store/schema.h"

namespace fieldmark::store {
namespace {

namespace fs = std::filesystem;

// Beyond it the write-ahead log is moved into the database.
constexpr int64_t kWriteAheadPages = 4'000;

constexpr size_t kIdleReadersMax = 8;
constexpr size_t kDamagedChunksMax = 10'000;  // that are told apart
constexpr std::string_view kOldestReceived = "SELECT received_unix_ms FROM batch_log ORDER BY id LIMIT 1";
constexpr std::string_view kLogBytes = "SELECT ifnull(sum(length(bytes)), 0) FROM batch_log";
constexpr int kTruncationsMax = 5;  // each waits for readers as long as SQLite is told to

Error Doing(std::string_view what, const Error& error) {
  return {error.code, std::string(what) + ": " + error.message};
}

Status MakeFolder(const std::string& folder) {
  std::error_code failure;
  if (fs::is_directory(folder, failure)) return {};
  fs::create_directories(folder, failure);
  if (!failure) {
    // Summaries and hash keys are for this user alone, unless somebody decides otherwise.
    fs::permissions(folder, fs::perms::owner_all, failure);
  }
  if (!failure) return {};
  return Error{ErrorCode::kPermissionDenied, "making the data folder " + folder + ": " + failure.message() +
                                                 "; choose another data folder, or let this user make it"};
}

// Hash keys lie in it: for this user alone. What SQLite puts beside it takes the same rights.
Status MakeFile(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor >= 0) {
    ::close(descriptor);
    return {};
  }
  return Error{ErrorCode::kPermissionDenied, path + ": " +
                                                 std::error_code(errno, std::generic_category()).message() +
                                                 "; let this user read and write the file and its folder"};
}

// SQLite deletes the log of an empty database, which may be all that is left of one that was cut to nothing.
Status CheckLogHasItsDatabase(const std::string& path) {
  std::error_code failure;
  const std::string log = path + "-wal";
  if (!fs::exists(log, failure) || fs::file_size(log, failure) == 0) return {};
  if (fs::exists(path, failure) && fs::file_size(path, failure) > 0) return {};
  return Error{ErrorCode::kDataLoss,
               path + ": missing or empty, while its log " + log +
                   " holds data; nothing was deleted: put the database or a backup in its "
                   "place, or move the log away to begin anew"};
}

// A batch that is found in the log is answered as a duplicate, which is to acknowledge it.
Status MakeLogDurable(const std::string& path) {
  std::error_code failure;
  const std::string log = path + "-wal";
  if (!fs::exists(log, failure) || fs::file_size(log, failure) == 0) return {};
  return MakeDurableAsRead(log);
}

Status Configure(Connection& connection, const SqliteSettings& settings) {
  const Result<int64_t> page_bytes = connection.Number("PRAGMA page_size");
  if (!page_bytes.ok()) return page_bytes.error();
  const std::string script =
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = "
      "-16000;"
      "PRAGMA journal_size_limit = 16777216; PRAGMA max_page_count = " +
      std::to_string(settings.database_bytes_max / *page_bytes);
  FM_RETURN_IF_ERROR(connection.RunScript(script.c_str()));
  connection.KeepWriteAheadBelow(kWriteAheadPages);
  return {};
}

Result<std::unique_ptr<Connection>> OpenWriter(const std::string& path, const SqliteSettings& settings) {
  FM_RETURN_IF_ERROR(CheckLogHasItsDatabase(path));
  FM_RETURN_IF_ERROR(MakeFile(path));
  FM_RETURN_IF_ERROR(MakeLogDurable(path));
  Result<std::unique_ptr<Connection>> writer = Connection::Open(path, Connection::Mode::kReadWrite);
  if (!writer.ok()) return writer;
  FM_RETURN_IF_ERROR(PrepareSchema(**writer));
  FM_RETURN_IF_ERROR(Configure(**writer, settings));
  FM_RETURN_IF_ERROR(AddIndexes(**writer));
  return writer;
}

}  // namespace

// A reader of the pool, given back when it goes out of scope.
class SqliteStore::BorrowedReader {
 public:
  BorrowedReader(SqliteStore& store, std::unique_ptr<Reader> reader)
      : store_(&store), reader_(std::move(reader)) {}
  BorrowedReader(BorrowedReader&&) = default;
  ~BorrowedReader() {
    if (reader_ == nullptr) return;
    const std::lock_guard lock(store_->readers_mutex_);
    if (store_->idle_readers_.size() < kIdleReadersMax) store_->idle_readers_.push_back(std::move(reader_));
  }
  Reader* operator->() { return reader_.get(); }

 private:
  SqliteStore* store_;
  std::unique_ptr<Reader> reader_;
};

Result<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::string& folder,
                                                       const SqliteSettings& settings) {
  FM_RETURN_IF_ERROR(MakeFolder(folder));
  Result<LockFile> lock = LockFile::Acquire(folder + "/fieldmark.lock");
  if (!lock.ok()) return lock.error();
  const std::string path = folder + "/" + kFileName;
  Result<std::unique_ptr<Connection>> writer = OpenWriter(path, settings);
  if (!writer.ok()) return Doing("opening the store", writer.error());
  Result<std::unique_ptr<Connection>> reader = Connection::Open(path, Connection::Mode::kReadWrite);
  if (!reader.ok()) return Doing("opening the store", reader.error());
  const Result<int64_t> log_bytes = (*writer)->Number(kLogBytes);
  if (!log_bytes.ok()) return Doing("opening the store", log_bytes.error());
  const Result<int64_t> oldest = (*writer)->Number(kOldestReceived);
  if (!oldest.ok()) return Doing("opening the store", oldest.error());
  const Result<int64_t> aside = (*writer)->Number("SELECT count(*) FROM aside");
  if (!aside.ok()) return Doing("opening the store", aside.error());
  return std::unique_ptr<SqliteStore>(new SqliteStore(
      std::move(*lock), std::move(*writer), std::move(*reader), settings, {*log_bytes, *oldest, *aside}));
}

SqliteStore::SqliteStore(LockFile lock, std::unique_ptr<Connection> writer,
                         std::unique_ptr<Connection> compactor_reader, const SqliteSettings& settings,
                         const Condition& found)
    : lock_(std::move(lock)),
      path_(writer->path()),
      log_bytes_max_(settings.log_bytes_max),
      disk_free_bytes_min_(settings.disk_free_bytes_min),
      write_ahead_pages_max_(settings.write_ahead_pages_max),
      rows_aside_found_(found.damaged_rows),
      appended_bytes_(found.log_bytes),
      oldest_received_(found.oldest_received_unix_ms),
      writer_(std::move(writer)),
      appender_(*writer_),
      commit_queue_([this](const auto& group) { return AppendTogether(group); }),
      compactor_(std::move(compactor_reader), *writer_, writer_mutex_, appender_, settings.retention,
                 settings.round) {}

Result<Append> SqliteStore::AppendBatch(const bucket::Batch& batch, std::string_view bytes, UnixMs received) {
  FM_RETURN_IF_ERROR(CheckBatch(batch));
  if (log_bytes() > log_bytes_max_) {
    return Error{ErrorCode::kUnavailable, "appending a batch: " + std::to_string(log_bytes() >> 20) +
                                              " MiB wait to be folded; send it again in a minute"};
  }
  return commit_queue_.Add({batch, bytes, received});
}

Status SqliteStore::CheckRoom() {
  if (writer_->write_ahead_pages() > write_ahead_pages_max_) {
    FM_RETURN_IF_ERROR(writer_->Checkpoint());
    if (writer_->write_ahead_pages() > write_ahead_pages_max_) {
      return Error{
          ErrorCode::kUnavailable,
          path_ + "-wal: it has grown long and others read from it all the while; end a backup that hangs"};
    }
  }
  std::error_code failure;
  const fs::space_info disk = fs::space(path_, failure);
  const auto available = static_cast<int64_t>(disk.available);
  if (failure || available >= disk_free_bytes_min_) return {};
  const Result<int64_t> free_bytes = writer_->FreeBytes();
  if (!free_bytes.ok()) return free_bytes.error();
  if (available + *free_bytes >= disk_free_bytes_min_) return {};
  return Error{ErrorCode::kUnavailable,
               path_ + ": only " + std::to_string(available >> 20) +
                   " MiB are free on its disk; free space: it then goes on by itself"};
}

std::vector<Result<Append>> SqliteStore::AppendTogether(const std::vector<const PendingAppend*>& group) {
  const std::lock_guard lock(writer_mutex_);
  if (const Status room = CheckRoom(); !room.ok()) {
    return std::vector<Result<Append>>(group.size(), Doing("appending a batch", room.error()));
  }
  std::vector<Result<Append>> results;
  const Status together = ApplyTogether(group, results);
  if (together.ok()) return results;
  if (group.size() == 1) return {Doing("appending a batch", together.error())};
  // One that cannot be kept must not take the others with it.
  results.clear();
  for (const PendingAppend* append : group) {
    std::vector<Result<Append>> alone;
    const Status applied = ApplyTogether({append}, alone);
    results.push_back(applied.ok() ? alone[0] : Doing("appending a batch", applied.error()));
  }
  return results;
}

Status SqliteStore::ApplyTogether(const std::vector<const PendingAppend*>& group,
                                  std::vector<Result<Append>>& results) {
  int64_t bytes = 0;
  UnixMs received = 0;  // of the first that was logged
  try {
    const Status applied = [&]() -> Status {
      Result<Transaction> transaction = Transaction::Begin(*writer_, Transaction::Kind::kWrite);
      if (!transaction.ok()) return transaction.error();
      for (const PendingAppend* append : group) {
        const Result<Append> one = appender_.Apply(append->batch, append->bytes, append->received);
        if (!one.ok()) return one.error();
        const bool logged = *one == Append::kApplied && !append->batch.buckets.empty();
        if (logged && bytes == 0) received = append->received;
        if (logged) bytes += static_cast<int64_t>(append->bytes.size());
        results.push_back(one);
      }
      return transaction->Commit();
    }();
    if (!applied.ok()) {
      appender_.Forget();
      return applied;
    }
  } catch (...) {
    appender_.Forget();
    throw;
  }
  appended_bytes_ += bytes;
  if (bytes > 0 && oldest_received_ == 0) oldest_received_ = received;
  return {};
}

Result<SqliteStore::BorrowedReader> SqliteStore::Borrow() {
  {
    const std::lock_guard lock(readers_mutex_);
    if (!idle_readers_.empty()) {
      BorrowedReader borrowed(*this, std::move(idle_readers_.back()));
      idle_readers_.pop_back();
      return borrowed;
    }
  }
  Result<std::unique_ptr<Reader>> reader = Reader::Open(path_);
  if (!reader.ok()) return reader.error();
  return BorrowedReader(*this, std::move(*reader));
}

Result<std::vector<StreamInfo>> SqliteStore::Streams() {
  Result<BorrowedReader> reader = Borrow();
  if (!reader.ok()) return Doing("listing streams", reader.error());
  Result<std::vector<StreamInfo>> streams = (*reader)->Streams();
  if (!streams.ok()) return Doing("listing streams", streams.error());
  return streams;
}

Status SqliteStore::Visit(const Query& asked, const PieceVisitor& visit) {
  const Result<Query> query = CheckQuery(asked);
  if (!query.ok()) return query.error();
  Result<BorrowedReader> reader = Borrow();
  if (!reader.ok()) return Doing("reading summaries", reader.error());
  const Status visited = (*reader)->Visit(*query, visit);
  if (!visited.ok()) return Doing("reading summaries", visited.error());
  Note((*reader)->TakeDamagedChunks());
  return {};
}

void SqliteStore::Note(const std::vector<int64_t>& damaged_chunks) {
  if (damaged_chunks.empty()) return;
  const std::lock_guard lock(damaged_chunks_mutex_);
  for (const int64_t id : damaged_chunks) {
    if (damaged_chunks_.size() < kDamagedChunksMax) damaged_chunks_.insert(id);
  }
}

Condition SqliteStore::condition() {
  const std::lock_guard lock(damaged_chunks_mutex_);
  return {log_bytes(), oldest_received_,
          rows_aside_found_ + compactor_.rows_set_aside() + static_cast<int64_t>(damaged_chunks_.size()),
          compactor_.forgotten_early(), compactor_.forgotten_early_unix_ms()};
}

Result<std::vector<std::string>> SqliteStore::Subjects(const std::vector<bucket::Stream>& streams) {
  Result<BorrowedReader> reader = Borrow();
  if (!reader.ok()) return Doing("listing subjects", reader.error());
  Result<std::vector<std::string>> names = (*reader)->Subjects(streams);
  if (!names.ok()) return Doing("listing subjects", names.error());
  return names;
}

Result<HashKey> SqliteStore::KeyOf(std::string_view environment, std::string_view service) {
  const Result<HashKey> fresh = RandomKey();
  if (!fresh.ok()) return fresh.error();
  const std::string_view fresh_bytes(reinterpret_cast<const char*>(fresh->bytes.data()), fresh->bytes.size());
  const std::lock_guard lock(writer_mutex_);
  const Result<HashKey> key = [&]() -> Result<HashKey> {
    Statement stored =
        writer_->Use("SELECT key FROM hash_key WHERE environment = ? AND service = ?", environment, service);
    const Result<bool> found = stored.Next();
    if (!found.ok()) return found.error();
    if (!*found) {
      FM_RETURN_IF_ERROR(writer_->Run("INSERT INTO hash_key(environment, service, key) VALUES(?, ?, ?)",
                                      environment, service, Blob{fresh_bytes}));
      return *fresh;
    }
    HashKey kept;
    if (stored.Bytes(0).size() != kept.bytes.size()) {
      return Error{ErrorCode::kDataLoss, path_ + ": a hash key is damaged; put a backup in its place"};
    }
    std::copy_n(stored.Bytes(0).begin(), kept.bytes.size(), kept.bytes.begin());
    return kept;
  }();
  if (!key.ok()) return Doing("finding the hash key", key.error());
  return key;
}

Result<std::vector<AnnouncedChange>> SqliteStore::AnnouncedChanges(std::string_view environment,
                                                                   std::string_view service) {
  Result<BorrowedReader> reader = Borrow();
  if (!reader.ok()) return Doing("listing changes", reader.error());
  Result<std::vector<AnnouncedChange>> changes = (*reader)->AnnouncedChanges(environment, service);
  if (!changes.ok()) return Doing("listing changes", changes.error());
  return changes;
}

Result<int64_t> SqliteStore::SaveChange(const AnnouncedChange& change) {
  const std::lock_guard lock(writer_mutex_);
  const Result<int64_t> id = WriteChange(*writer_, change);
  if (!id.ok()) return Doing("keeping a change", id.error());
  return id;
}

Result<std::vector<Incident>> SqliteStore::Incidents(std::string_view environment, std::string_view service) {
  Result<BorrowedReader> reader = Borrow();
  if (!reader.ok()) return Doing("listing incidents", reader.error());
  Result<std::vector<Incident>> incidents = (*reader)->Incidents(environment, service);
  if (!incidents.ok()) return Doing("listing incidents", incidents.error());
  return incidents;
}

Result<int64_t> SqliteStore::SaveIncident(const Incident& incident) {
  const std::lock_guard lock(writer_mutex_);
  const Result<int64_t> id = WriteIncident(*writer_, incident);
  if (!id.ok()) return Doing("keeping an incident", id.error());
  return id;
}

Result<std::vector<Moment>> SqliteStore::Moments(std::string_view environment, std::string_view service) {
  Result<BorrowedReader> reader = Borrow();
  if (!reader.ok()) return Doing("listing moments", reader.error());
  Result<std::vector<Moment>> moments = (*reader)->Moments(environment, service);
  if (!moments.ok()) return Doing("listing moments", moments.error());
  return moments;
}

Status SqliteStore::SaveMoment(const Moment& moment) {
  const std::lock_guard lock(writer_mutex_);
  const Status saved = WriteMoment(*writer_, moment);
  return saved.ok() ? saved : Doing("keeping a moment", saved.error());
}

Status SqliteStore::RunStep(const std::function<Status()>& step) {
  const std::lock_guard lock(writer_mutex_);
  Result<Transaction> transaction = Transaction::Begin(*writer_, Transaction::Kind::kWrite);
  if (!transaction.ok()) return transaction.error();
  FM_RETURN_IF_ERROR(step());
  FM_RETURN_IF_ERROR(transaction->Commit());
  appender_.Forget();
  return MeasureLog();
}

Status SqliteStore::MeasureLog() {
  const Result<int64_t> bytes = writer_->Number(kLogBytes);
  if (!bytes.ok()) return bytes.error();
  const Result<int64_t> oldest = writer_->Number(kOldestReceived);
  if (!oldest.ok()) return oldest.error();
  appended_bytes_ = *bytes + compactor_.folded_bytes();
  oldest_received_ = *oldest;
  return {};
}

Result<Forgotten> SqliteStore::Forget(const std::string& service,
                                      const std::optional<std::string>& environment,
                                      const std::optional<std::string>& field) {
  // A round of folding holds in memory what is being erased, and would write it again.
  const std::lock_guard lock(compactor_mutex_);
  const auto set_wiping = [this](const char* script) {
    const std::lock_guard writer_lock(writer_mutex_);
    return writer_->RunScript(script);
  };
  FM_RETURN_IF_ERROR(set_wiping("PRAGMA secure_delete = ON"));
  Result<Forgotten> forgotten =
      ForgetRows(*writer_, {service, environment, field}, [this](const auto& step) { return RunStep(step); });
  compactor_.ForgetSubjects();
  FM_RETURN_IF_ERROR(set_wiping("PRAGMA secure_delete = OFF"));
  if (!forgotten.ok()) return Doing("forgetting " + service, forgotten.error());
  for (int tries = 0; tries < kTruncationsMax; ++tries) {
    const std::lock_guard writer_lock(writer_mutex_);
    const Result<int64_t> busy = writer_->Number("PRAGMA wal_checkpoint(TRUNCATE)");
    if (!busy.ok()) return Doing("truncating the log after forgetting " + service, busy.error());
    if (*busy == 0) return forgotten;
  }
  return Error{ErrorCode::kUnavailable, "forgetting " + service +
                                            ": it is gone from the tables, and reads hold on to the "
                                            "write-ahead log; ask for it again in a minute"};
}

Result<bool> SqliteStore::Compact(UnixMs now) {
  const std::lock_guard lock(compactor_mutex_);
  const Result<bool> more = compactor_.Round(now);
  Status moved;
  {
    const std::lock_guard writer_lock(writer_mutex_);
    const Result<int64_t> oldest = writer_->Number(kOldestReceived);
    if (oldest.ok()) oldest_received_ = *oldest;
    if (writer_->write_ahead_pages() > kWriteAheadPages) moved = writer_->Checkpoint();
  }
  if (!more.ok() && more.error().code == ErrorCode::kDataLoss) {
    // Those that are still in place are met again.
    const std::lock_guard damaged_lock(damaged_chunks_mutex_);
    damaged_chunks_.clear();
  }
  if (!more.ok()) return Doing("folding batches", more.error());
  if (!moved.ok()) return Doing("moving the write-ahead log into the database", moved.error());
  return more;
}

}  // namespace fieldmark::store
