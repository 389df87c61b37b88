// Compactor: moves batches from the log into parts and chunks, parts of hours that are over into chunks, and
// deletes what is too old. Everything a round moves, it writes and deletes in one transaction, so wherever a
// process ends every count is there once. One round at a time; appends and reads go on beside it and wait for
// its transaction only, not for its work.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "server/store/appender.h"
#include "server/store/fold.h"

namespace fieldmark::store {

// Bounds on one round, which is several transactions. What one of them writes keeps appends waiting: a
// stream's rows, or the parts of a few subjects.
struct RoundLimits {
  // A stream's batches are folded once there are so many, or once one of them waited so long: summaries of a
  // minute are then written once or twice, not with every batch, and a read unpacks no more than these.
  int64_t worth_folding = 64;
  int64_t patience_ms = 60'000;
  int64_t packed_bytes_max = 8 << 20;   // of a stream's log rows that are folded together
  size_t memory_bytes_max = 128 << 20;  // of what they unpack to
  int64_t streams_max = 64;             // that are folded
  int64_t parts_max = 1'000;            // rows of the part table; those of a subject stay together
  int64_t deleted_max = 500;            // rows that are too old
  int64_t free_pages_kept = 4'096;      // before some are given back, a thousand a round
};

class Compactor {
 public:
  // `writer` is shared with whoever holds `writer_mutex`, and so is `appender`, which is told to forget what
  // it knows when rows go that nothing refers to any more.
  Compactor(std::unique_ptr<Connection> reader, Connection& writer, std::mutex& writer_mutex,
            Appender& appender, Retention retention, RoundLimits limits);

  // True when there is more to do. kDataLoss after a round that set damaged rows aside: the next one goes on
  // without them.
  Result<bool> Round(UnixMs now);
  // To be called, with no round under way, when somebody else deleted subjects.
  void ForgetSubjects() { subject_ids_.clear(); }
  // Of the log, since the beginning; may be asked for during a round.
  int64_t folded_bytes() const { return folded_bytes_; }
  int64_t rows_set_aside() const { return rows_set_aside_; }  // since the beginning
  int64_t forgotten_early() const { return forgotten_early_; }
  UnixMs forgotten_early_unix_ms() const { return forgotten_early_unix_ms_; }

 private:
  // Rows of one table that a fold took in.
  struct Taken {
    std::vector<int64_t> ids;
    std::vector<DamagedRow> damaged;
    int64_t bytes = 0;
    bool more = false;
  };

  void CheckpointBeside();
  Result<std::vector<int64_t>> StreamsToFold(UnixMs now);
  Result<bool> FoldStream(int64_t stream, Minute now);
  Result<Taken> TakeLog(int64_t stream, Fold& fold);
  Status AddBatch(int64_t stream, bucket::Source source, bucket::Buckets buckets, Fold& fold);
  Result<Taken> TakeParts(Minute before, Fold& fold);
  Result<std::vector<int64_t>> SubjectsOfOldestParts(Minute before);
  Status TakePartsOf(int64_t subject, Minute before, Fold& fold, Taken& taken);
  Result<int64_t> SubjectId(int64_t stream, const std::string& name);
  Result<bool> FoldLog(UnixMs now);
  Result<bool> FoldParts(Minute now);
  Status Write(const Folded& folded, const std::string& table, const Taken& taken);
  Status WriteRows(const Folded& folded, const std::string& table, const Taken& taken);
  // Holds the writer for `work`, which runs on `hurried_`: the thread that folds is nicer than those that
  // append, and they would wait for it to get its turn.
  Status WithWriter(const std::function<Status()>& work);
  Status SetAside(const DamagedRow& row);
  Result<bool> DropOld(UnixMs now);
  Result<bool> DropOldChunks(UnixMs now);
  Result<bool> MakeRoom(UnixMs now);
  Status ForgetOldest(UnixMs now);
  Result<bool> NearLimit();
  // Chunks of one step and family that begin together; none when nothing is over.
  struct Oldest {
    Step step;
    profile::Family family;
    Minute start;
  };
  Result<std::optional<Oldest>> FindOldest(Minute newest);
  Result<bool> ShrinkFile();
  Result<std::vector<int64_t>> UnusedSubjects();
  Status DropUnused(const std::vector<int64_t>& subjects, UnixMs forgotten_before);
  // The age of data is measured from here: by two clocks, so that one that runs ahead deletes nothing.
  Result<Minute> NewestTrusted(UnixMs now);

  std::unique_ptr<Connection> reader_;
  Connection& writer_;
  std::mutex& writer_mutex_;
  Appender& appender_;
  const Retention retention_;
  const RoundLimits limits_;
  ChunkCodec codec_;
  std::map<std::pair<int64_t, std::string>, int64_t> subject_ids_;
  Minute dropped_at_ = -1;  // when there was nothing too old, in hours
  size_t set_aside_ = 0;    // in this round
  std::atomic<int64_t> rows_set_aside_ = 0;
  std::atomic<int64_t> folded_bytes_ = 0;
  std::atomic<int64_t> forgotten_early_ = 0;
  std::atomic<UnixMs> forgotten_early_unix_ms_ = 0;
  std::unique_ptr<boost::asio::thread_pool> hurried_;
};

}  // namespace fieldmark::store
