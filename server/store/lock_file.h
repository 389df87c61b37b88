// LockFile: one server a data folder. The lock is the operating system's and goes with the process, however
// it ends.
#pragma once

#include <string>
#include <utility>

#include "fieldmark/base/result.h"

namespace fieldmark::store {

class LockFile {
 public:
  // kFailedPrecondition, naming the holder where it is known, when another process or store holds it.
  static Result<LockFile> Acquire(const std::string& path);
  LockFile(LockFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  LockFile& operator=(LockFile&&) = delete;
  ~LockFile();

 private:
  explicit LockFile(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

}  // namespace fieldmark::store
