// Histogram: how numbers are distributed, in exponential buckets. Merging is exact.
//
// Buckets are those of OpenTelemetry's exponential histogram and Prometheus' native one: at scale s, bucket i
// of a side holds magnitudes in (2^(i / 2^s), 2^((i + 1) / 2^s)]. Boundaries come from the bits of the double
// and a table of 32 exact ones, so every machine fills the same bucket. At scale 5 a quantile is off by at
// most 1.1 % of its value.
//
// Cost: Add is one comparison when the value falls where the last one fell, else a binary search of the
// occupied buckets; it allocates only for a bucket that was not occupied before. 16 bytes an occupied bucket,
// at most 1 024 a side. Not safe for use by several threads at once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "fieldmark/base/bytes.h"
#include "fieldmark/base/result.h"
#include "fieldmark/sketch/recent_buckets.h"
#include "fieldmark/sketch/sum.h"

namespace fieldmark::sketch {

struct HistogramBucket {
  int32_t index = 0;
  uint64_t count = 0;

  bool operator==(const HistogramBucket&) const = default;
};

struct WeightedValue {
  double value;
  uint64_t times;
};

// Invariants (checked by Decode):
//  1. Each side is sorted by index, without duplicates, without zero counts.
//  2. Both sides have one scale, in [kScaleMin, kScaleMax]: the largest at which either has ≤ kBucketsMax.
//     It is a function of the values alone, not of their order or grouping: this is the normal form.
//  3. count() == zero_count() + all bucket counts (saturating, see base/count.h).
//  4. min() lies in the lowest occupied bucket and max() in the highest; concealed, they are its outer edge.
//  5. An empty histogram is Histogram{}: it is never concealed, having nothing to hide.
class Histogram {
 public:
  static constexpr int kScaleMax = 5;
  static constexpr int kScaleMin = -2;
  static constexpr size_t kBucketsMax = 1024;

  // Adds `value` `times` times. `value` must be finite: callers count NaN and infinities elsewhere.
  void Add(double value, uint64_t times = 1);
  // The same for each of a small group, in less time. Buckets are counted in `recent`, as far as it takes
  // them; until Settle everything but buckets and scale is as if they had been counted here.
  void AddAll(std::span<const WeightedValue> group, RecentBuckets& recent);
  void Settle(RecentBuckets& recent);
  void Merge(const Histogram& other);

  bool empty() const { return count_ == 0; }
  uint64_t count() const { return count_; }
  uint64_t zero_count() const { return zero_count_; }
  int scale() const { return scale_; }
  std::span<const HistogramBucket> positive() const { return positive_; }
  std::span<const HistogramBucket> negative() const { return negative_; }  // by magnitude
  double min() const { return min_; }                                      // 0 when empty
  double max() const { return max_; }
  // None when the histogram was concealed, or merged with one that was.
  std::optional<double> sum() const;

  // The value at rank q·count, q in [0, 1], linear inside its bucket and clamped to [min, max]; 0 when empty.
  // It lies in the same bucket as the exact quantile, so the relative error is at most one bucket's width.
  double Quantile(double q) const;
  // Mean from the buckets' geometric midpoints: within 1.1 % of Σ|x|/n at scale 5. 0 when empty.
  double ApproximateMean() const;

  // How a histogram of payload values leaves the worker: min and max move outwards to their bucket's edges
  // and the sum goes (the sum of one value is the value). Irreversible, and what is merged with a concealed
  // one is concealed, hence Merge(Conceal(a), Conceal(b)) == Conceal(Merge(a, b)).
  void Conceal();
  bool concealed() const { return concealed_; }

  // Edges (lower exclusive, upper inclusive) of the bucket `index` of the positive side at `scale`: each the
  // largest double not above the true, irrational edge.
  static std::pair<double, double> BucketEdges(int32_t index, int scale);
  // The bucket of a positive finite magnitude at kScaleMax.
  static int32_t BucketIndex(double magnitude);

  void Encode(ByteWriter& out) const;
  // Fails the reader on anything that Encode cannot have written. Allocates at most 8 × the bytes it reads.
  static Histogram Decode(ByteReader& in);

  // Buckets, counts, min and max bit for bit; sums within Sum's error.
  bool operator==(const Histogram& other) const;

  // Bytes of memory beyond the object itself.
  size_t heap_bytes() const {
    return (positive_.capacity() + negative_.capacity()) * sizeof(HistogramBucket);
  }

 private:
  friend class HistogramColumn;

  void Count(double value, uint64_t times);  // into its bucket
  void Normalize();
  void DownscaleTo(int scale);
  // Sets min and max to the outer edges of the outermost buckets.
  void RoundOutwards();
  // Bounds Σ|x| from above, scaled down by 2^-80 to stay in range.
  double MagnitudeScaled() const;
  bool Valid() const;

  int scale_ = kScaleMax;
  bool concealed_ = false;
  uint64_t count_ = 0;
  uint64_t zero_count_ = 0;
  double min_ = 0;
  double max_ = 0;
  Sum sum_;
  std::vector<HistogramBucket> positive_;
  std::vector<HistogramBucket> negative_;
  size_t last_ = 0;  // position in positive_ where Add found its bucket; any value is safe
};

}  // namespace fieldmark::sketch
