#include "server/store/commit_queue.h"

#include <algorithm>

namespace fieldmark::store {

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
  return std::move(*mine.result);
}

size_t CommitQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

void CommitQueue::CommitGroup(std::unique_lock<std::mutex>& lock) {
  const auto end = waiting_.begin() + static_cast<ptrdiff_t>(std::min(waiting_.size(), kGroupMax));
  const std::vector<Waiting*> group(waiting_.begin(), end);
  waiting_.erase(waiting_.begin(), end);
  committing_ = true;
  lock.unlock();

  std::vector<const PendingAppend*> appends;
  for (const Waiting* waiting : group) appends.push_back(waiting->append);
  std::vector<Result<Append>> results = commit_(appends);

  lock.lock();
  committing_ = false;
  for (size_t i = 0; i < group.size(); ++i) group[i]->result = std::move(results[i]);
  finished_.notify_all();
}

}  // namespace fieldmark::store
