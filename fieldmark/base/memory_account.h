// MemoryAccount: how much memory those who record have taken, of how much they may take together.
//
// They say what they hold as it grows and shrinks, from capacities, which costs no allocator of its own; and
// ask before they take more. As it fills, the least useful is given up first: new names, then hashed
// summaries that nothing is in yet, then whatever would let a summary grow. Counts have their place from the
// beginning and are never given up. Safe for use by several threads at once; what they take at the same
// moment may exceed the maximum by as much.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fieldmark {

// What there is room for. Each includes those before it.
enum class Room : uint8_t {
  kCounts,    // what needs no more memory
  kSketches,  // and summaries that have begun
  kHashes,    // and new hashed ones
  kNames,     // and fields and subjects that had no name yet
};

class MemoryAccount {
 public:
  explicit MemoryAccount(size_t bytes_max = SIZE_MAX) : bytes_max_(bytes_max) {}

  // Something that took `before` bytes now takes `after`.
  void Change(size_t before, size_t after) { bytes_.fetch_add(after - before, std::memory_order_relaxed); }

  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  size_t bytes_max() const { return bytes_max_; }
  size_t bytes_left() const {
    const size_t taken = bytes();
    return taken < bytes_max_ ? bytes_max_ - taken : 0;
  }

  // Names may fill a half: what they name grows for a while afterwards.
  Room room() const {
    const size_t taken = bytes();
    if (taken < bytes_max_ / 2) return Room::kNames;
    if (taken < bytes_max_ / 4 * 3) return Room::kHashes;
    return taken < bytes_max_ ? Room::kSketches : Room::kCounts;
  }

 private:
  const size_t bytes_max_;
  std::atomic<size_t> bytes_ = 0;
};

}  // namespace fieldmark
