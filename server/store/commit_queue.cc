#include "server/store/commit_queue.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace fieldmark::store {

CommitQueue::CommitQueue(Commit commit) : commit_(std::move(commit)) {
  group_.reserve(kGroupMax);
  appends_.reserve(kGroupMax);
}

Result<Append> CommitQueue::Add(const PendingAppend& append) {
  Waiting mine{&append, std::nullopt};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&mine);
  while (!mine.result) {
    if (committing_) {
      finished_.wait(lock);
    } else {
      CommitGroup(lock);
    }
  }
  if (!mine.result->ok() && mine.result->error().message.empty()) {
    return Error{ErrorCode::kUnavailable,
                 "appending a batch: this server ran out of memory; send the same bytes again later"};
  }
  return std::move(*mine.result);
}

size_t CommitQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

void CommitQueue::CommitGroup(std::unique_lock<std::mutex>& lock) {
  const auto end = waiting_.begin() + static_cast<ptrdiff_t>(std::min(waiting_.size(), kGroupMax));
  group_.assign(waiting_.begin(), end);
  waiting_.erase(waiting_.begin(), end);
  committing_ = true;
  lock.unlock();

  appends_.clear();
  for (const Waiting* waiting : group_) appends_.push_back(waiting->append);
  CommitSafely();

  lock.lock();
  committing_ = false;
  for (size_t i = 0; i < group_.size(); ++i) {
    if (i < results_.size()) {
      group_[i]->result.emplace(std::move(results_[i]));
    } else {
      group_[i]->result.emplace(Error{ErrorCode::kUnavailable, {}});
    }
  }
  finished_.notify_all();
}

void CommitQueue::CommitSafely() {
  try {
    results_ = commit_(appends_);
  } catch (const std::exception&) {
    results_.clear();
  }
}

}  // namespace fieldmark::store
