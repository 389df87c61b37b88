// A disk that fails, at every operation of a history one after the other: what is refused has changed
// nothing, what was acknowledged is there once, whatever can be read is right, and when the disk works again
// so does the store, by itself. What was acknowledged outlives a power cut at the worst moment, too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <optional>
#include <ostream>

#include "server/store/backup.h"
#include "server/store/faulty_disk.h"
#include "server/store/sample_batches.h"
#include "server/store/sqlite_store.h"
#include "server/store/steps.h"
#include "server/store/temporary_folder.h"

namespace fieldmark::store {
namespace {

namespace fs = std::filesystem;
using Counts = std::map<Minute, uint64_t>;
using Does = FaultyDisk::Does;

// The service that the golden database is of.
const bucket::Stream kOrders{"production", "orders", "v1"};
constexpr Minute kDay = 1440;
constexpr Minute kNoon = 29'500'560;
constexpr uint64_t kBatches = 12;

// The first half before the last minutes are too old for their step, the second half after.
Minute MinuteOfBatch(uint64_t sequence) {
  return kNoon + 200 + static_cast<Minute>(sequence) * 9 + (sequence > kBatches / 2 ? 4 * kDay : 0);
}

Counts HoursIn(const std::vector<Slice>& slices) {
  Counts hours;
  for (const Slice& slice : slices)
    hours[slice.start] += slice.summary.body ? slice.summary.body->documents : 0;
  return hours;
}

const std::string kGolden = std::string(FIELDMARK_SOURCE_DIR) + "/tests/golden/v1/fieldmark.db";

Result<std::vector<Slice>> ReadHours(Store& store) {
  Query query;
  query.streams = {kOrders};
  query.step = Step::kHour;
  query.from = StartOf(kNoon - kDay, Step::kHour);
  query.to = query.from + 10 * kDay;
  return store.Read(query);
}

// A folder with a database of schema 1, so that to open it is to migrate it, and what a server makes of it:
// it takes batches, folds, forgets and is backed up, on a disk that may fail.
class History {
 public:
  explicit History(FaultyDisk& disk) : disk_(disk) { fs::copy_file(kGolden, Path()); }

  // To its end, with whatever the disk does to it.
  void Go() {
    Open();
    for (uint64_t step = 1; step <= kBatches; ++step) {
      if (store_ == nullptr) Open();
      if (store_ == nullptr) continue;
      Append();
      if (step % 3 == 0) Compact();
      if (step == kBatches - 2) BackUpBeside();
      CheckReads();
    }
  }

  // When the disk has healed: nothing may be needed but to go on.
  void Finish() {
    if (store_ == nullptr) Open();
    ASSERT_NE(store_, nullptr);
    while (acknowledged_ < kBatches) ASSERT_TRUE(Append()) << "after the disk healed: " << refusal_.message;
    while (true) {
      const Result<bool> more = store_->Compact((MinuteOfBatch(kBatches) + 200) * kMsPerMinute);
      ASSERT_TRUE(more.ok()) << more.error().message;
      if (!*more) break;
    }
    EXPECT_EQ(MustReadHours(), Expected());
    EXPECT_EQ(store_->condition().damaged_rows, 1) << "as many as the golden database has";
    store_.reset();
    Open();
    ASSERT_NE(store_, nullptr);
    EXPECT_EQ(MustReadHours(), Expected());
    const std::string backup = folder_.path() + "/finished.db";
    const Status backed_up = BackUp(folder_.path(), backup);
    ASSERT_TRUE(backed_up.ok()) << backed_up.error().message;
    ExpectAcknowledgedIn(backup);
  }

  // What would be left if power were cut now, or if the process were killed now, began again, took what it
  // had refused, and power were cut then.
  void ExpectAcknowledgedAfterPowerCut() {
    TemporaryFolder cut(FastFolder());
    disk_.CutPower(Path(), cut.path() + "/fieldmark.db");
    if (fs::exists(cut.path() + "/fieldmark.db")) ExpectAcknowledgedIn(cut.path() + "/fieldmark.db");
  }
  void ExpectAcknowledgedAfterKillAndPowerCut() {
    TemporaryFolder killed(FastFolder()), cut(FastFolder());
    disk_.Kill(Path(), killed.path() + "/fieldmark.db");
    const uint64_t before = acknowledged_;
    {
      const auto again = SqliteStore::Open(killed.path());
      ASSERT_TRUE(again.ok()) << again.error().message;
      if (acknowledged_ < kBatches) {
        const Result<store::Append> appended = AppendNextTo(**again);
        ASSERT_TRUE(appended.ok()) << appended.error().message;
        ++acknowledged_;
      }
      disk_.CutPower(killed.path() + "/fieldmark.db", cut.path() + "/fieldmark.db");
    }
    ExpectAcknowledgedIn(cut.path() + "/fieldmark.db");
    acknowledged_ = before;
  }

 private:
  std::string Path() const { return folder_.path() + "/" + SqliteStore::kFileName; }

  void Open() {
    Result<std::unique_ptr<SqliteStore>> opened = SqliteStore::Open(folder_.path());
    if (opened.ok()) store_ = std::move(*opened);
    if (!opened.ok()) ExpectAnswerOfADisk(opened.error());
  }

  // That it may be tried again, not that anything is damaged.
  static void ExpectAnswerOfADisk(const Error& error) {
    EXPECT_THAT(error.code, testing::AnyOf(ErrorCode::kUnavailable, ErrorCode::kPermissionDenied))
        << error.message;
    EXPECT_NE(error.message, "");
  }

  Result<store::Append> AppendNextTo(Store& store) {
    const Minute minute = MinuteOfBatch(acknowledged_ + 1);
    const bucket::Batch batch = SampleBatches::Counted(kOrders, 9, acknowledged_ + 1, minute, 1);
    return store.AppendBatch(batch, bucket::EncodeBatch(batch), minute * kMsPerMinute);
  }

  // As a worker: the next one goes when this one was taken.
  bool Append() {
    if (acknowledged_ == kBatches) return true;
    const Result<store::Append> appended = AppendNextTo(*store_);
    if (!appended.ok()) {
      ExpectAnswerOfADisk(appended.error());
      refusal_ = appended.error();
      return false;
    }
    EXPECT_EQ(*appended, Append::kApplied) << "what was refused is not there";
    ++acknowledged_;
    return true;
  }

  void Compact() {
    const Result<bool> more = store_->Compact((MinuteOfBatch(acknowledged_ + 1) + 60) * kMsPerMinute);
    if (!more.ok()) ExpectAnswerOfADisk(more.error());
  }

  void BackUpBeside() {
    const std::string target = folder_.path() + "/backup.db";
    const Status backed_up = BackUp(folder_.path(), target);
    EXPECT_EQ(fs::exists(target), backed_up.ok());
    EXPECT_FALSE(fs::exists(target + ".unfinished"));
    if (backed_up.ok()) {
      ExpectAcknowledgedIn(target);
    } else {
      ExpectAnswerOfADisk(backed_up.error());
    }
  }

  void CheckReads() {
    const Result<std::vector<Slice>> slices = ReadHours(*store_);
    if (slices.ok()) {
      EXPECT_EQ(HoursIn(*slices), Expected());
    } else {
      ExpectAnswerOfADisk(slices.error());
    }
  }

  Counts MustReadHours() {
    const Result<std::vector<Slice>> slices = ReadHours(*store_);
    EXPECT_TRUE(slices.ok()) << slices.error().message;
    return slices.ok() ? HoursIn(*slices) : Counts();
  }

  static const Counts& GoldenHours() {
    static const Counts hours = [] {
      TemporaryFolder folder(FastFolder());
      fs::copy_file(kGolden, folder.path() + "/fieldmark.db");
      const auto store = SqliteStore::Open(folder.path());
      return HoursIn(*ReadHours(**store));
    }();
    return hours;
  }

  Counts Expected(uint64_t more = 0) const {
    Counts hours = GoldenHours();
    for (uint64_t sequence = 1; sequence <= acknowledged_ + more; ++sequence)
      ++hours[StartOf(MinuteOfBatch(sequence), Step::kHour)];
    return hours;
  }

  // All of it once; the one that was not answered may be there or not.
  void ExpectAcknowledgedIn(const std::string& database) {
    FaultyDisk works;  // whatever the other one does
    TemporaryFolder folder(FastFolder());
    for (const char* suffix : {"", "-wal"}) {
      if (fs::exists(database + suffix))
        fs::copy_file(database + suffix, folder.path() + "/fieldmark.db" + suffix);
    }
    const auto store = SqliteStore::Open(folder.path());
    ASSERT_TRUE(store.ok()) << store.error().message;
    const Result<std::vector<Slice>> slices = ReadHours(**store);
    ASSERT_TRUE(slices.ok()) << slices.error().message;
    EXPECT_THAT(HoursIn(*slices), testing::AnyOf(Expected(), Expected(1)));
  }

  FaultyDisk& disk_;
  TemporaryFolder folder_{FastFolder()};
  std::unique_ptr<SqliteStore> store_;
  uint64_t acknowledged_ = 0;
  Error refusal_;
};

struct Failure {
  const char* name;
  Does does;
  int code;
};

// Else the names of tests end with its bytes, addresses among them.
void PrintTo(const Failure& one, std::ostream* out) { *out << one.name; }

class FaultTest : public testing::TestWithParam<Failure> {
 protected:
  // How often a history without faults does it.
  static uint64_t TimesWithoutFault(Does does) {
    FaultyDisk disk;
    History history(disk);
    disk.Fail({does, SQLITE_OK});
    history.Go();
    return disk.times(does);
  }

  // A history for each operation, from which on so many fail.
  static void FailAtEveryOperation(uint64_t failures) {
    const Failure& failure = GetParam();
    const uint64_t times = TimesWithoutFault(failure.does);
    ASSERT_GT(times, 1u);
    for (uint64_t first = 1; first <= times; ++first) {
      SCOPED_TRACE("operation " + std::to_string(first) + " of " + std::to_string(times));
      FaultyDisk disk;
      History history(disk);
      disk.Fail({failure.does, failure.code, first, failures});
      history.Go();
      disk.Heal();
      history.ExpectAcknowledgedAfterPowerCut();
      history.ExpectAcknowledgedAfterKillAndPowerCut();
      history.Finish();
      if (HasFailure()) return;
    }
  }
};

TEST_P(FaultTest, OnceAtAnyMomentItDoesNoHarm) { FailAtEveryOperation(1); }

TEST_P(FaultTest, FromAnyMomentOnItRefusesUntilTheDiskHeals) { FailAtEveryOperation(UINT64_MAX); }

INSTANTIATE_TEST_SUITE_P(Disks, FaultTest,
                         testing::Values(Failure{"Full", Does::kWrite, SQLITE_FULL},
                                         Failure{"Write", Does::kWrite, SQLITE_IOERR_WRITE},
                                         Failure{"Read", Does::kRead, SQLITE_IOERR_READ},
                                         Failure{"Sync", Does::kSync, SQLITE_IOERR_FSYNC},
                                         Failure{"Open", Does::kOpen, SQLITE_CANTOPEN},
                                         Failure{"SharedMemory", Does::kMapSharedMemory,
                                                 SQLITE_IOERR_SHMSIZE}),
                         [](const auto& failure) { return std::string(failure.param.name); });

}  // namespace
}  // namespace fieldmark::store
