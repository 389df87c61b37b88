// FaultyDisk: a disk for tests that fails when it is told to, and that remembers what would be left of it
// after a power cut. It stands between SQLite and the real files, under every connection of the process that
// is opened while it lives. Safe for use by several threads at once.
//
// What survives a power cut is modelled as Linux has it: a write is in the page cache; a sync that succeeds
// makes durable what was written since the last one; a sync that fails makes nothing durable, and yet takes
// those pages for clean, so that a later one leaves them out. Pages are 4 096 bytes.
#pragma once

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace fieldmark::store {

class FaultyDisk {
 public:
  enum class Does { kOpen, kRead, kWrite, kTruncate, kSync, kMapSharedMemory };

  // Answers `code` from the `first`-th time (from 1) that something `does` is done, `times` times.
  struct Fault {
    Does does;
    int code;
    uint64_t first = 1;
    uint64_t times = UINT64_MAX;
  };

  FaultyDisk() : before_(sqlite3_vfs_find(nullptr)), real_(sqlite3_vfs_find("unix")), ours_(*real_) {
    ours_.pNext = nullptr;
    ours_.zName = "faulty";
    ours_.pAppData = this;
    ours_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    ours_.xOpen = [](sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out) {
      return static_cast<FaultyDisk*>(vfs->pAppData)->Open(path, file, flags, out);
    };
    sqlite3_vfs_register(&ours_, 1);
  }
  ~FaultyDisk() {
    sqlite3_vfs_unregister(&ours_);
    sqlite3_vfs_register(before_, 1);
  }
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  // Counts from here on.
  void Fail(const Fault& fault) {
    const std::lock_guard lock(mutex_);
    fault_ = fault;
    times_.clear();
  }
  void Heal() {
    const std::lock_guard lock(mutex_);
    fault_.reset();
  }
  // How often that was done since the last Fail, and how many of those failed.
  uint64_t times(Does does) {
    const std::lock_guard lock(mutex_);
    return times_[does];
  }

  // Writes what a power cut at this moment would leave of the database at `path` and of its log.
  void CutPower(const std::string& path, const std::string& into) {
    const std::lock_guard lock(mutex_);
    for (const char* suffix : {"", "-wal"}) {
      const auto image = images_.find(path + suffix);
      if (image != images_.end()) Write(into + suffix, image->second.durable);
    }
  }
  // Copies the database as the page cache has it, as a process finds it whose forerunner was killed; the disk
  // knows of the copy what it knew of the original.
  void Kill(const std::string& path, const std::string& into) {
    const std::lock_guard lock(mutex_);
    for (const char* suffix : {"", "-wal"}) {
      const std::optional<std::string> bytes = BytesOf(path + suffix);
      if (!bytes) continue;
      Write(into + suffix, *bytes);
      images_.try_emplace(path + suffix, Image{*bytes, {}});  // as Open has it
      images_[into + suffix] = images_[path + suffix];
    }
  }

 private:
  static constexpr int64_t kPage = 4096;

  struct Image {
    std::string durable;
    std::set<int64_t> dirty;
  };
  struct File {
    sqlite3_file base;
    FaultyDisk* disk;
    Image* image;  // null: of a temporary file
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };

  static std::optional<std::string> BytesOf(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  static void Write(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  // What to answer instead of doing it.
  int FailureOf(Does does) {
    const std::lock_guard lock(mutex_);
    const uint64_t time = ++times_[does];
    if (!fault_ || fault_->does != does || time < fault_->first) return SQLITE_OK;
    return time - fault_->first < fault_->times ? fault_->code : SQLITE_OK;
  }

  int Open(const char* path, sqlite3_file* file, int flags, int* out) {
    File* ours = new (file) File{{nullptr}, this, nullptr};
    if (const int code = FailureOf(Does::kOpen); code != SQLITE_OK) return code;
    const std::optional<std::string> before = path == nullptr ? std::nullopt : BytesOf(path);
    const int code = real_->xOpen(real_, path, ours->real(), flags, out);
    if (code != SQLITE_OK) return code;
    ours->base.pMethods = &Methods();
    if (path == nullptr) return SQLITE_OK;
    const std::lock_guard lock(mutex_);
    // What was there before this disk looked is durable.
    ours->image = &images_.try_emplace(path, Image{before.value_or(""), {}}).first->second;
    return SQLITE_OK;
  }

  static File* Of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }

  static int Read(sqlite3_file* file, void* into, int size, sqlite3_int64 at) {
    File* ours = Of(file);
    if (const int code = ours->disk->FailureOf(Does::kRead); code != SQLITE_OK) return code;
    return ours->real()->pMethods->xRead(ours->real(), into, size, at);
  }

  static int WriteAt(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
    File* ours = Of(file);
    if (const int code = ours->disk->FailureOf(Does::kWrite); code != SQLITE_OK) return code;
    const int code = ours->real()->pMethods->xWrite(ours->real(), from, size, at);
    if (code != SQLITE_OK || ours->image == nullptr) return code;
    const std::lock_guard lock(ours->disk->mutex_);
    for (int64_t page = at / kPage; page * kPage < at + size; ++page) ours->image->dirty.insert(page);
    return SQLITE_OK;
  }

  static int Truncate(sqlite3_file* file, sqlite3_int64 size) {
    File* ours = Of(file);
    if (const int code = ours->disk->FailureOf(Does::kTruncate); code != SQLITE_OK) return code;
    return ours->real()->pMethods->xTruncate(ours->real(), size);
  }

  // The real files are not synced: this machine is not going to lose its power.
  static int Sync(sqlite3_file* file, int) {
    File* ours = Of(file);
    const int failure = ours->disk->FailureOf(Does::kSync);
    if (ours->image == nullptr) return failure;
    const std::lock_guard lock(ours->disk->mutex_);
    if (failure == SQLITE_OK) MakeDurable(*ours);
    ours->image->dirty.clear();
    return failure;
  }

  static void MakeDurable(File& file) {
    sqlite3_int64 size = 0;
    file.real()->pMethods->xFileSize(file.real(), &size);
    std::string& durable = file.image->durable;
    durable.resize(static_cast<size_t>(size));
    for (const int64_t page : file.image->dirty) {
      const int64_t at = page * kPage;
      if (at >= size) break;
      const int bytes = static_cast<int>(std::min<int64_t>(kPage, size - at));
      file.real()->pMethods->xRead(file.real(), durable.data() + at, bytes, at);
    }
  }

  static int MapSharedMemory(sqlite3_file* file, int region, int size, int extend, void volatile** at) {
    File* ours = Of(file);
    if (const int code = ours->disk->FailureOf(Does::kMapSharedMemory); code != SQLITE_OK) return code;
    return ours->real()->pMethods->xShmMap(ours->real(), region, size, extend, at);
  }

  // Calls that are passed on as they are.
  template <auto method, class... Arguments>
  static auto Pass(sqlite3_file* file, Arguments... arguments) {
    return (Of(file)->real()->pMethods->*method)(Of(file)->real(), arguments...);
  }

  static const sqlite3_io_methods& Methods() {
    using M = sqlite3_io_methods;
    static const sqlite3_io_methods methods = [] {
      sqlite3_io_methods all{};
      all.iVersion = 2;
      all.xClose = [](sqlite3_file* file) { return Pass<&M::xClose>(file); };
      all.xRead = Read;
      all.xWrite = WriteAt;
      all.xTruncate = Truncate;
      all.xSync = Sync;
      all.xFileSize = [](sqlite3_file* file, sqlite3_int64* size) { return Pass<&M::xFileSize>(file, size); };
      all.xLock = [](sqlite3_file* file, int level) { return Pass<&M::xLock>(file, level); };
      all.xUnlock = [](sqlite3_file* file, int level) { return Pass<&M::xUnlock>(file, level); };
      all.xCheckReservedLock = [](sqlite3_file* file, int* out) {
        return Pass<&M::xCheckReservedLock>(file, out);
      };
      all.xFileControl = [](sqlite3_file* file, int what, void* with) {
        return Pass<&M::xFileControl>(file, what, with);
      };
      all.xSectorSize = [](sqlite3_file* file) { return Pass<&M::xSectorSize>(file); };
      all.xDeviceCharacteristics = [](sqlite3_file* file) { return Pass<&M::xDeviceCharacteristics>(file); };
      all.xShmMap = MapSharedMemory;
      all.xShmLock = [](sqlite3_file* file, int offset, int n, int flags) {
        return Pass<&M::xShmLock>(file, offset, n, flags);
      };
      all.xShmBarrier = [](sqlite3_file* file) { Pass<&M::xShmBarrier>(file); };
      all.xShmUnmap = [](sqlite3_file* file, int also_delete) {
        return Pass<&M::xShmUnmap>(file, also_delete);
      };
      return all;
    }();
    return methods;
  }

  sqlite3_vfs* const before_;  // another one of these, maybe
  sqlite3_vfs* const real_;
  sqlite3_vfs ours_;
  std::mutex mutex_;
  std::optional<Fault> fault_;
  std::map<Does, uint64_t> times_;
  std::map<std::string, Image> images_;
};

}  // namespace fieldmark::store
