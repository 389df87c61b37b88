#include "server/ingest/memory_budget.h"

#include <algorithm>

namespace fieldmark::ingest {

std::optional<MemoryBudget::Share> MemoryBudget::Take(size_t bytes, std::chrono::milliseconds wait_max) {
  bytes = std::min(bytes, all_);
  std::unique_lock lock(mutex_);
  if (!freed_.wait_for(lock, wait_max, [&] { return bytes <= left_; })) return std::nullopt;
  left_ -= bytes;
  return Share(*this, bytes);
}

MemoryBudget::Share::~Share() {
  if (budget_ == nullptr) return;
  {
    const std::lock_guard lock(budget_->mutex_);
    budget_->left_ += bytes_;
  }
  budget_->freed_.notify_all();
}

}  // namespace fieldmark::ingest
