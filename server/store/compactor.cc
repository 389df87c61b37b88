#include "server/store/compactor.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>
#include <future>
#include <set>
#include <string_view>

#include "server/store/families.h"
#include "server/store/moment_table.h"
#include "server/store/part.h"

namespace fieldmark::store {
namespace {

// Beyond it the map starts anew: it saves time only.
constexpr size_t kSubjectIdsMax = 100'000;

constexpr int64_t kWriteAheadPages = 1'000;  // 4 MiB, a quarter of what an append moves by itself

constexpr std::string_view kDeleteFromLog = "DELETE FROM batch_log WHERE id = ?";
constexpr std::string_view kDeleteFromParts = "DELETE FROM part WHERE id = ?";

// A batch in the log names its subjects in its bytes alone, so those of its stream stay.
constexpr std::string_view kUnusedSubjects =
    "SELECT id FROM subject WHERE stream NOT IN (SELECT stream FROM batch_log)"
    " AND NOT EXISTS (SELECT 1 FROM chunk WHERE chunk.subject = subject.id)"
    " AND NOT EXISTS (SELECT 1 FROM part WHERE part.subject = subject.id) LIMIT ?";
constexpr std::string_view kDeleteUnusedSubject =
    "DELETE FROM subject WHERE id = ? AND stream NOT IN (SELECT stream FROM batch_log)"
    " AND NOT EXISTS (SELECT 1 FROM chunk WHERE chunk.subject = subject.id)"
    " AND NOT EXISTS (SELECT 1 FROM part WHERE part.subject = subject.id)";
constexpr std::string_view kDeleteUnusedStreams =
    "DELETE FROM stream WHERE last_received_unix_ms < ? AND id NOT IN (SELECT stream FROM batch_log)"
    " AND NOT EXISTS (SELECT 1 FROM subject WHERE subject.stream = stream.id)"
    " AND NOT EXISTS (SELECT 1 FROM instance WHERE instance.stream = stream.id)"
    " RETURNING environment, service";
constexpr std::string_view kDeleteUnusedKey =
    "DELETE FROM hash_key WHERE environment = ?1 AND service = ?2"
    " AND NOT EXISTS (SELECT 1 FROM stream WHERE environment = ?1 AND service = ?2)";

// One thread, which takes no signals: they are for whoever waits for them, and it may be made before the
// others block theirs.
std::unique_ptr<boost::asio::thread_pool> MakeThread() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  auto thread = std::make_unique<boost::asio::thread_pool>(1);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

Compactor::Compactor(std::unique_ptr<Connection> reader, Connection& writer, std::mutex& writer_mutex,
                     Appender& appender, Retention retention, RoundLimits limits)
    : reader_(std::move(reader)),
      writer_(writer),
      writer_mutex_(writer_mutex),
      appender_(appender),
      retention_(retention),
      limits_(limits),
      hurried_(MakeThread()) {}

// Between two snapshots of ours, which would keep the log from beginning anew: first beside the appends,
// then, while they wait, the little that they brought meanwhile. An append whose commit finds the log too
// long tells when the disk fails at it.
void Compactor::CheckpointBeside() {
  if (writer_.write_ahead_pages() < kWriteAheadPages) return;
  static_cast<void>(reader_->Checkpoint());
  static_cast<void>(WithWriter([&] { return writer_.Checkpoint(); }));
}

Result<bool> Compactor::Round(UnixMs now) {
  set_aside_ = 0;
  // First: folding may want the room.
  const Result<bool> more_room = MakeRoom(now);
  if (!more_room.ok()) return more_room.error();
  const Result<bool> more_log = FoldLog(now);
  if (!more_log.ok()) return more_log;
  const Result<bool> more_parts = FoldParts(MinuteOf(now));
  if (!more_parts.ok()) return more_parts.error();
  const Result<bool> more_old = DropOld(now);
  if (!more_old.ok()) return more_old.error();
  const Result<bool> more_free = ShrinkFile();
  if (!more_free.ok()) return more_free.error();
  if (set_aside_ == 0) return *more_log || *more_parts || *more_old || *more_room || *more_free;
  return Error{ErrorCode::kDataLoss,
               writer_.path() + ": " + std::to_string(set_aside_) +
                   " damaged rows were set aside in its table \"aside\"; check the disk and keep "
                   "a backup; everything else goes on"};
}

Result<bool> Compactor::FoldLog(UnixMs now) {
  const Result<std::vector<int64_t>> streams = StreamsToFold(now);
  if (!streams.ok()) return streams.error();
  bool more = static_cast<int64_t>(streams->size()) == limits_.streams_max;
  for (const int64_t stream : *streams) {
    CheckpointBeside();
    const Result<bool> more_of_it = FoldStream(stream, MinuteOf(now));
    if (!more_of_it.ok()) return more_of_it;
    more = more || *more_of_it;
  }
  return more;
}

// Those that waited longest first. One that came after `now` came before the clock was set back.
Result<std::vector<int64_t>> Compactor::StreamsToFold(UnixMs now) {
  std::vector<int64_t> streams;
  Statement rows = reader_->Use(
      "SELECT stream, min(received_unix_ms) AS oldest FROM batch_log GROUP BY stream"
      " HAVING count(*) >= ?1 OR oldest <= ?2 OR max(received_unix_ms) > ?3 ORDER BY oldest LIMIT ?4",
      limits_.worth_folding, now - limits_.patience_ms, now, limits_.streams_max);
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok()) return row.error();
    if (!*row) return streams;
    streams.push_back(rows.Int(0));
  }
}

Result<bool> Compactor::FoldStream(int64_t stream, Minute now) {
  Fold fold(retention_, now);
  Result<Transaction> snapshot = Transaction::Begin(*reader_, Transaction::Kind::kRead);
  if (!snapshot.ok()) return snapshot.error();
  const Result<Taken> taken = TakeLog(stream, fold);
  if (!taken.ok()) return taken.error();
  const Result<Folded> folded = fold.Finish(*reader_, codec_);
  if (!folded.ok()) return folded.error();
  FM_RETURN_IF_ERROR(snapshot->Commit());
  FM_RETURN_IF_ERROR(Write(*folded, "batch_log", *taken));
  folded_bytes_ += taken->bytes;
  return taken->more;
}

Result<Compactor::Taken> Compactor::TakeLog(int64_t stream, Fold& fold) {
  Taken taken;
  Statement rows = reader_->Use(
      "SELECT id, source, bytes FROM batch_log WHERE stream = ? ORDER BY received_unix_ms", stream);
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok()) return row.error();
    if (!*row) return taken;
    if (taken.bytes >= limits_.packed_bytes_max || fold.memory_bytes() >= limits_.memory_bytes_max) {
      taken.more = true;
      return taken;
    }
    const std::string_view bytes = rows.Bytes(2);
    taken.bytes += static_cast<int64_t>(bytes.size());
    Result<bucket::Batch> batch = bucket::DecodeBatch(bytes);
    const Status added = batch.ok() ? AddBatch(stream, static_cast<bucket::Source>(rows.Int(1)),
                                               std::move(batch->buckets), fold)
                                    : batch.error();
    if (added.ok()) {
      taken.ids.push_back(rows.Int(0));
    } else if (batch.ok()) {
      return added.error();
    } else {
      taken.damaged.push_back({"batch_log", rows.Int(0), added.error().message});
    }
  }
}

Status Compactor::AddBatch(int64_t stream, bucket::Source source, bucket::Buckets buckets, Fold& fold) {
  for (auto& [minute, bucket] : buckets) {
    for (auto& [name, summary] : bucket) {
      const Result<int64_t> subject = SubjectId(stream, name);
      if (!subject.ok()) return subject.error();
      fold.Add(*subject, source, minute, std::move(summary));
    }
  }
  return {};
}

Result<int64_t> Compactor::SubjectId(int64_t stream, const std::string& name) {
  if (subject_ids_.size() > kSubjectIdsMax) subject_ids_.clear();
  int64_t& id = subject_ids_[{stream, name}];
  if (id != 0) return id;
  const Result<int64_t> found =
      reader_->Number("SELECT id FROM subject WHERE stream = ? AND name = ?", stream, std::string_view(name));
  if (!found.ok()) return found.error();
  if (*found == 0) {
    return Error{ErrorCode::kInternal,
                 "folding a batch: its bytes name a subject that it was not appended with"};
  }
  return id = *found;
}

Result<bool> Compactor::FoldParts(Minute now) {
  Fold fold(retention_, now);
  Result<Transaction> snapshot = Transaction::Begin(*reader_, Transaction::Kind::kRead);
  if (!snapshot.ok()) return snapshot.error();
  const Result<Taken> taken = TakeParts(Fold::OverBefore(now), fold);
  if (!taken.ok()) return taken.error();
  if (taken->ids.empty() && taken->damaged.empty()) return false;
  const Result<Folded> folded = fold.Finish(*reader_, codec_);
  if (!folded.ok()) return folded.error();
  FM_RETURN_IF_ERROR(snapshot->Commit());
  FM_RETURN_IF_ERROR(Write(*folded, "part", *taken));
  return taken->more;
}

// A subject's parts together: its chunks are then written once.
Result<Compactor::Taken> Compactor::TakeParts(Minute before, Fold& fold) {
  Taken taken;
  const Result<std::vector<int64_t>> subjects = SubjectsOfOldestParts(before);
  if (!subjects.ok()) return subjects.error();
  for (const int64_t subject : *subjects) {
    taken.more = static_cast<int64_t>(taken.ids.size()) >= limits_.parts_max;
    if (taken.more) return taken;
    FM_RETURN_IF_ERROR(TakePartsOf(subject, before, fold, taken));
  }
  // Of as many rows others may have been cut off.
  taken.more = static_cast<int64_t>(taken.ids.size() + taken.damaged.size()) >= limits_.parts_max;
  return taken;
}

Result<std::vector<int64_t>> Compactor::SubjectsOfOldestParts(Minute before) {
  std::vector<int64_t> subjects;
  Statement rows = reader_->Use("SELECT subject FROM part WHERE minute < ? ORDER BY minute LIMIT ?", before,
                                limits_.parts_max);
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok()) return row.error();
    if (!*row) break;
    subjects.push_back(rows.Int(0));
  }
  std::sort(subjects.begin(), subjects.end());
  subjects.erase(std::unique(subjects.begin(), subjects.end()), subjects.end());
  return subjects;
}

Status Compactor::TakePartsOf(int64_t subject, Minute before, Fold& fold, Taken& taken) {
  Statement rows = reader_->Use(
      "SELECT id, source, minute, family, bytes, checksum FROM part WHERE subject = ? AND minute < ?",
      subject, before);
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok()) return row.error();
    if (!*row) return {};
    const PartKey key{subject, rows.Int(2), static_cast<bucket::Source>(rows.Int(1)),
                      static_cast<profile::Family>(rows.Int(3))};
    bucket::SubjectSummary summary;
    if (const Status read = DecodePart(key, rows, 4, 5, summary); !read.ok()) {
      taken.damaged.push_back({"part", rows.Int(0), read.error().message});
      continue;
    }
    taken.ids.push_back(rows.Int(0));
    fold.Add(subject, key.source, key.minute, std::move(summary));
  }
}

// Deletes before it inserts: a file at its limit has room for what takes the place of something larger.
Status Compactor::Write(const Folded& folded, const std::string& table, const Taken& taken) {
  return WithWriter([&] { return WriteRows(folded, table, taken); });
}

Status Compactor::WithWriter(const std::function<Status()>& work) {
  std::packaged_task<Status()> task([&] {
    const std::lock_guard lock(writer_mutex_);
    return work();
  });
  std::future<Status> done = task.get_future();
  boost::asio::post(*hurried_, std::move(task));
  return done.get();
}

Status Compactor::WriteRows(const Folded& folded, const std::string& table, const Taken& taken) {
  Result<Transaction> transaction = Transaction::Begin(writer_, Transaction::Kind::kWrite);
  if (!transaction.ok()) return transaction.error();
  for (const DamagedRow& row : taken.damaged) FM_RETURN_IF_ERROR(SetAside(row));
  for (const DamagedRow& row : folded.damaged) FM_RETURN_IF_ERROR(SetAside(row));
  for (const int64_t id : taken.ids) {
    FM_RETURN_IF_ERROR(writer_.Run(table == "part" ? kDeleteFromParts : kDeleteFromLog, id));
  }
  for (const PartRow& row : folded.parts) {
    const int64_t checksum = PartChecksum({row.subject, row.minute, row.source, row.family}, row.bytes);
    FM_RETURN_IF_ERROR(writer_.Run(
        "INSERT INTO part(subject, minute, source, family, bytes, checksum) VALUES(?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET bytes = excluded.bytes, checksum = excluded.checksum",
        row.subject, row.minute, static_cast<int64_t>(row.source), static_cast<int64_t>(row.family),
        Blob{row.bytes}, checksum));
  }
  for (const ChunkRow& row : folded.chunks) {
    FM_RETURN_IF_ERROR(writer_.Run(
        "INSERT INTO chunk(subject, step, start_minute, source, family, bytes) VALUES(?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET bytes = excluded.bytes",
        row.subject, static_cast<int64_t>(row.step), row.start, static_cast<int64_t>(row.source),
        static_cast<int64_t>(row.family), Blob{row.bytes}));
  }
  FM_RETURN_IF_ERROR(transaction->Commit());
  const size_t aside = taken.damaged.size() + folded.damaged.size();
  set_aside_ += aside;
  rows_set_aside_ += static_cast<int64_t>(aside);
  return {};
}

Status Compactor::SetAside(const DamagedRow& row) {
  const std::string_view reason = row.reason;
  if (row.table == "batch_log") {
    FM_RETURN_IF_ERROR(
        writer_.Run("INSERT INTO aside(origin, row, reason, bytes)"
                    " SELECT 'batch_log', 'stream ' || stream || ' source ' || source || ' received ' ||"
                    "  received_unix_ms, ?2, bytes FROM batch_log WHERE id = ?1",
                    row.id, reason));
    return writer_.Run(kDeleteFromLog, row.id);
  }
  if (row.table == "part") {
    FM_RETURN_IF_ERROR(
        writer_.Run("INSERT INTO aside(origin, row, reason, bytes)"
                    " SELECT 'part', 'subject ' || subject || ' source ' || source || ' family ' || family ||"
                    "  ' minute ' || minute, ?2, bytes FROM part WHERE id = ?1",
                    row.id, reason));
    return writer_.Run(kDeleteFromParts, row.id);
  }
  FM_RETURN_IF_ERROR(
      writer_.Run("INSERT INTO aside(origin, row, reason, bytes)"
                  " SELECT 'chunk', 'subject ' || subject || ' source ' || source || ' family ' || family ||"
                  "  ' step ' || step || ' start ' || start_minute, ?2, bytes FROM chunk WHERE id = ?1",
                  row.id, reason));
  return writer_.Run("DELETE FROM chunk WHERE id = ?", row.id);
}

Result<Minute> Compactor::NewestTrusted(UnixMs now) {
  const Result<int64_t> newest = writer_.Number("SELECT max(last_minute) FROM stream");
  if (!newest.ok()) return newest.error();
  return std::min(MinuteOf(now), *newest);
}

Result<bool> Compactor::DropOld(UnixMs now) {
  const Minute hour = FloorTo(MinuteOf(now), Retention::kHour);
  if (hour == dropped_at_) return false;
  const Result<bool> more_chunks = DropOldChunks(now);
  if (!more_chunks.ok() || *more_chunks) return more_chunks;
  // Once chunks are gone: they may leave subjects unused, and those their streams.
  const Result<std::vector<int64_t>> unused = UnusedSubjects();
  if (!unused.ok()) return unused.error();
  const std::lock_guard lock(writer_mutex_);
  Result<Transaction> transaction = Transaction::Begin(writer_, Transaction::Kind::kWrite);
  if (!transaction.ok()) return transaction.error();
  const Result<Minute> newest = NewestTrusted(now);
  if (!newest.ok()) return newest.error();
  const Minute longest = retention_.Kept(profile::Family::kCounts, Step::kDay);
  const UnixMs forgotten_before = (*newest - longest) * kMsPerMinute;
  FM_RETURN_IF_ERROR(writer_.Run("DELETE FROM instance WHERE last_received_unix_ms < ?", forgotten_before));
  FM_RETURN_IF_ERROR(DropUnused(*unused, forgotten_before));
  FM_RETURN_IF_ERROR(DropMomentsBefore(writer_, (*newest - kMomentsKept) * kMsPerMinute));
  FM_RETURN_IF_ERROR(transaction->Commit());
  if (unused->empty()) {
    dropped_at_ = hour;
    return false;
  }
  // Within the lock: an append that still knew them would bring batches whose subjects have no row.
  appender_.Forget();
  subject_ids_.clear();
  return true;
}

Result<bool> Compactor::DropOldChunks(UnixMs now) {
  const std::lock_guard lock(writer_mutex_);
  Result<Transaction> transaction = Transaction::Begin(writer_, Transaction::Kind::kWrite);
  if (!transaction.ok()) return transaction.error();
  const Result<Minute> newest = NewestTrusted(now);
  if (!newest.ok()) return newest.error();
  int64_t left = limits_.deleted_max;
  for (const Step step : kAllSteps) {
    for (const profile::Family family : kAllFamilies) {
      const Minute last = *newest - retention_.Kept(family, step) - ChunkMinutesOf(step);
      FM_RETURN_IF_ERROR(
          writer_.Run("DELETE FROM chunk WHERE id IN"
                      " (SELECT id FROM chunk WHERE step = ? AND family = ? AND start_minute <= ? LIMIT ?)",
                      static_cast<int64_t>(step), static_cast<int64_t>(family), last, left));
      left -= writer_.changes();
    }
  }
  FM_RETURN_IF_ERROR(transaction->Commit());
  return left < limits_.deleted_max;
}

Result<bool> Compactor::MakeRoom(UnixMs now) {
  const int64_t before = forgotten_early_;
  FM_RETURN_IF_ERROR(WithWriter([&] { return ForgetOldest(now); }));
  return forgotten_early_ > before;
}

Status Compactor::ForgetOldest(UnixMs now) {
  const Result<bool> near_limit = NearLimit();
  if (!near_limit.ok()) return near_limit.error();
  if (!*near_limit) return {};
  Result<Transaction> transaction = Transaction::Begin(writer_, Transaction::Kind::kWrite);
  if (!transaction.ok()) return transaction.error();
  const Result<Minute> newest = NewestTrusted(now);
  if (!newest.ok()) return newest.error();
  const Result<std::optional<Oldest>> oldest = FindOldest(*newest);
  if (!oldest.ok()) return oldest.error();
  if (!*oldest) return {};
  FM_RETURN_IF_ERROR(
      writer_.Run("DELETE FROM chunk WHERE id IN"
                  " (SELECT id FROM chunk WHERE step = ? AND family = ? AND start_minute = ? LIMIT ?)",
                  static_cast<int64_t>((*oldest)->step), static_cast<int64_t>((*oldest)->family),
                  (*oldest)->start, limits_.deleted_max));
  const int64_t deleted = writer_.changes();
  FM_RETURN_IF_ERROR(transaction->Commit());
  forgotten_early_ += deleted;
  forgotten_early_unix_ms_ = now;
  return {};
}

Result<bool> Compactor::NearLimit() {
  const Result<int64_t> most = writer_.Number("PRAGMA max_page_count");
  if (!most.ok()) return most.error();
  const Result<int64_t> pages = writer_.Number("PRAGMA page_count");
  if (!pages.ok()) return pages.error();
  const Result<int64_t> free = writer_.Number("PRAGMA freelist_count");
  if (!free.ok()) return free.error();
  return *pages - *free > *most - *most / kRoomShare;
}

Result<std::optional<Compactor::Oldest>> Compactor::FindOldest(Minute newest) {
  std::optional<Oldest> oldest;
  double greatest_age = 0;
  for (const Step step : kAllSteps) {
    for (const profile::Family family : kAllFamilies) {
      Statement row = writer_.Use("SELECT min(start_minute) FROM chunk WHERE step = ? AND family = ?",
                                  static_cast<int64_t>(step), static_cast<int64_t>(family));
      const Result<bool> found = row.Next();
      if (!found.ok()) return found.error();
      if (!*found || row.IsNull(0)) continue;
      const double age = retention_.Age(family, step, row.Int(0), newest);
      if (age < greatest_age || age <= 0) continue;
      greatest_age = age;
      oldest = {step, family, row.Int(0)};
    }
  }
  return oldest;
}

// Free pages are used again, so few are no loss; beyond that they go back to the disk.
Result<bool> Compactor::ShrinkFile() {
  const std::lock_guard lock(writer_mutex_);
  const Result<int64_t> pages = writer_.Number("PRAGMA page_count");
  if (!pages.ok()) return pages.error();
  const Result<int64_t> before = writer_.Number("PRAGMA freelist_count");
  if (!before.ok()) return before.error();
  const int64_t kept = std::max(limits_.free_pages_kept, *pages / 4);
  if (*before <= kept) return false;
  FM_RETURN_IF_ERROR(writer_.Run("PRAGMA incremental_vacuum(1000)"));
  const Result<int64_t> after = writer_.Number("PRAGMA freelist_count");
  if (!after.ok()) return after.error();
  return *after > kept && *after < *before;
}

// Looks through all subjects beside the writer; whether they are still unused is asked again within its lock.
Result<std::vector<int64_t>> Compactor::UnusedSubjects() {
  std::vector<int64_t> ids;
  Statement rows = reader_->Use(kUnusedSubjects, limits_.deleted_max);
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok()) return row.error();
    if (!*row) return ids;
    ids.push_back(rows.Int(0));
  }
}

// A hash key goes with the last stream of its service; one that was handed out and never used has no stream
// to go with, and stays.
Status Compactor::DropUnused(const std::vector<int64_t>& subjects, UnixMs forgotten_before) {
  for (const int64_t id : subjects) FM_RETURN_IF_ERROR(writer_.Run(kDeleteUnusedSubject, id));
  std::set<std::pair<std::string, std::string>> services;
  {
    Statement streams = writer_.Use(kDeleteUnusedStreams, forgotten_before);
    while (true) {
      const Result<bool> row = streams.Next();
      if (!row.ok()) return row.error();
      if (!*row) break;
      services.emplace(streams.Bytes(0), streams.Bytes(1));
    }
  }
  for (const auto& [environment, service] : services) {
    FM_RETURN_IF_ERROR(
        writer_.Run(kDeleteUnusedKey, std::string_view(environment), std::string_view(service)));
  }
  return {};
}

}  // namespace fieldmark::store
