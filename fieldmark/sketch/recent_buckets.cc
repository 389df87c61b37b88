#include "fieldmark/sketch/recent_buckets.h"

#include <algorithm>

namespace fieldmark::sketch {
namespace {

constexpr int64_t kRoom = 16;  // buckets of one cache line, made at once

}  // namespace

bool RecentBuckets::Make(int32_t index, uint64_t times) {
  const int64_t line = (index >= 0 ? index : index - (kRoom - 1)) / kRoom * kRoom;
  const bool empty = counts_.empty();
  const int64_t first = empty ? line : std::min<int64_t>(first_, line);
  const int64_t end = std::max(line + kRoom, empty ? line : first_ + static_cast<int64_t>(counts_.size()));
  if (end - first > static_cast<int64_t>(kSizeMax) || times > UINT32_MAX) return false;
  if (index - first < static_cast<int64_t>(counts_.size()) && first == first_ && !empty)
    return false;  // full
  std::vector<uint32_t> counts(static_cast<size_t>(end - first));
  if (!empty) std::copy(counts_.begin(), counts_.end(), counts.begin() + (first_ - first));
  counts_ = std::move(counts);
  first_ = static_cast<int32_t>(first);
  counts_[static_cast<size_t>(index - first)] = static_cast<uint32_t>(times);
  return true;
}

}  // namespace fieldmark::sketch
