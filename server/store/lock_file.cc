#include "server/store/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace fieldmark::store {
namespace {

std::string HolderOf(int descriptor) {
  char text[32];
  const ssize_t size = ::pread(descriptor, text, sizeof text, 0);
  std::string holder(text, size > 0 ? static_cast<size_t>(size) : 0);
  return holder.substr(0, holder.find('\n'));
}

// For people and for the error of the next one; the lock does not depend on it.
void WriteHolder(int descriptor) {
  const std::string holder = std::to_string(::getpid()) + "\n";
  if (::ftruncate(descriptor, 0) != 0) return;
  [[maybe_unused]] const ssize_t written = ::pwrite(descriptor, holder.data(), holder.size(), 0);
}

}  // namespace

Result<LockFile> LockFile::Acquire(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    const int reason = errno;
    const ErrorCode code = reason == ENOSPC ? ErrorCode::kUnavailable : ErrorCode::kPermissionDenied;
    return Error{code, "locking " + path + ": " + std::strerror(reason) +
                           "; let this user write the folder, or choose another data folder"};
  }
  LockFile lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const std::string holder = HolderOf(descriptor);
    return Error{ErrorCode::kFailedPrecondition,
                 "locking " + path + ": another server" +
                     (holder.empty() ? "" : " (process " + holder + ")") +
                     " uses this data folder; stop it, or choose another data folder"};
  }
  WriteHolder(descriptor);
  return lock;
}

LockFile::~LockFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace fieldmark::store
