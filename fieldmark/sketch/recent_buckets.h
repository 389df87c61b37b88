// RecentBuckets: how often values fell into each bucket of a histogram, that the histogram does not know yet.
//
// A histogram keeps its occupied buckets in order and looks for each value's. Here they lie side by side,
// four bytes each, and counting is one addition; in return there is room for neighbours only: what lies
// further from the others than kSizeMax buckets is not taken.
//
// Cost: Count is O(1) and allocates only when a bucket is new. 4 bytes a bucket, occupied or between occupied
// ones, at most 2 KiB. Not safe for use by several threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fieldmark::sketch {

class RecentBuckets {
 public:
  static constexpr size_t kSizeMax = 512;  // 16 octaves at the finest scale; taste

  // The bucket of a positive magnitude at the finest scale. False when it does not take it.
  bool Count(int32_t index, uint64_t times) {
    const size_t at = static_cast<uint32_t>(index - first_);
    if (at >= counts_.size() || times > UINT32_MAX - counts_[at]) return Make(index, times);
    counts_[at] += static_cast<uint32_t>(times);
    return true;
  }

  // visit(index, times) for each that is occupied, in order; forgets them and gives their room back.
  template <class Visit>
  void Settle(Visit visit) {
    for (size_t at = 0; at < counts_.size(); ++at) {
      if (counts_[at] > 0)
        visit(static_cast<int32_t>(first_ + static_cast<int64_t>(at)), uint64_t{counts_[at]});
    }
    counts_ = std::vector<uint32_t>();
  }

  size_t heap_bytes() const { return counts_.capacity() * sizeof(uint32_t); }

 private:
  bool Make(int32_t index, uint64_t times);

  int32_t first_ = 0;  // the bucket of counts_[0]
  std::vector<uint32_t> counts_;
};

}  // namespace fieldmark::sketch
