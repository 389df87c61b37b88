#include "fieldmark/sketch/histogram_column.h"

#include <algorithm>

#include "fieldmark/base/count.h"

namespace fieldmark::sketch {
namespace {

static_assert(sizeof(PackedBucket) == 8);
constexpr size_t kBlockBuckets = 64;  // of the first one; each is twice the one before, up to
constexpr size_t kBlockBucketsMax = 4096;

std::vector<HistogramBucket> Unpacked(std::span<const PackedBucket> side) {
  std::vector<HistogramBucket> buckets;
  buckets.reserve(side.size());
  for (const PackedBucket bucket : side) buckets.push_back({bucket.index(), bucket.count()});
  return buckets;
}

// Counts of a side, one for every index between its lowest and its highest.
class SideCounts {
 public:
  // Of indices that are shifted down so far.
  void Add(std::span<const PackedBucket> side, int shift) {
    if (side.empty()) return;
    Cover(side.front().index() >> shift, side.back().index() >> shift);
    uint64_t* counts = counts_.data();
    for (const PackedBucket bucket : side) {
      uint64_t& count = counts[(bucket.index() >> shift) - first_];
      count = AddSaturating(count, bucket.count());
    }
  }

  std::vector<HistogramBucket> Buckets() const {
    std::vector<HistogramBucket> buckets;
    for (size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > 0) buckets.push_back({first_ + static_cast<int32_t>(i), counts_[i]});
    }
    return buckets;
  }

 private:
  void Cover(int32_t from, int32_t to) {
    if (counts_.empty()) first_ = from;
    if (from < first_) {
      counts_.insert(counts_.begin(), static_cast<size_t>(first_ - from), 0);
      first_ = from;
    }
    const auto needed = static_cast<size_t>(to - first_ + 1);
    if (needed > counts_.size()) counts_.resize(needed);
  }

  int32_t first_ = 0;
  std::vector<uint64_t> counts_;
};

}  // namespace

void HistogramColumn::push_back(const Histogram& histogram) {
  place_of_.emplace_back();
  Set(place_of_.size() - 1, histogram);
}

Histogram HistogramColumn::operator[](size_t step) const {
  const Step& packed = At(step);
  Histogram histogram;
  histogram.scale_ = packed.scale;
  histogram.concealed_ = packed.concealed;
  histogram.count_ = packed.count;
  histogram.zero_count_ = packed.zero_count;
  histogram.min_ = packed.min;
  histogram.max_ = packed.max;
  histogram.sum_ = packed.sum;
  histogram.positive_ = Unpacked(positive(step));
  histogram.negative_ = Unpacked(negative(step));
  return histogram;
}

PackedBucket* HistogramColumn::RoomFor(size_t buckets, Step& step) {
  const size_t held = size_t{step.negatives} + step.positives;
  if (buckets == 0) return nullptr;
  if (buckets <= held) return blocks_[step.block].data() + step.begin;
  if (held > 0 && step.block + 1 == blocks_.size() && step.begin + held == blocks_.back().size())
    blocks_.back().resize(step.begin);
  if (blocks_.empty() || blocks_.back().size() + buckets > blocks_.back().capacity()) {
    const size_t next = blocks_.empty() ? kBlockBuckets : 2 * blocks_.back().capacity();
    blocks_.emplace_back().reserve(std::max(buckets, std::min(next, kBlockBucketsMax)));
  }
  std::vector<PackedBucket>& block = blocks_.back();
  step.block = static_cast<uint32_t>(blocks_.size() - 1);
  step.begin = static_cast<uint32_t>(block.size());
  block.resize(block.size() + buckets);
  return block.data() + step.begin;
}

void HistogramColumn::Set(size_t step, const Histogram& histogram) {
  uint32_t& place = place_of_[step];
  if (place == 0) {
    if (histogram.empty()) return;
    place = static_cast<uint32_t>(steps_.size());
    steps_.emplace_back();
  }
  Step& packed = steps_[place];
  PackedBucket* at = RoomFor(histogram.negative_.size() + histogram.positive_.size(), packed);
  packed.negatives = static_cast<uint16_t>(histogram.negative_.size());
  packed.positives = static_cast<uint16_t>(histogram.positive_.size());
  packed.scale = static_cast<int8_t>(histogram.scale_);
  packed.concealed = histogram.concealed_;
  packed.zero_count = std::min(histogram.zero_count_, PackedBucket::kCountMax);
  packed.count = packed.zero_count;
  packed.min = histogram.min_;
  packed.max = histogram.max_;
  packed.sum = histogram.sum_;
  // So many counts of 47 bits do not overflow.
  static_assert(2 * Histogram::kBucketsMax < uint64_t{1} << 16);
  for (const auto* side : {&histogram.negative_, &histogram.positive_}) {
    for (const HistogramBucket& bucket : *side) packed.count += (*at++ = PackedBucket(bucket)).count();
  }
}

void HistogramColumn::Merge(size_t step, const Histogram& histogram) {
  if (histogram.empty()) return;
  if (count(step) == 0) return Set(step, histogram);
  Histogram merged = (*this)[step];
  merged.Merge(histogram);
  Set(step, merged);
}

size_t HistogramColumn::heap_bytes() const {
  size_t bytes = place_of_.capacity() * sizeof(uint32_t) + steps_.capacity() * sizeof(Step);
  for (const std::vector<PackedBucket>& block : blocks_) bytes += block.capacity() * sizeof(PackedBucket);
  return bytes;
}

Histogram HistogramColumn::Merged(size_t from, size_t to,
                                  const std::function<bool(size_t step)>& wanted) const {
  std::vector<size_t> steps;
  Histogram merged;
  for (size_t step = from; step < to; ++step) {
    if (count(step) == 0 || !wanted(step)) continue;
    steps.push_back(step);
    merged.scale_ = std::min(merged.scale_, scale(step));
  }
  SideCounts positives, negatives;
  for (const size_t step : steps) {
    const Step& packed = At(step);
    merged.min_ = merged.empty() ? packed.min : std::min(merged.min_, packed.min);
    merged.max_ = merged.empty() ? packed.max : std::max(merged.max_, packed.max);
    merged.count_ = AddSaturating(merged.count_, packed.count);
    merged.zero_count_ = AddSaturating(merged.zero_count_, packed.zero_count);
    merged.sum_.Merge(packed.sum);
    merged.concealed_ = merged.concealed_ || packed.concealed;
    positives.Add(positive(step), packed.scale - merged.scale_);
    negatives.Add(negative(step), packed.scale - merged.scale_);
  }
  merged.positive_ = positives.Buckets();
  merged.negative_ = negatives.Buckets();
  merged.Normalize();
  if (merged.concealed_) merged.Conceal();
  return merged;
}

}  // namespace fieldmark::sketch
