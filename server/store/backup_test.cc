#include "server/store/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "server/store/forget.h"
#include "server/store/sample_batches.h"
#include "server/store/schema.h"
#include "server/store/sqlite_store.h"
#include "server/store/steps.h"
#include "server/store/temporary_folder.h"

namespace fieldmark::store {
namespace {

namespace fs = std::filesystem;
using bucket::Batch;
using bucket::Stream;
using testing::HasSubstr;

constexpr Minute kNoon = 29'500'560;
const Stream kOrders = {"production", "orders", "v1"};

std::unique_ptr<SqliteStore> MustOpen(const std::string& folder) {
  auto store = SqliteStore::Open(folder);
  EXPECT_TRUE(store.ok()) << (store.ok() ? "" : store.error().message);
  return std::move(*store);
}

void MustAppend(Store& store, const Batch& batch) {
  const auto appended = store.AppendBatch(batch, bucket::EncodeBatch(batch), kNoon * kMsPerMinute);
  ASSERT_TRUE(appended.ok()) << appended.error().message;
  ASSERT_EQ(*appended, Append::kApplied);
}

std::vector<Slice> SlicesIn(Store& store, const Stream& stream = kOrders, Step step = Step::kDay) {
  Query query;
  query.streams = {stream};
  query.step = step;
  query.to = StartOf(2 * kNoon, Step::kDay);
  return *store.Read(query);
}

uint64_t Documents(Store& store, const Stream& stream = kOrders, Step step = Step::kDay) {
  uint64_t documents = 0;
  for (const Slice& slice : SlicesIn(store, stream, step))
    documents += slice.summary.body ? slice.summary.body->documents : 0;
  return documents;
}

TEST(BackupTest, HoldsOneMomentOfAServerThatRuns) {
  TemporaryFolder folder, other;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  for (uint64_t sequence = 1; sequence <= 50; ++sequence)
    MustAppend(*store, SampleBatches::Counted(kOrders, 1, sequence, kNoon, 1));
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (uint64_t sequence = 1; !done; ++sequence)
      MustAppend(*store, SampleBatches::Counted(kOrders, 2, sequence, kNoon, 1));
  });
  const std::string target = other.path() + "/backup.db";
  const Status backed_up = BackUp(folder.path(), target);
  done = true;
  writer.join();
  ASSERT_TRUE(backed_up.ok()) << backed_up.error().message;
  EXPECT_EQ(fs::status(target).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_FALSE(fs::exists(target + ".unfinished"));
  const uint64_t now = Documents(*store);

  ASSERT_TRUE(Restore(target, other.path() + "/data").ok());
  std::unique_ptr<SqliteStore> restored = MustOpen(other.path() + "/data");
  EXPECT_GE(Documents(*restored), 50u);
  EXPECT_LE(Documents(*restored), now);
  EXPECT_EQ(*restored->AppendBatch(SampleBatches::Counted(kOrders, 1, 50, kNoon, 1), "", 0),
            Append::kDuplicate);
  EXPECT_EQ(*restored->KeyOf("production", "orders"), *restored->KeyOf("production", "orders"));
}

TEST(BackupTest, WritesOverNothing) {
  TemporaryFolder folder;
  MustOpen(folder.path());
  const std::string target = folder.path() + "/backup.db";
  std::ofstream(target) << "mine";
  EXPECT_EQ(BackUp(folder.path(), target).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(fs::file_size(target), 4u);
  EXPECT_EQ(BackUp(folder.path() + "/no", folder.path() + "/b.db").error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(BackUp(folder.path(), folder.path() + "/no/b.db").ok());
}

TEST(BackupTest, ReplacesNoDatabaseAndTakesNoOtherFile) {
  TemporaryFolder folder, other;
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  const std::string backup = other.path() + "/backup.db";
  ASSERT_TRUE(BackUp(folder.path(), backup).ok());
  EXPECT_EQ(Restore(backup, folder.path()).error().code, ErrorCode::kFailedPrecondition) << "a server runs";
  store.reset();
  EXPECT_EQ(Restore(backup, folder.path()).error().code, ErrorCode::kAlreadyExists);
  std::ofstream(other.path() + "/text") << std::string(5000, 'x');
  EXPECT_FALSE(Restore(other.path() + "/text", other.path() + "/data").ok());
  EXPECT_FALSE(fs::exists(other.path() + "/data/fieldmark.db"));
  EXPECT_EQ(Restore(other.path() + "/none", other.path() + "/data").error().code, ErrorCode::kNotFound);
}

// A thousand documents that a server of each schema wrote, some in chunks, some in parts, some in the log.
// Never made anew: a later schema has one of its own beside it.
struct Golden {
  int64_t schema;
  int64_t damaged_rows;
  size_t announced_changes;
  size_t incidents;
  size_t moments;
};
constexpr Golden kGolden[] = {{1, 1, 0, 0, 0}, {2, 0, 0, 0, 0}, {3, 0, 1, 0, 0},
                              {4, 0, 1, 0, 0}, {5, 0, 1, 1, 0}, {6, 0, 1, 1, 1}};
static_assert(std::size(kGolden) == kSchemaVersion, "a schema has a golden database");
constexpr Minute kAfterAll = kNoon + 400 * 1440;

int64_t NumberIn(const std::string& path, std::string_view sql) {
  const auto connection = *Connection::Open(path, Connection::Mode::kReadOnly);
  return *connection->Number(sql);
}

// Its tables with their columns, and its indexes.
std::vector<std::string> SchemaOf(const std::string& path) {
  const auto connection = *Connection::Open(path, Connection::Mode::kReadOnly);
  Statement rows = connection->Use(
      "SELECT kept.name || ifnull('.' || held.name || ' ' || held.type, '') FROM sqlite_schema AS kept"
      " LEFT JOIN pragma_table_info(kept.name) AS held ORDER BY 1");
  std::vector<std::string> schema;
  while (*rows.Next()) schema.emplace_back(rows.Bytes(0));
  return schema;
}

TEST(BackupTest, ADatabaseOfEveryReleaseOpensWithEverythingInIt) {
  TemporaryFolder anew;
  MustOpen(anew.path());
  for (const Golden& golden : kGolden) {
    SCOPED_TRACE(golden.schema);
    TemporaryFolder folder;
    const std::string path = folder.path() + "/fieldmark.db";
    fs::copy_file(std::string(FIELDMARK_SOURCE_DIR) + "/tests/golden/v" + std::to_string(golden.schema) +
                      "/fieldmark.db",
                  path);
    ASSERT_EQ(NumberIn(path, "PRAGMA user_version"), golden.schema);
    for (const char* table : {"chunk", "part", "batch_log"})
      EXPECT_GT(NumberIn(path, std::string("SELECT count(*) FROM ") + table), 0) << table;
    std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
    EXPECT_EQ(NumberIn(path, "PRAGMA user_version"), kSchemaVersion);
    EXPECT_EQ(SchemaOf(path), SchemaOf(anew.path() + "/fieldmark.db")) << "as one that begins now";
    for (const Step step : kAllSteps) EXPECT_EQ(Documents(*store, kOrders, step), 1000u);
    EXPECT_EQ(store->Streams()->size(), 1u);
    EXPECT_EQ(store->AnnouncedChanges("production", "orders")->size(), golden.announced_changes);
    EXPECT_EQ(store->Incidents("production", "orders")->size(), golden.incidents);
    EXPECT_EQ(store->Moments("production", "orders")->size(), golden.moments);
    EXPECT_EQ(store->condition().damaged_rows, golden.damaged_rows);
    EXPECT_GT(store->condition().log_bytes, 0);
    EXPECT_EQ(*store->AppendBatch(SampleBatches::Counted(kOrders, 1, 100, kNoon, 1), "", 0),
              Append::kDuplicate);
    // What lies there is merged with what comes.
    MustAppend(*store, SampleBatches::Counted(kOrders, 1, 101, kNoon + 85, 5));
    while (*store->Compact((kNoon + 100) * kMsPerMinute)) {
    }
    for (const Step step : kAllSteps) EXPECT_EQ(Documents(*store, kOrders, step), 1005u);
    while (*store->Compact(kAfterAll * kMsPerMinute)) {
    }
    EXPECT_EQ(Documents(*store), 1005u);
    EXPECT_EQ(store->condition().damaged_rows, golden.damaged_rows);
  }
}

// A body with two fields, one below the other, beside one that is to stay.
Batch BatchWithFields(const Stream& stream, uint64_t sequence, Minute minute) {
  const uint8_t instance = stream == kOrders ? 1 : stream.environment == "staging" ? 2 : 3;
  Batch batch = SampleBatches::Counted(stream, instance, sequence, minute, 1);
  auto& fields = batch.buckets[minute]["POST /orders request"].body->fields;
  for (const char* path : {"customer", "customer.phone", "customer[]", "customers", "total"}) {
    fields[path].counts.documents = fields[path].counts.seen = fields[path].counts.nulls = 1;
  }
  return batch;
}

// Some in chunks, some in parts, some in the log.
void Fill(const std::string& folder, const Stream& stream) {
  std::unique_ptr<SqliteStore> store = MustOpen(folder);
  ASSERT_TRUE(store->KeyOf(stream.environment, stream.service).ok());
  for (uint64_t sequence = 1; sequence <= 100; ++sequence) {
    MustAppend(*store, BatchWithFields(stream, sequence, kNoon + static_cast<Minute>(sequence)));
    if (sequence != 90) continue;
    while (*store->Compact((kNoon + 91) * kMsPerMinute)) {
    }
  }
}

TEST(ForgetTest, AFieldGoesEverywhereWithWhatLiesBelowIt) {
  TemporaryFolder folder;
  Fill(folder.path(), kOrders);
  const auto forgotten = Forget(folder.path(), {"orders", std::nullopt, "customer"});
  ASSERT_TRUE(forgotten.ok()) << forgotten.error().message;
  EXPECT_GT(forgotten->rows, 30);
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  EXPECT_EQ(Documents(*store), 100u);
  for (const Slice& slice : SlicesIn(*store)) {
    std::vector<std::string> paths;
    for (const auto& [path, field] : slice.summary.body->fields) paths.push_back(path);
    EXPECT_THAT(paths, testing::ElementsAre("customers", "total"));
  }
  while (*store->Compact((kNoon + 1000) * kMsPerMinute)) {
  }
  EXPECT_EQ(Documents(*store), 100u);
  store.reset();
  EXPECT_EQ(Forget(folder.path(), {"orders", std::nullopt, "customer"})->rows, 0);
}

TEST(ForgetTest, AServiceGoesWithItsKeyAndLeavesTheOthers) {
  TemporaryFolder folder;
  const Stream staging = {"staging", "orders", "v1"};
  const Stream payments = {"production", "payments-with-a-name-to-look-for", "v1"};
  Fill(folder.path(), kOrders);
  Fill(folder.path(), staging);
  Fill(folder.path(), payments);
  const HashKey key = *MustOpen(folder.path())->KeyOf("production", "orders");
  ASSERT_TRUE(Forget(folder.path(), {payments.service, std::nullopt, std::nullopt}).ok());
  ASSERT_TRUE(Forget(folder.path(), {"orders", "staging", std::nullopt}).ok());
  std::unique_ptr<SqliteStore> store = MustOpen(folder.path());
  EXPECT_EQ(store->Streams()->size(), 1u);
  EXPECT_EQ(Documents(*store), 100u);
  EXPECT_EQ(Documents(*store, staging), 0u);
  EXPECT_EQ(*store->KeyOf("production", "orders"), key);
  store.reset();
  for (const fs::directory_entry& file : fs::directory_iterator(folder.path())) {
    std::ifstream bytes(file.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(bytes), {}};
    EXPECT_EQ(text.find(payments.service), std::string::npos) << file.path();
  }
}

TEST(ForgetTest, SaysWhatItCannot) {
  TemporaryFolder folder;
  EXPECT_EQ(Forget(folder.path(), {"orders", std::nullopt, std::nullopt}).error().code, ErrorCode::kNotFound);
  Fill(folder.path(), kOrders);
  const auto unknown = Forget(folder.path(), {"ordres", std::nullopt, std::nullopt});
  EXPECT_THAT(unknown.error().message, HasSubstr("there are orders"));
  const auto store = MustOpen(folder.path());
  EXPECT_EQ(Forget(folder.path(), {"orders", std::nullopt, std::nullopt}).error().code,
            ErrorCode::kFailedPrecondition);
}

}  // namespace
}  // namespace fieldmark::store
