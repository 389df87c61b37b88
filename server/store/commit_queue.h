// CommitQueue: appends that arrive while one is being made durable wait, and then go together: waiting for
// the disk is the price of a transaction, not of a batch. Safe for use by several threads at once.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "server/store/appender.h"

namespace fieldmark::store {

struct PendingAppend {
  const bucket::Batch& batch;
  std::string_view bytes;
  UnixMs received;
};

class CommitQueue {
 public:
  // Makes a group durable; one result each, in order. Called by one thread at a time. When it throws, the
  // whole group gets kUnavailable, and the next one is tried.
  using Commit = std::function<std::vector<Result<Append>>(const std::vector<const PendingAppend*>&)>;
  explicit CommitQueue(Commit commit);

  // Returns when `append` was committed, by this thread or by another one.
  Result<Append> Add(const PendingAppend& append);
  // How many wait for the next group.
  size_t waiting() const;

 private:
  static constexpr size_t kGroupMax = 256;

  struct Waiting {
    const PendingAppend* append;
    std::optional<Result<Append>> result;
  };

  void CommitGroup(std::unique_lock<std::mutex>& lock);
  void CommitSafely();

  const Commit commit_;
  mutable std::mutex mutex_;
  std::condition_variable finished_;
  bool committing_ = false;
  std::deque<Waiting*> waiting_;
  // Of whoever commits. Their room is taken at the beginning: between leaving the queue and having a result
  // nothing may throw, or those who wait would wait for ever.
  std::vector<Waiting*> group_;
  std::vector<const PendingAppend*> appends_;
  std::vector<Result<Append>> results_;
};

}  // namespace fieldmark::store
