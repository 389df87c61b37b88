// SqliteStore: a store in one file of one folder. SCHEMA.md says how summaries lie in it and what moves them.
// Safe for use by several threads at once.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/store/commit_queue.h"
#include "server/store/compactor.h"
#include "server/store/lock_file.h"
#include "server/store/reader.h"
#include "server/store/store.h"

namespace fieldmark::store {

struct SqliteSettings {
  Retention retention;
  RoundLimits round;
  // Of fieldmark.db. Below it already, Compact forgets what is oldest for its step and family; where that is
  // not enough, appends fail with kUnavailable.
  int64_t database_bytes_max = int64_t{64} << 30;
  // Of its disk, for folding and for whoever else is there: with less, and no free pages in the file in its
  // place, appends fail with kUnavailable until there is more.
  int64_t disk_free_bytes_min = 64 << 20;
  // Of the write-ahead log, which is moved into the database long before: appends fail with kUnavailable when
  // the disk fails at that, or others read from the log all the while.
  int64_t write_ahead_pages_max = 250'000;
  // Of batches not yet folded: appends fail with kUnavailable when the compactor falls behind so far.
  int64_t log_bytes_max = int64_t{2} << 30;
};

class SqliteStore : public Store {
 public:
  static constexpr const char* kFileName = "fieldmark.db";

  // Creates folder and file where there are none. Holds the folder's lock while it lives: kFailedPrecondition
  // when another one does, or when the file is of a newer release or another program; kDataLoss when it is
  // damaged; kPermissionDenied when it cannot be written. Deletes nothing in any case.
  static Result<std::unique_ptr<SqliteStore>> Open(const std::string& folder,
                                                   const SqliteSettings& settings = {});

  Result<Append> AppendBatch(const bucket::Batch& batch, std::string_view bytes, UnixMs received) override;
  Result<std::vector<StreamInfo>> Streams() override;
  // A step that its retention no longer covers gives nothing; coarser steps still do. Rows that are damaged
  // are left out and counted in condition().
  Status Visit(const Query& query, const PieceVisitor& visit) override;
  Result<std::vector<std::string>> Subjects(const std::vector<bucket::Stream>& streams) override;
  Result<HashKey> KeyOf(std::string_view environment, std::string_view service) override;
  Result<std::vector<AnnouncedChange>> AnnouncedChanges(std::string_view environment,
                                                        std::string_view service) override;
  Result<int64_t> SaveChange(const AnnouncedChange& change) override;
  Result<std::vector<Incident>> Incidents(std::string_view environment, std::string_view service) override;
  Result<int64_t> SaveIncident(const Incident& incident) override;
  Result<std::vector<Moment>> Moments(std::string_view environment, std::string_view service) override;
  Status SaveMoment(const Moment& moment) override;
  // One transaction for each subject, so that appends wait for no more than that. Freed pages are wiped and
  // the write-ahead log is truncated: kUnavailable when reads held on to it for too long, then it is to be
  // asked for again.
  Result<Forgotten> Forget(const std::string& service, const std::optional<std::string>& environment,
                           const std::optional<std::string>& field) override;
  Result<bool> Compact(UnixMs now) override;

  Condition condition() override;

 private:
  class BorrowedReader;

  SqliteStore(LockFile lock, std::unique_ptr<Connection> writer, std::unique_ptr<Connection> compactor_reader,
              const SqliteSettings& settings, const Condition& found);

  int64_t log_bytes() const { return appended_bytes_ - compactor_.folded_bytes(); }
  Result<BorrowedReader> Borrow();
  void Note(const std::vector<int64_t>& damaged_chunks);
  // kUnavailable when the disk, or the write-ahead log, has no room for more. Under writer_mutex_.
  Status CheckRoom();
  std::vector<Result<Append>> AppendTogether(const std::vector<const PendingAppend*>& group);
  Status RunStep(const std::function<Status()>& step);
  // To be called under writer_mutex_ when rows of the log went otherwise than by folding.
  Status MeasureLog();
  // Applies all or none; `results` grows by what became of each.
  Status ApplyTogether(const std::vector<const PendingAppend*>& group, std::vector<Result<Append>>& results);

  const LockFile lock_;  // first, so that it is let go last
  const std::string path_;
  const int64_t log_bytes_max_;
  const int64_t disk_free_bytes_min_;
  const int64_t write_ahead_pages_max_;
  const int64_t rows_aside_found_;       // in the file when it was opened
  std::atomic<int64_t> appended_bytes_;  // with what was in the log when it was opened
  std::atomic<UnixMs> oldest_received_;  // of the log; 0: it is empty. Written under writer_mutex_

  std::mutex writer_mutex_;
  const std::unique_ptr<Connection> writer_;
  Appender appender_;
  CommitQueue commit_queue_;

  std::mutex compactor_mutex_;
  Compactor compactor_;

  std::mutex damaged_chunks_mutex_;
  std::set<int64_t> damaged_chunks_;  // that a read met; folding sets one aside when it comes to it

  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<Reader>> idle_readers_;
};

}  // namespace fieldmark::store
