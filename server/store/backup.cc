#include "server/store/backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "server/store/lock_file.h"
#include "server/store/schema.h"
#include "server/store/sqlite_store.h"

namespace fieldmark::store {
namespace {

namespace fs = std::filesystem;

bool Exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

Status MakeDurable(const std::string& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
  const bool durable = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int reason = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (durable) return {};
  return Error{ErrorCode::kUnavailable, "writing " + path + ": " + std::strerror(reason) + "; try again"};
}

Status CheckTarget(const std::string& target) {
  if (!Exists(target)) return {};
  return Error{ErrorCode::kAlreadyExists, target + ": there is something already; choose another place"};
}

// For this user alone from the first byte on: hash keys are in it.
Status MakePrivate(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const int reason = errno;
  if (descriptor >= 0) {
    ::close(descriptor);
    return {};
  }
  const ErrorCode code = reason == ENOSPC ? ErrorCode::kUnavailable : ErrorCode::kPermissionDenied;
  return Error{code, "writing " + path + ": " + std::strerror(reason) + "; choose another place"};
}

Status CopyInto(const std::string& source, const std::string& unfinished) {
  Result<std::unique_ptr<Connection>> connection = Connection::Open(source, Connection::Mode::kReadWrite);
  if (!connection.ok()) return connection.error();
  FM_RETURN_IF_ERROR((*connection)->Run("VACUUM INTO ?", std::string_view(unfinished)));
  // The copy is what is checked: of the source nothing may change, whichever release runs on it.
  Result<std::unique_ptr<Connection>> copy = Connection::Open(unfinished, Connection::Mode::kReadWrite);
  if (!copy.ok()) return copy.error();
  const Status whole = PrepareSchema(**copy);
  if (!whole.ok()) return Error{whole.error().code, "copying " + source + ": " + whole.error().message};
  return {};
}

Status Copy(const std::string& source, const std::string& target) {
  std::error_code ignored;
  if (!fs::is_regular_file(source, ignored) || fs::file_size(source, ignored) == 0) {
    return Error{ErrorCode::kNotFound, source + ": there is no database; name the one that a server wrote"};
  }
  FM_RETURN_IF_ERROR(CheckTarget(target));
  const std::string unfinished = target + ".unfinished";
  fs::remove(unfinished, ignored);
  FM_RETURN_IF_ERROR(MakePrivate(unfinished));
  Status copied = CopyInto(source, unfinished);
  if (copied.ok()) copied = MakeDurable(unfinished, O_RDWR);
  if (!copied.ok()) {
    fs::remove(unfinished, ignored);
    return copied;
  }
  std::error_code failed;
  fs::rename(unfinished, target, failed);
  if (failed) {
    return Error{ErrorCode::kPermissionDenied,
                 "writing " + target + ": " + failed.message() + "; choose another place"};
  }
  const std::string parent = fs::path(target).parent_path().string();
  return MakeDurable(parent.empty() ? "." : parent, O_RDONLY | O_DIRECTORY);
}

}  // namespace

Status BackUp(const std::string& folder, const std::string& target) {
  return Copy(folder + "/" + SqliteStore::kFileName, target);
}

Status Restore(const std::string& source, const std::string& folder) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed)) {
    fs::create_directories(folder, failed);
    if (!failed) fs::permissions(folder, fs::perms::owner_all, failed);
  }
  const Result<LockFile> lock = LockFile::Acquire(folder + "/fieldmark.lock");
  if (!lock.ok()) return lock.error();
  const std::string target = folder + "/" + SqliteStore::kFileName;
  // A log without its database would be taken for the new one's.
  FM_RETURN_IF_ERROR(CheckTarget(target + "-wal"));
  return Copy(source, target);
}

}  // namespace fieldmark::store
