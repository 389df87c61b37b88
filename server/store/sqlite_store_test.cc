// What the file on the disk promises beyond what every store does: it survives its process, tells what is
// wrong with a folder, forgets what is too old and nothing else.
#include "server/store/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "server/store/sample_batches.h"
#include "server/store/schema.h"
#include "server/store/steps.h"
#include "server/store/temporary_folder.h"

namespace fieldmark::store {
namespace {

namespace fs = std::filesystem;
using bucket::Batch;
using bucket::Stream;
using profile::Family;
using testing::HasSubstr;

const Stream kOrders{"production", "orders", "9f2c1ab"};
constexpr Minute kDay = 1440;
constexpr Minute kNoon = 29'500'560;

std::unique_ptr<SqliteStore> MustOpen(const std::string& folder, const SqliteSettings& settings = {}) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(folder, settings);
  EXPECT_TRUE(store.ok()) << store.error().message;
  return std::move(*store);
}

Error MustNotOpen(const std::string& folder) {
  const Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(folder);
  EXPECT_FALSE(store.ok());
  return store.ok() ? Error{} : store.error();
}

Result<Append> AppendTo(Store& store, const Batch& batch) {
  return store.AppendBatch(batch, bucket::EncodeBatch(batch), kNoon * kMsPerMinute);
}

void MustAppend(Store& store, const Batch& batch) {
  const Result<Append> appended = AppendTo(store, batch);
  ASSERT_TRUE(appended.ok()) << appended.error().message;
  ASSERT_EQ(*appended, Append::kApplied);
}

void CompactAll(Store& store, Minute now) {
  while (true) {
    const Result<bool> more = store.Compact(now * kMsPerMinute);
    ASSERT_TRUE(more.ok()) << more.error().message;
    if (!*more) return;
  }
}

std::map<Minute, uint64_t> DocumentsByStep(Store& store, Step step, Minute from, Minute to) {
  Query query;
  query.streams = {kOrders};
  query.step = step;
  query.from = StartOf(from, step);
  query.to = StartOf(to + MinutesOf(step) - 1, step);
  const Result<std::vector<Slice>> slices = store.Read(query);
  EXPECT_TRUE(slices.ok()) << slices.error().message;
  std::map<Minute, uint64_t> documents;
  for (const Slice& slice : *slices) documents[slice.start] += slice.summary.body->documents;
  return documents;
}

uint64_t Documents(Store& store, Step step = Step::kDay) {
  uint64_t sum = 0;
  for (const auto& [start, documents] :
       DocumentsByStep(store, step, kNoon - 500 * kDay, kNoon + 500 * kDay)) {
    sum += documents;
  }
  return sum;
}

std::string FileIn(const TemporaryFolder& folder) { return folder.path() + "/" + SqliteStore::kFileName; }

std::string BytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteBytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void Execute(const std::string& path, const char* sql) {
  Result<std::unique_ptr<Connection>> connection = Connection::Open(path, Connection::Mode::kReadWrite);
  ASSERT_TRUE(connection.ok());
  const Status ran = (*connection)->RunScript(sql);
  ASSERT_TRUE(ran.ok()) << ran.error().message;
}

int64_t NumberFrom(const std::string& path, std::string_view sql) {
  Result<std::unique_ptr<Connection>> connection = Connection::Open(path, Connection::Mode::kReadOnly);
  EXPECT_TRUE(connection.ok());
  const Result<int64_t> number = (*connection)->Number(sql);
  EXPECT_TRUE(number.ok()) << number.error().message;
  return *number;
}

// A folder with a thousand documents, some in chunks, some in parts, some in the log.
void Fill(const std::string& folder) {
  std::unique_ptr<SqliteStore> store = MustOpen(folder);
  for (uint64_t sequence = 1; sequence <= 100; ++sequence) {
    MustAppend(*store,
               SampleBatches::Counted(kOrders, 1, sequence, kNoon + static_cast<Minute>(sequence), 10));
    if (sequence == 90) CompactAll(*store, kNoon + 91);
  }
}

TEST(SqliteStoreTest, KeepsEverythingOverARestart) {
  TemporaryFolder folder;
  Fill(folder.path());
  HashKey key;
  {
    std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
    EXPECT_EQ(Documents(*store), 1000u);
    EXPECT_GT(store->condition().log_bytes, 0);
    key = *store->KeyOf("production", "orders");
  }
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  EXPECT_EQ(*store->KeyOf("production", "orders"), key);
  EXPECT_EQ(*AppendTo(*store, SampleBatches::Counted(kOrders, 1, 100, kNoon, 1)), Append::kDuplicate);
  CompactAll(*store, kNoon + 1000);
  EXPECT_EQ(store->condition().log_bytes, 0);
  EXPECT_EQ(Documents(*store), 1000u);
}

TEST(SqliteStoreTest, MakesFolderAndFilesForThisUserAlone) {
  TemporaryFolder folder;
  const std::string inner = folder.path() + "/a/b";
  const std::unique_ptr<SqliteStore> store = MustOpen(inner);
  EXPECT_EQ(fs::status(inner).permissions(), fs::perms::owner_all);
  for (const fs::directory_entry& file : fs::directory_iterator(inner)) {
    EXPECT_EQ(file.status().permissions(), fs::perms::owner_read | fs::perms::owner_write) << file.path();
  }
}

TEST(SqliteStoreTest, ASecondServerOnTheFolderIsRefused) {
  TemporaryFolder folder;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  const Error error = MustNotOpen(folder.path());
  EXPECT_EQ(error.code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr(folder.path()));
  EXPECT_THAT(error.message, HasSubstr("process " + std::to_string(::getpid())));
  store.reset();
  MustOpen(folder.path());
}

TEST(SqliteStoreTest, AFolderThatCannotBeMadeIsRefused) {
  TemporaryFolder folder;
  WriteBytes(folder.path() + "/file", "not a folder");
  const Error error = MustNotOpen(folder.path() + "/file/data");
  EXPECT_EQ(error.code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(error.message, HasSubstr("/file/data"));
}

TEST(SqliteStoreTest, AFolderThatCannotBeWrittenIsRefused) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  TemporaryFolder folder;
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const Error error = MustNotOpen(folder.path());
  fs::permissions(folder.path(), fs::perms::owner_all);
  EXPECT_EQ(error.code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(error.message, HasSubstr(folder.path()));
}

struct Damage {
  const char* name;
  std::string (*apply)(std::string);
};
const Damage kDamages[] = {
    {"another file", [](std::string) { return std::string(10'000, 'x'); }},
    {"cut in half", [](std::string bytes) { return bytes.substr(0, bytes.size() / 2 / 4096 * 4096); }},
    {"overwritten pages",
     [](std::string bytes) {
       std::fill(bytes.begin() + 2 * 4096, bytes.end(), '\xA5');
       return bytes;
     }},
    {"overwritten header", [](std::string bytes) { return bytes.replace(0, 100, 100, '\0'); }},
};

TEST(SqliteStoreTest, ADamagedFileIsRefusedByNameAndLeftAsItIs) {
  for (const Damage& damage : kDamages) {
    SCOPED_TRACE(damage.name);
    TemporaryFolder folder;
    Fill(folder.path());
    const std::string bytes = damage.apply(BytesOf(FileIn(folder)));
    WriteBytes(FileIn(folder), bytes);
    const Error error = MustNotOpen(folder.path());
    EXPECT_EQ(error.code, ErrorCode::kDataLoss);
    EXPECT_THAT(error.message, HasSubstr(FileIn(folder)));
    EXPECT_THAT(error.message, HasSubstr("backup"));
    EXPECT_TRUE(BytesOf(FileIn(folder)) == bytes);
  }
}

TEST(SqliteStoreTest, ALogWithoutItsDatabaseIsNotThrownAway) {
  TemporaryFolder folder;
  TemporaryFolder other;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  MustAppend(*store, SampleBatches::Counted(kOrders, 1, 1, kNoon, 1));
  const std::string log = BytesOf(FileIn(folder) + "-wal");
  ASSERT_FALSE(log.empty());
  for (const bool empty_database : {false, true}) {
    if (empty_database) WriteBytes(FileIn(other), "");
    WriteBytes(FileIn(other) + "-wal", log);
    const Error error = MustNotOpen(other.path());
    EXPECT_EQ(error.code, ErrorCode::kDataLoss);
    EXPECT_THAT(error.message, HasSubstr(FileIn(other)));
    EXPECT_TRUE(BytesOf(FileIn(other) + "-wal") == log);
  }
}

TEST(SqliteStoreTest, AFileOfANewerReleaseIsRefused) {
  TemporaryFolder folder;
  Fill(folder.path());
  Execute(FileIn(folder), "PRAGMA user_version = 999");
  const Error error = MustNotOpen(folder.path());
  EXPECT_EQ(error.code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr("newer release"));
  EXPECT_THAT(error.message, HasSubstr("999"));
  Execute(FileIn(folder), ("PRAGMA user_version = " + std::to_string(kSchemaVersion)).c_str());
  EXPECT_EQ(Documents(*MustOpen(folder.path())), 1000u);
}

TEST(SqliteStoreTest, ADatabaseOfAnotherProgramIsRefused) {
  TemporaryFolder folder;
  WriteBytes(FileIn(folder), "");
  Execute(FileIn(folder), "CREATE TABLE theirs(x)");
  const Error error = MustNotOpen(folder.path());
  EXPECT_EQ(error.code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr("another program"));
}

TEST(SqliteStoreTest, ADamagedRowIsSetAsideAndTheRestGoesOn) {
  TemporaryFolder folder;
  Fill(folder.path());
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  Execute(FileIn(folder), "UPDATE batch_log SET bytes = x'00' WHERE id = (SELECT max(id) FROM batch_log)");
  Execute(FileIn(folder), "UPDATE part SET bytes = x'FF' WHERE id = (SELECT min(id) FROM part)");
  const Result<bool> folded = store->Compact((kNoon + 1000) * kMsPerMinute);
  ASSERT_FALSE(folded.ok());
  EXPECT_EQ(folded.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(folded.error().message, HasSubstr("2 damaged rows"));
  CompactAll(*store, kNoon + 1000);
  EXPECT_EQ(Documents(*store), 980u);

  Execute(FileIn(folder), "UPDATE chunk SET bytes = zeroblob(20) WHERE step = 0 AND start_minute = 29500560");
  MustAppend(*store, SampleBatches::Counted(kOrders, 1, 101, kNoon, 5));
  EXPECT_FALSE(store->Compact((kNoon + 1001) * kMsPerMinute).ok());
  CompactAll(*store, kNoon + 1001);
  EXPECT_EQ(Documents(*store), 985u) << "the other steps are whole";
  EXPECT_EQ(NumberFrom(FileIn(folder), "SELECT count(*) FROM aside"), 3);
}

// Into the row of the oldest part of counts, that of ten documents at kNoon + 60.
void WriteIntoPart(const std::string& path, const std::string& bytes) {
  const auto connection = *Connection::Open(path, Connection::Mode::kReadWrite);
  ASSERT_TRUE(connection
                  ->Run("UPDATE part SET bytes = ? WHERE id = (SELECT min(id) FROM part WHERE family = 0)",
                        Blob{bytes})
                  .ok());
}

TEST(SqliteStoreTest, AFlippedByteInAPartIsNeverCounted) {
  TemporaryFolder folder;
  Fill(folder.path());
  const std::string path = FileIn(folder);
  std::string bytes;
  {
    const auto connection = *Connection::Open(path, Connection::Mode::kReadOnly);
    Statement row = connection->Use("SELECT bytes FROM part WHERE family = 0 ORDER BY id LIMIT 1");
    ASSERT_TRUE(*row.Next());
    bytes = row.Bytes(0);
  }
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  for (size_t at = 0; at < bytes.size(); ++at) {
    SCOPED_TRACE(at);
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    WriteIntoPart(path, flipped);
    EXPECT_EQ(Documents(*store), 990u);
  }
  // Batches for the very minute are merged with what is there, but for that.
  MustAppend(*store, SampleBatches::Counted(kOrders, 1, 101, kNoon + 60, 7));
  EXPECT_FALSE(store->Compact((kNoon + 92) * kMsPerMinute).ok());
  CompactAll(*store, kNoon + 92);
  EXPECT_EQ(Documents(*store), 997u);
  EXPECT_EQ(store->condition().damaged_rows, 1);
  EXPECT_EQ(NumberFrom(path,
                       "SELECT count(*) FROM aside WHERE origin = 'part' AND row LIKE '%minute 29500620'"
                       " AND reason LIKE '%not those that were written'"),
            1);

  // A row that stands in another's place, too.
  Execute(path,
          "UPDATE part SET minute = minute - 80 WHERE id = (SELECT max(id) FROM part WHERE family = 0)");
  EXPECT_LT(Documents(*store), 997u);
  EXPECT_FALSE(store->Compact((kNoon + 1000) * kMsPerMinute).ok());
  EXPECT_EQ(store->condition().damaged_rows, 2);
}

TEST(SqliteStoreTest, ReadsLeaveOutDamagedRowsAndCountThem) {
  TemporaryFolder folder;
  Fill(folder.path());
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  EXPECT_EQ(store->condition().damaged_rows, 0);
  const std::string path = FileIn(folder);
  Execute(path,
          "UPDATE chunk SET bytes = zeroblob(20) WHERE step = 0 AND start_minute = 29500560 AND family = 0");
  EXPECT_EQ(Documents(*store, Step::kMinute), 410u) << "an hour's chunk has 59 minutes of ten documents";
  EXPECT_EQ(Documents(*store, Step::kMinute), 410u);
  EXPECT_EQ(store->condition().damaged_rows, 1);
  Execute(path, "UPDATE batch_log SET bytes = x'00' WHERE id = (SELECT max(id) FROM batch_log)");
  Execute(path, "UPDATE part SET bytes = x'FF' WHERE id = (SELECT min(id) FROM part)");
  EXPECT_EQ(Documents(*store, Step::kMinute), 390u);
  EXPECT_FALSE(store->Compact((kNoon + 1000) * kMsPerMinute).ok());
  CompactAll(*store, kNoon + 1000);
  EXPECT_EQ(Documents(*store, Step::kMinute), 390u);
  EXPECT_EQ(store->condition().damaged_rows, 3);
  store.reset();
  store = MustOpen(folder.path());
  EXPECT_EQ(Documents(*store, Step::kMinute), 390u);
  EXPECT_EQ(store->condition().damaged_rows, 3);
}

TEST(SqliteStoreTest, ForgetsStreamsSubjectsAndKeysThatNothingRefersTo) {
  TemporaryFolder folder;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  const Stream gone = {"production", "gone", "v1"};
  const Minute long_after = kNoon + 440 * kDay;
  ASSERT_TRUE(store->KeyOf("production", "gone").ok());
  ASSERT_TRUE(store->KeyOf("production", "orders").ok());
  ASSERT_TRUE(store->KeyOf("production", "never sent").ok());
  const auto append = [&](const Stream& stream, uint64_t sequence, Minute minute) {
    const Batch batch = SampleBatches::Counted(stream, stream == gone ? 1 : 2, sequence, minute, 1);
    ASSERT_TRUE(store->AppendBatch(batch, bucket::EncodeBatch(batch), minute * kMsPerMinute).ok());
  };
  append(gone, 1, kNoon);
  append(kOrders, 1, kNoon);
  CompactAll(*store, kNoon + 1);
  append(kOrders, 2, long_after);
  CompactAll(*store, long_after + 40 * kDay);
  EXPECT_EQ(store->Streams()->size(), 1u);
  EXPECT_EQ(NumberFrom(FileIn(folder), "SELECT count(*) FROM subject"), 1);
  EXPECT_EQ(NumberFrom(FileIn(folder), "SELECT count(*) FROM hash_key"), 2);
  EXPECT_EQ(NumberFrom(FileIn(folder), "SELECT count(*) FROM hash_key WHERE service = 'gone'"), 0);

  // What the appender knew of them is forgotten too: its subjects get rows again.
  append(gone, 1, long_after + 40 * kDay);
  CompactAll(*store, long_after + 41 * kDay);
  Query query;
  query.streams = {gone};
  query.to = 2 * long_after;
  EXPECT_EQ(store->Read(query)->size(), 1u);
}

TEST(SqliteStoreTest, KnowsSinceWhenItsOldestBatchWaits) {
  TemporaryFolder folder;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  EXPECT_EQ(store->condition().oldest_received_unix_ms, 0);
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    const Batch batch = SampleBatches::Counted(kOrders, 1, sequence, kNoon, 1);
    ASSERT_TRUE(
        store->AppendBatch(batch, bucket::EncodeBatch(batch), 1000 + static_cast<UnixMs>(sequence)).ok());
    EXPECT_EQ(store->condition().oldest_received_unix_ms, 1001);
  }
  store.reset();
  store = MustOpen(folder.path());
  EXPECT_EQ(store->condition().oldest_received_unix_ms, 1001);
  CompactAll(*store, kNoon + 1);
  EXPECT_EQ(store->condition().oldest_received_unix_ms, 0);
}

TEST(SqliteStoreTest, BatchesWaitToBeFoldedUntilThatIsWorthIt) {
  TemporaryFolder folder;
  SqliteSettings settings;
  settings.round.worth_folding = 3;
  settings.round.patience_ms = 60'000;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path(), settings);
  Stream lonely = kOrders;
  lonely.version = "lonely";
  constexpr UnixMs kReceived = kNoon * kMsPerMinute;
  MustAppend(*store, SampleBatches::Counted(lonely, 2, 1, kNoon, 1));
  const int64_t of_the_lonely = store->condition().log_bytes;
  for (uint64_t sequence = 1; sequence <= 2; ++sequence) {
    MustAppend(*store, SampleBatches::Counted(kOrders, 1, sequence, kNoon, 1));
    ASSERT_TRUE(store->Compact(kReceived + 1000).ok());
    EXPECT_GT(store->condition().log_bytes, of_the_lonely);
  }
  MustAppend(*store, SampleBatches::Counted(kOrders, 1, 3, kNoon, 1));
  ASSERT_TRUE(store->Compact(kReceived + 1000).ok());
  EXPECT_EQ(store->condition().log_bytes, of_the_lonely);
  ASSERT_TRUE(store->Compact(kReceived + 59'999).ok());
  EXPECT_EQ(store->condition().log_bytes, of_the_lonely);
  ASSERT_TRUE(store->Compact(kReceived + 60'000).ok());
  EXPECT_EQ(store->condition().log_bytes, 0);
}

// Twenty days of a document a minute, every twentieth minute, and hashed values beside them.
void FillTwentyDays(Store& store) {
  SampleBatches samples(5);
  const bucket::SubjectSummary hashed = samples.Bodies(8);
  uint64_t sequence = 0;
  for (Minute day = kNoon - 20 * kDay; day < kNoon; day += kDay) {
    Batch batch = SampleBatches::Counted(kOrders, 1, ++sequence, day, 1);
    batch.header.hash_key_id = 1;
    for (Minute minute = day; minute < day + kDay; minute += 20) {
      bucket::SubjectSummary& summary = batch.buckets[minute]["POST /orders request"];
      summary = hashed;
      summary.body->documents = 1;
    }
    MustAppend(store, batch);
  }
}

bool HasHashed(Store& store, Step step, Minute from) {
  Query query;
  query.streams = {kOrders};
  query.families = {Family::kHashed};
  query.step = step;
  query.from = StartOf(from, step);
  query.to = query.from + MinutesOf(step);
  return !store.Read(query)->empty();
}

TEST(SqliteStoreTest, ForgetsFineStepsFirstAndDaysLast) {
  for (const bool compacted_on_the_way : {false, true}) {
    SCOPED_TRACE(compacted_on_the_way);
    TemporaryFolder folder;
    std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
    FillTwentyDays(*store);
    // Folded while all of it was young, or when most was too old for the finer steps already.
    if (compacted_on_the_way) CompactAll(*store, kNoon - 20 * kDay);
    CompactAll(*store, kNoon + 70);
    CompactAll(*store, kNoon + 70);

    const auto earliest = [&](Step step) {
      return DocumentsByStep(*store, step, kNoon - 30 * kDay, kNoon).begin()->first;
    };
    EXPECT_NEAR(static_cast<double>(earliest(Step::kMinute)), kNoon - 2 * kDay, 130);
    EXPECT_NEAR(static_cast<double>(earliest(Step::kFiveMinutes)), kNoon - 15 * kDay, 430);
    EXPECT_EQ(earliest(Step::kHour), kNoon - 20 * kDay);
    EXPECT_EQ(Documents(*store, Step::kDay), 20u * 72);
    EXPECT_EQ(Documents(*store, Step::kHour), 20u * 72);

    EXPECT_TRUE(HasHashed(*store, Step::kMinute, kNoon - 20));
    EXPECT_FALSE(HasHashed(*store, Step::kMinute, kNoon - 240));
    EXPECT_TRUE(HasHashed(*store, Step::kHour, kNoon - 240));
    EXPECT_TRUE(HasHashed(*store, Step::kHour, kNoon - 19 * kDay));
    EXPECT_TRUE(HasHashed(*store, Step::kDay, kNoon - 19 * kDay));
  }
}

TEST(SqliteStoreTest, ForgetsDaysWhenTheDataItselfHasMovedOn) {
  TemporaryFolder folder;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  MustAppend(*store, SampleBatches::Counted(kOrders, 1, 1, kNoon - 480 * kDay, 3));
  MustAppend(*store, SampleBatches::Counted(kOrders, 1, 2, kNoon, 4));
  CompactAll(*store, kNoon + 70);
  EXPECT_EQ(Documents(*store), 4u);
}

TEST(SqliteStoreTest, ForgetsMomentsWhenTheyAreTooOldToBeAskedAgain) {
  TemporaryFolder folder;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  MustAppend(*store, SampleBatches::Counted(kOrders, 1, 1, kNoon, 4));
  for (const Minute days : {14, 16}) {
    const UnixMs at = (kNoon - days * kDay) * kMsPerMinute;
    ASSERT_TRUE(store->SaveMoment({"production", "orders", at, 3600, 180, 1}).ok());
  }
  CompactAll(*store, kNoon + 70);
  EXPECT_EQ(store->Moments("production", "orders")->size(), 1u);
}

TEST(SqliteStoreTest, AClockThatRunsAheadDeletesNothing) {
  TemporaryFolder folder;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  FillTwentyDays(*store);
  CompactAll(*store, kNoon + 70);
  const uint64_t fives = Documents(*store, Step::kFiveMinutes);
  MustAppend(*store, SampleBatches::Counted(kOrders, 1, 100, kNoon - 1, 1));
  CompactAll(*store, kNoon + 3650 * kDay);
  EXPECT_EQ(Documents(*store, Step::kFiveMinutes), fives);
  EXPECT_EQ(Documents(*store, Step::kDay), 20u * 72 + 1);
}

TEST(SqliteStoreTest, AClockThatIsSetBackKeepsNothingWaiting) {
  TemporaryFolder folder;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  MustAppend(*store, SampleBatches::Counted(kOrders, 1, 1, kNoon - 1, 7));
  // It came an hour from now, as it seems: nobody waits for that.
  CompactAll(*store, kNoon - 60);
  EXPECT_EQ(store->condition().log_bytes, 0);
  EXPECT_EQ(store->condition().oldest_received_unix_ms, 0);
  MustAppend(*store, SampleBatches::Counted(kOrders, 1, 2, kNoon - 61, 4));
  CompactAll(*store, kNoon + 70);
  for (const Step step : kAllSteps) EXPECT_EQ(Documents(*store, step), 11u);
}

TEST(SqliteStoreTest, ALogThatIsNotFoldedStopsGrowing) {
  TemporaryFolder folder;
  SqliteSettings settings;
  settings.log_bytes_max = 2000;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path(), settings);
  uint64_t sequence = 0;
  Result<Append> appended = Append::kApplied;
  while (appended.ok() && sequence < 100) {
    appended = AppendTo(*store, SampleBatches::Counted(kOrders, 1, ++sequence, kNoon, 1));
  }
  ASSERT_FALSE(appended.ok());
  EXPECT_EQ(appended.error().code, ErrorCode::kUnavailable);
  CompactAll(*store, kNoon + 1);
  EXPECT_EQ(*AppendTo(*store, SampleBatches::Counted(kOrders, 1, sequence, kNoon, 1)), Append::kApplied);
  EXPECT_EQ(Documents(*store), sequence);
}

TEST(SqliteStoreTest, ABatchWithoutMinutesTakesNoRoomInTheLog) {
  TemporaryFolder folder;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  Batch batch = SampleBatches::Counted(kOrders, 1, 1, kNoon, 1);
  batch.buckets.clear();
  EXPECT_EQ(*AppendTo(*store, batch), Append::kApplied);
  EXPECT_EQ(store->condition().log_bytes, 0);
}

TEST(SqliteStoreTest, OneThatCannotBeKeptDoesNotTakeOthersWithIt) {
  TemporaryFolder folder;
  SqliteSettings settings;
  settings.database_bytes_max = 2 << 20;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path(), settings);
  std::vector<std::thread> threads;
  for (uint8_t instance = 0; instance < 4; ++instance) {
    threads.emplace_back([&, instance] {
      const std::string too_large(4 << 20, 'x');
      for (uint64_t sequence = 1; sequence <= 20; ++sequence) {
        const Batch batch = SampleBatches::Counted(kOrders, instance, sequence, kNoon, 1);
        if (instance == 0) {
          EXPECT_FALSE(store->AppendBatch(batch, too_large, 1).ok());
        } else {
          EXPECT_TRUE(AppendTo(*store, batch).ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Documents(*store), 60u);
}

// Appends until there is no room. Returns the sequence that was refused.
uint64_t AppendUntilFull(Store& store, Error& refusal) {
  SampleBatches samples(3);
  for (uint64_t sequence = 1; sequence < 100'000; ++sequence) {
    Batch batch = SampleBatches::Counted(kOrders, 1, sequence, kNoon, 1);
    for (int i = 0; i < 8; ++i) batch.buckets[kNoon]["body " + std::to_string(i)] = samples.Bodies(30);
    for (auto& [name, summary] : batch.buckets[kNoon]) summary.body->documents = name[0] == 'P' ? 1 : 0;
    const Result<Append> appended = AppendTo(store, batch);
    if (appended.ok()) continue;
    refusal = appended.error();
    return sequence;
  }
  ADD_FAILURE() << "it never became full";
  return 0;
}

TEST(SqliteStoreTest, AtItsLimitItRefusesAndAfterwardsGoesOn) {
  TemporaryFolder folder;
  SqliteSettings settings;
  settings.database_bytes_max = 1 << 20;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path(), settings);
  Error refusal;
  const uint64_t refused = AppendUntilFull(*store, refusal);
  EXPECT_EQ(refusal.code, ErrorCode::kUnavailable);
  EXPECT_THAT(refusal.message, HasSubstr(FileIn(folder)));
  EXPECT_EQ(Documents(*store), refused - 1);
  // Folding makes room by itself: the same minutes merge.
  CompactAll(*store, kNoon + 1);
  EXPECT_EQ(Documents(*store), refused - 1);
  EXPECT_EQ(*AppendTo(*store, SampleBatches::Counted(kOrders, 1, refused, kNoon, 1)), Append::kApplied);
  EXPECT_EQ(Documents(*store), refused);
}

class SmallDisk {
 public:
  explicit SmallDisk(const char* size) {
    mounted_ = ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, size) == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  const std::string& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
  bool mounted_;
};

TEST(SqliteStoreTest, OnAFullDiskItRefusesAndAfterwardsGoesOn) {
  SmallDisk disk("size=4m");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a small disk needs more rights: " << std::strerror(errno);
  WriteBytes(disk.path() + "/ballast", std::string(2 << 20, 'b'));
  SqliteSettings settings;
  settings.disk_free_bytes_min = 0;
  std::unique_ptr<SqliteStore> store = MustOpen(disk.path(), settings);
  Error refusal;
  const uint64_t refused = AppendUntilFull(*store, refusal);
  EXPECT_EQ(refusal.code, ErrorCode::kUnavailable) << refusal.message;
  EXPECT_EQ(Documents(*store), refused - 1);
  if (const Result<bool> folded = store->Compact((kNoon + 100) * kMsPerMinute); !folded.ok()) {
    EXPECT_EQ(folded.error().code, ErrorCode::kUnavailable) << folded.error().message;
  }
  EXPECT_EQ(Documents(*store), refused - 1);

  fs::remove(disk.path() + "/ballast");
  EXPECT_EQ(*AppendTo(*store, SampleBatches::Counted(kOrders, 1, refused, kNoon, 1)), Append::kApplied);
  CompactAll(*store, kNoon + 100);
  EXPECT_EQ(Documents(*store), refused);
  store.reset();
  EXPECT_EQ(Documents(*MustOpen(disk.path())), refused);
}

TEST(SqliteStoreTest, AWriteAheadLogThatOthersReadFromStopsGrowing) {
  TemporaryFolder folder;
  SqliteSettings settings;
  settings.write_ahead_pages_max = 50;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path(), settings);
  Error refusal;
  uint64_t refused = 0;
  {
    const auto other = *Connection::Open(FileIn(folder), Connection::Mode::kReadOnly);
    ASSERT_TRUE(other->RunScript("BEGIN; SELECT count(*) FROM stream").ok());
    refused = AppendUntilFull(*store, refusal);
  }
  EXPECT_EQ(refusal.code, ErrorCode::kUnavailable);
  EXPECT_THAT(refusal.message, HasSubstr("others read from it"));
  EXPECT_EQ(*AppendTo(*store, SampleBatches::Counted(kOrders, 1, refused, kNoon, 1)), Append::kApplied);
  EXPECT_EQ(Documents(*store), refused);
}

TEST(SqliteStoreTest, LeavesRoomOnTheDiskForFoldingAndForOthers) {
  SmallDisk disk("size=64m");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a small disk needs more rights: " << std::strerror(errno);
  SqliteSettings settings;
  settings.disk_free_bytes_min = 40 << 20;
  std::unique_ptr<SqliteStore> store = MustOpen(disk.path(), settings);
  Error refusal;
  const uint64_t refused = AppendUntilFull(*store, refusal);
  EXPECT_EQ(refusal.code, ErrorCode::kUnavailable);
  EXPECT_THAT(refusal.message, HasSubstr("MiB are free on its disk"));
  EXPECT_GT(fs::space(disk.path()).available, 32u << 20);
  // Folding needs room and has it; the pages that it frees are room as well.
  CompactAll(*store, kNoon + 1);
  EXPECT_EQ(Documents(*store), refused - 1);
  EXPECT_EQ(*AppendTo(*store, SampleBatches::Counted(kOrders, 1, refused, kNoon, 1)), Append::kApplied);
}

TEST(SqliteStoreTest, GivesBackToTheDiskWhatItNoLongerNeeds) {
  TemporaryFolder folder;
  SqliteSettings settings;
  settings.round.free_pages_kept = 20;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path(), settings);
  SampleBatches samples(3);
  for (uint64_t sequence = 1; sequence <= 200; ++sequence) {
    Batch batch = SampleBatches::Counted(kOrders, 1, sequence, kNoon, 1);
    for (int i = 0; i < 8; ++i) batch.buckets[kNoon]["body " + std::to_string(i)] = samples.Bodies(30);
    MustAppend(*store, batch);
  }
  const int64_t before = NumberFrom(FileIn(folder), "PRAGMA page_count");
  ASSERT_GT(before, 150);
  CompactAll(*store, kNoon + 1);
  EXPECT_LE(NumberFrom(FileIn(folder), "PRAGMA freelist_count"), 20);
  EXPECT_LT(NumberFrom(FileIn(folder), "PRAGMA page_count"), before / 2);
}

}  // namespace
}  // namespace fieldmark::store
