// The bucket of a magnitude 2^e · m, 1 ≤ m < 2, is 32e − 1 plus the number of boundaries 2^(j/32), 0 ≤ j <
// 32, that lie strictly below m. All of them but the first are irrational, so comparing the mantissa's bits
// with the boundary's, rounded down, decides exactly. Coarser scales are the same index shifted right: with
// upper edges inclusive, bucket i at scale s lies inside bucket floor(i / 2) at scale s − 1.
#include "fieldmark/sketch/histogram.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "fieldmark/base/count.h"

namespace fieldmark::sketch {
namespace {

constexpr int kBoundaries = 32;
constexpr uint64_t kFractionBits = 52;
constexpr uint64_t kFractionMask = (uint64_t{1} << kFractionBits) - 1;
constexpr double kLargest = std::numeric_limits<double>::max();

// floor(2^(52 + j/32)) − 2^52: the fraction bits of each boundary, and of 2, which no fraction exceeds. The
// test derives them anew in integer arithmetic.
constexpr std::array<uint64_t, kBoundaries + 1> kFractions = {
    0x0000000000000, 0x059B0D3158574, 0x0B5586CF9890F, 0x11301D0125B50, 0x172B83C7D517A, 0x1D4873168B9AA,
    0x2387A6E756238, 0x29E9DF51FDEE1, 0x306FE0A31B715, 0x371A7373AA9CA, 0x3DEA64C123422, 0x44E086061892D,
    0x4BFDAD5362A27, 0x5342B569D4F81, 0x5AB07DD485429, 0x6247EB03A5584, 0x6A09E667F3BCC, 0x71F75E8EC5F73,
    0x7A11473EB0186, 0x82589994CCE12, 0x8ACE5422AA0DB, 0x93737B0CDC5E4, 0x9C49182A3F090, 0xA5503B23E255C,
    0xAE89F995AD3AD, 0xB7F76F2FB5E46, 0xC199BDD85529C, 0xCB720DCEF9069, 0xD5818DCFBA487, 0xDFC97337B9B5E,
    0xEA4AFA2A490D9, 0xF50765B6E4540, kFractionMask,
};

// Boundaries are more than 1/64 of an octave's fractions apart, so each of 64 equal stretches holds at most
// one: the number of boundaries before the stretch and one comparison give the bucket without a search.
constexpr int kStretchBits = 6;
constexpr std::array<uint8_t, 1 << kStretchBits> kBoundariesBefore = [] {
  std::array<uint8_t, 1 << kStretchBits> before{};
  for (uint64_t stretch = 0; stretch < before.size(); ++stretch) {
    const uint64_t begin = stretch << (kFractionBits - kStretchBits);
    while (before[stretch] < kBoundaries && kFractions[before[stretch]] < begin) ++before[stretch];
  }
  return before;
}();

// 2^(index / 32), rounded down to a double; the largest double where that is out of range.
double Edge(int64_t index) {
  const int64_t exponent = index >> Histogram::kScaleMax;
  const uint64_t fraction = kFractions[index & (kBoundaries - 1)];
  if (exponent > 1023) return kLargest;
  if (exponent >= -1022) {
    return std::bit_cast<double>(static_cast<uint64_t>(exponent + 1023) << kFractionBits | fraction);
  }
  const int64_t shift = -1022 - exponent;
  const uint64_t mantissa = uint64_t{1} << kFractionBits | fraction;
  return std::bit_cast<double>(shift > static_cast<int64_t>(kFractionBits) ? 0 : mantissa >> shift);
}

// The position of the first bucket not below `index`. Indexes are different integers: before it stand at most
// as many as lie between the first and `index`, behind it at most as many as between `index` and the last.
// That leaves as many positions as there are gaps, mostly few. Values come in no order, so a branch on each
// comparison would be guessed wrong half of the time; the loop compiles to none.
size_t Find(const std::vector<HistogramBucket>& side, int32_t index) {
  if (side.empty() || index <= side.front().index) return 0;
  if (index > side.back().index) return side.size();
  const size_t last = side.size() - 1;
  const auto behind = static_cast<size_t>(side.back().index - index);
  const size_t low = last > behind ? last - behind : 0;
  const size_t high = std::min(last, static_cast<size_t>(index - side.front().index));
  const HistogramBucket* at = side.data() + low;
  for (size_t left = high - low; left > 0;) {
    const size_t half = (left + 1) / 2;
    at += half * static_cast<size_t>(at[half - 1].index < index);
    left -= half;
  }
  return static_cast<size_t>(at - side.data());
}

// Returns the bucket's position.
size_t AddTo(std::vector<HistogramBucket>& side, int32_t index, uint64_t times) {
  const size_t at = Find(side, index);
  if (at < side.size() && side[at].index == index) {
    side[at].count = AddSaturating(side[at].count, times);
  } else {
    side.insert(side.begin() + static_cast<ptrdiff_t>(at), {index, times});
  }
  return at;
}

void Downscale(std::vector<HistogramBucket>& side, int shift) {
  size_t kept = 0;
  for (const HistogramBucket bucket : side) {
    const int32_t index = bucket.index >> shift;
    if (kept > 0 && side[kept - 1].index == index) {
      side[kept - 1].count = AddSaturating(side[kept - 1].count, bucket.count);
    } else {
      side[kept++] = {index, bucket.count};
    }
  }
  side.resize(kept);
}

// Both sorted by index. In place from the back, so that it allocates only when buckets are new.
void MergeSide(std::vector<HistogramBucket>& into, std::span<const HistogramBucket> from) {
  size_t shared = 0;
  for (size_t i = 0, j = 0; i < into.size() && j < from.size();) {
    shared += into[i].index == from[j].index;
    const int32_t at = into[i].index;
    i += at <= from[j].index;
    j += from[j].index <= at;
  }
  size_t i = into.size();
  size_t j = from.size();
  into.resize(i + j - shared);
  for (size_t to = into.size(); j > 0;) {
    if (i > 0 && into[i - 1].index > from[j - 1].index) {
      into[--to] = into[--i];
    } else if (i > 0 && into[i - 1].index == from[j - 1].index) {
      --i;
      --j;
      into[--to] = {from[j].index, AddSaturating(into[i].count, from[j].count)};
    } else {
      into[--to] = from[--j];
    }
  }
}

uint64_t CountOf(std::span<const HistogramBucket> side) {
  uint64_t count = 0;
  for (const HistogramBucket& bucket : side) count = AddSaturating(count, bucket.count);
  return count;
}

void EncodeSide(std::span<const HistogramBucket> side, ByteWriter& out) {
  out.Varint(side.size());
  int64_t next = 0;
  for (size_t i = 0; i < side.size(); ++i) {
    if (i == 0) {
      out.Signed(side[i].index);
    } else {
      out.Varint(static_cast<uint64_t>(side[i].index - next));
    }
    out.Varint(side[i].count);
    next = int64_t{side[i].index} + 1;
  }
}

// The buckets of the smallest and the largest magnitude, at scale 5.
constexpr int64_t kIndexMin = -1074 * kBoundaries - 1;
constexpr int64_t kIndexMax = 1024 * kBoundaries - 1;

bool DecodeSide(ByteReader& in, int shift, std::vector<HistogramBucket>& side) {
  const size_t size = in.Count(2);
  if (size > Histogram::kBucketsMax) return false;
  side.resize(size);
  int64_t next = 0;
  for (size_t i = 0; i < size; ++i) {
    int64_t index;
    if (i == 0) {
      index = in.Signed();
    } else {
      const uint64_t gap = in.Varint();
      if (gap > static_cast<uint64_t>(kIndexMax - kIndexMin)) return false;
      index = next + static_cast<int64_t>(gap);
    }
    if (index < (kIndexMin >> shift) || index > (kIndexMax >> shift)) return false;
    side[i] = {static_cast<int32_t>(index), in.Varint()};
    if (side[i].count == 0) return false;
    next = index + 1;
  }
  return in.ok();
}

constexpr uint8_t kScaleBits = 0x07;
constexpr uint8_t kConcealedBit = 0x08;

}  // namespace

int32_t Histogram::BucketIndex(double magnitude) {
  const uint64_t bits = std::bit_cast<uint64_t>(magnitude);
  uint64_t fraction = bits & kFractionMask;
  int exponent = static_cast<int>(bits >> kFractionBits) - 1023;
  if (exponent == -1023) {  // subnormal: shift the highest bit to where a normal number has its hidden one
    const int shift = std::countl_zero(fraction) - 11;
    fraction = (fraction << shift) & kFractionMask;
    exponent = -1022 - shift;
  }
  const int before = kBoundariesBefore[fraction >> (kFractionBits - kStretchBits)];
  return exponent * kBoundaries - 1 + before + (fraction > kFractions[before] ? 1 : 0);
}

std::pair<double, double> Histogram::BucketEdges(int32_t index, int scale) {
  const int shift = kScaleMax - scale;
  return {Edge(static_cast<int64_t>(index) << shift), Edge((static_cast<int64_t>(index) + 1) << shift)};
}

void Histogram::Add(double value, uint64_t times) {
  FM_DCHECK(std::isfinite(value));
  if (times == 0 || !std::isfinite(value)) return;
  value += 0.0;  // −0 is 0
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  count_ = AddSaturating(count_, times);
  if (!concealed_) sum_.Add(std::clamp(value * static_cast<double>(times), -kLargest, kLargest));
  Count(value, times);
  if (concealed_) RoundOutwards();
}

void Histogram::AddAll(std::span<const WeightedValue> group, RecentBuckets& recent) {
  // A handful of terms added without care lose a few bits of Σ|x|, far less than Sum promises to keep, unless
  // they leave the range.
  constexpr size_t kGroupMax = 64;
  double sum = 0;
  double low = count_ == 0 ? kLargest : min_;
  double high = count_ == 0 ? -kLargest : max_;
  uint64_t times = 0;
  bool plain = !concealed_ && group.size() <= kGroupMax;
  for (const WeightedValue& each : group) {
    plain = plain && each.times > 0;
    sum += each.value * static_cast<double>(each.times);
    low = std::min(low, each.value);
    high = std::max(high, each.value);
    times = AddSaturating(times, each.times);
  }
  if (!plain || !std::isfinite(sum)) {
    for (const WeightedValue& each : group) Add(each.value, each.times);
    return;
  }
  if (times == 0) return;
  min_ = low + 0.0;
  max_ = high + 0.0;
  count_ = AddSaturating(count_, times);
  sum_.Add(sum);
  for (const WeightedValue& each : group) {
    if (!(each.value > 0) || !recent.Count(BucketIndex(each.value), each.times))
      Count(each.value, each.times);
  }
}

inline void Histogram::Count(double value, uint64_t times) {
  if (value == 0) {
    zero_count_ = AddSaturating(zero_count_, times);
    return;
  }
  const int32_t index = BucketIndex(std::abs(value)) >> (kScaleMax - scale_);
  if (value < 0) {
    AddTo(negative_, index, times);
  } else if (last_ < positive_.size() && positive_[last_].index == index) {
    positive_[last_].count = AddSaturating(positive_[last_].count, times);
  } else {
    last_ = AddTo(positive_, index, times);
  }
  Normalize();
}

void Histogram::Settle(RecentBuckets& recent) {
  std::vector<HistogramBucket> side;
  recent.Settle([&](int32_t index, uint64_t times) { side.push_back({index, times}); });
  if (side.empty()) return;
  Downscale(side, kScaleMax - scale_);
  MergeSide(positive_, side);
  Normalize();
}

void Histogram::Merge(const Histogram& other) {
  if (other.empty()) return;
  if (&other == this) return Merge(Histogram(other));
  min_ = empty() ? other.min_ : std::min(min_, other.min_);
  max_ = empty() ? other.max_ : std::max(max_, other.max_);
  count_ = AddSaturating(count_, other.count_);
  zero_count_ = AddSaturating(zero_count_, other.zero_count_);
  sum_.Merge(other.sum_);
  concealed_ = concealed_ || other.concealed_;
  if (other.scale_ < scale_) DownscaleTo(other.scale_);
  if (other.scale_ == scale_) {
    MergeSide(positive_, other.positive_);
    MergeSide(negative_, other.negative_);
  } else {
    Histogram coarser = other;
    coarser.DownscaleTo(scale_);
    MergeSide(positive_, coarser.positive_);
    MergeSide(negative_, coarser.negative_);
  }
  Normalize();
  if (concealed_) Conceal();
}

void Histogram::Normalize() {
  while (positive_.size() > kBucketsMax || negative_.size() > kBucketsMax) DownscaleTo(scale_ - 1);
}

void Histogram::DownscaleTo(int scale) {
  Downscale(positive_, scale_ - scale);
  Downscale(negative_, scale_ - scale);
  scale_ = scale;
}

std::optional<double> Histogram::sum() const {
  if (concealed_) return std::nullopt;
  return sum_.value();
}

double Histogram::Quantile(double q) const {
  if (empty()) return 0;
  const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(count_);
  double below = 0;
  // Places `rank` inside a bucket of values in (lower, upper], or [lower, upper) on the negative side.
  const auto inside = [&](double lower, double upper, bool lower_open, uint64_t count) {
    double value = lower + (upper - lower) * std::max(0.0, (rank - below) / static_cast<double>(count));
    if (lower_open && value <= lower) value = std::nextafter(lower, upper);
    if (!lower_open && value >= upper) value = std::nextafter(upper, lower);
    return std::clamp(value, min_, max_);
  };
  for (auto bucket = negative_.rbegin(); bucket != negative_.rend(); ++bucket) {
    if (below + static_cast<double>(bucket->count) >= rank) {
      const auto [inner, outer] = BucketEdges(bucket->index, scale_);
      return inside(-outer, -inner, false, bucket->count);
    }
    below += static_cast<double>(bucket->count);
  }
  if (zero_count_ > 0 && below + static_cast<double>(zero_count_) >= rank) return 0;
  below += static_cast<double>(zero_count_);
  for (const HistogramBucket& bucket : positive_) {
    if (below + static_cast<double>(bucket.count) >= rank) {
      const auto [lower, upper] = BucketEdges(bucket.index, scale_);
      return inside(lower, upper, true, bucket.count);
    }
    below += static_cast<double>(bucket.count);
  }
  return max_;  // only where counts too large for a double lost their last bits
}

double Histogram::ApproximateMean() const {
  if (empty()) return 0;
  const double count = static_cast<double>(count_);
  double mean = 0;
  const auto add = [&](const HistogramBucket& bucket, double sign) {
    const auto [lower, upper] = BucketEdges(bucket.index, scale_);
    // √lower · √upper cannot overflow; at the very bottom the lower edge is 0.
    const double middle = lower > 0 ? std::sqrt(lower) * std::sqrt(upper) : upper;
    mean += sign * middle * (static_cast<double>(bucket.count) / count);
  };
  for (const HistogramBucket& bucket : negative_) add(bucket, -1);
  for (const HistogramBucket& bucket : positive_) add(bucket, 1);
  return std::clamp(mean, min_, max_);
}

void Histogram::Conceal() {
  if (empty()) return;
  concealed_ = true;
  sum_ = Sum();
  RoundOutwards();
}

void Histogram::RoundOutwards() {
  const auto outer = [&](const HistogramBucket& bucket) { return BucketEdges(bucket.index, scale_).second; };
  const auto inner = [&](const HistogramBucket& bucket) { return BucketEdges(bucket.index, scale_).first; };
  if (!negative_.empty()) {
    min_ = -outer(negative_.back());
  } else {
    min_ = zero_count_ > 0 ? 0 : inner(positive_.front());
  }
  if (!positive_.empty()) {
    max_ = outer(positive_.back());
  } else {
    max_ = zero_count_ > 0 ? 0 : 0.0 - inner(negative_.front());
  }
}

double Histogram::MagnitudeScaled() const {
  double magnitude = 0;
  for (const auto* side : {&positive_, &negative_}) {
    for (const HistogramBucket& bucket : *side) {
      magnitude += BucketEdges(bucket.index, scale_).second * 0x1p-80 * static_cast<double>(bucket.count);
    }
  }
  return magnitude;
}

bool Histogram::operator==(const Histogram& other) const {
  if (scale_ != other.scale_ || concealed_ != other.concealed_ || count_ != other.count_ ||
      zero_count_ != other.zero_count_ || min_ != other.min_ || max_ != other.max_ ||
      positive_ != other.positive_ || negative_ != other.negative_) {
    return false;
  }
  const double magnitude = MagnitudeScaled();
  // Near the end of the range partial sums may have overflowed in one order and not in another.
  if (magnitude >= kLargest / 2 * 0x1p-80) return true;
  return std::abs(sum_.high() * 0x1p-80 - other.sum_.high() * 0x1p-80) <= 2e-12 * magnitude;
}

void Histogram::Encode(ByteWriter& out) const {
  out.U8(static_cast<uint8_t>((kScaleMax - scale_) | (concealed_ ? kConcealedBit : 0)));
  out.Varint(zero_count_);
  EncodeSide(positive_, out);
  EncodeSide(negative_, out);
  if (empty() || concealed_) return;
  out.Double(min_);
  out.Double(max_);
  out.Double(sum_.high());
  out.Double(sum_.low());
}

Histogram Histogram::Decode(ByteReader& in) {
  Histogram histogram;
  const uint8_t head = in.U8();
  const int shift = head & kScaleBits;
  histogram.scale_ = kScaleMax - shift;
  histogram.concealed_ = (head & kConcealedBit) != 0;
  histogram.zero_count_ = in.Varint();
  if ((head & ~(kScaleBits | kConcealedBit)) != 0 || histogram.scale_ < kScaleMin ||
      !DecodeSide(in, shift, histogram.positive_) || !DecodeSide(in, shift, histogram.negative_)) {
    in.Fail();
    return {};
  }
  histogram.count_ = AddSaturating(histogram.zero_count_,
                                   AddSaturating(CountOf(histogram.positive_), CountOf(histogram.negative_)));
  if (histogram.concealed_ && !histogram.empty()) {
    histogram.RoundOutwards();
  } else if (!histogram.empty()) {
    histogram.min_ = in.Double();
    histogram.max_ = in.Double();
    const double high = in.Double();
    histogram.sum_ = Sum::FromParts(high, in.Double());
  }
  if (!in.ok() || !histogram.Valid()) {
    in.Fail();
    return {};
  }
  return histogram;
}

// What is left to check of the invariants once the buckets are in order.
bool Histogram::Valid() const {
  if (empty()) return scale_ == kScaleMax && !concealed_;
  // One scale finer a side has at most twice the buckets, and had too many.
  if (scale_ < kScaleMax && std::max(positive_.size(), negative_.size()) <= kBucketsMax / 2) return false;
  if (concealed_) return true;
  const double sum = sum_.high();
  if (!std::isfinite(sum) || sum + sum_.low() != sum || !std::isfinite(sum_.low())) return false;
  if (!std::isfinite(min_) || !std::isfinite(max_) || min_ > max_) return false;
  Histogram edges;
  edges.Add(min_);
  edges.Add(max_);
  edges.DownscaleTo(scale_);
  // The outermost buckets of {min, max} are those of all values; a −0 is none of ours.
  const auto same = [](const HistogramBucket& a, const HistogramBucket& b) { return a.index == b.index; };
  const bool low_ok =
      min_ < 0   ? !negative_.empty() && same(edges.negative_.back(), negative_.back())
      : min_ > 0 ? negative_.empty() && zero_count_ == 0 && same(edges.positive_.front(), positive_.front())
                 : negative_.empty() && zero_count_ > 0 && !std::signbit(min_);
  const bool high_ok =
      max_ > 0   ? !positive_.empty() && same(edges.positive_.back(), positive_.back())
      : max_ < 0 ? positive_.empty() && zero_count_ == 0 && same(edges.negative_.front(), negative_.front())
                 : positive_.empty() && zero_count_ > 0 && !std::signbit(max_);
  return low_ok && high_ok;
}

}  // namespace fieldmark::sketch
