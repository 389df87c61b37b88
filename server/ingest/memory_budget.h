// MemoryBudget: what several threads may hold together. Safe for use by several threads at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

namespace fieldmark::ingest {

class MemoryBudget {
 public:
  explicit MemoryBudget(size_t bytes) : left_(bytes), all_(bytes) {}

  // Given back when it goes out of scope, which must be before the budget does.
  class Share {
   public:
    Share(Share&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&&) = delete;
    ~Share();

   private:
    friend class MemoryBudget;
    Share(MemoryBudget& budget, size_t bytes) : budget_(&budget), bytes_(bytes) {}

    MemoryBudget* budget_;
    size_t bytes_;
  };

  // None when so much did not become free in time. More than there is in all is taken as all of it, alone.
  std::optional<Share> Take(size_t bytes, std::chrono::milliseconds wait_max);

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  size_t left_;
  const size_t all_;
};

}  // namespace fieldmark::ingest
