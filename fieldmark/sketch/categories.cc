#include "fieldmark/sketch/categories.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "fieldmark/base/count.h"

namespace fieldmark::sketch {
namespace {

constexpr int kCellBits = 6;
constexpr int kRegisterBits = 11;
constexpr int kRankBits = 64 - kCellBits - kRegisterBits;
static_assert(1 << kCellBits == Categories::kCells && 1 << kRegisterBits == Categories::kRegisters &&
              kRankBits + 1 == Categories::kRankMax);

// Below so many occupied registers a list is shorter than all of them.
constexpr size_t kSparseMax = 256;

size_t CellOf(uint64_t hash) { return hash & (Categories::kCells - 1); }
size_t RegisterOf(uint64_t hash) { return (hash >> kCellBits) & (Categories::kRegisters - 1); }
// Leading zeros of bits 63–17, plus one: 1 to 48.
uint8_t RankOf(uint64_t hash) {
  const uint64_t rest = hash >> (kCellBits + kRegisterBits);
  return static_cast<uint8_t>(std::countl_zero(rest) - (64 - kRankBits) + 1);
}

bool BeforeHash(const CategoryCount& entry, uint64_t hash) { return entry.hash < hash; }

// The two series of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017): what the
// empty and the full registers add to the sum of 2^-rank, free of the bias that the original estimator needs
// tables for.
double Sigma(double x) {
  if (x == 1) return HUGE_VAL;
  double power = 1;
  double sum = x;
  for (double before = -1; sum != before; power += power) {
    x *= x;
    before = sum;
    sum += x * power;
  }
  return sum;
}

double Tau(double x) {
  if (x == 0 || x == 1) return 0;
  double power = 1;
  double sum = 1 - x;
  for (double before = -1; sum != before;) {
    x = std::sqrt(x);
    before = sum;
    power *= 0.5;
    sum -= (1 - x) * (1 - x) * power;
  }
  return sum / 3;
}

double EstimateDistinct(std::span<const uint8_t> registers) {
  std::array<double, Categories::kRankMax + 1> with_rank{};
  for (const uint8_t rank : registers) with_rank[rank] += 1;
  constexpr double kCount = Categories::kRegisters;
  double sum = kCount * Tau(1 - with_rank[Categories::kRankMax] / kCount);
  for (int rank = Categories::kRankMax - 1; rank >= 1; --rank) sum = 0.5 * (sum + with_rank[rank]);
  sum += kCount * Sigma(with_rank[0] / kCount);
  constexpr double kLn2 = 0.693147180559945309417;
  return kCount * kCount / (2 * kLn2 * sum);
}

// Told that the two do not overlap, a compiler takes sixteen at a time.
void TakeLarger(uint8_t* __restrict registers, const uint8_t* __restrict others) {
  for (size_t i = 0; i < Categories::kRegisters; ++i) registers[i] = std::max(registers[i], others[i]);
}

void EncodeRegisters(std::span<const uint8_t> registers, ByteWriter& out) {
  const size_t occupied =
      registers.size() - static_cast<size_t>(std::count(registers.begin(), registers.end(), uint8_t{0}));
  if (occupied > kSparseMax) {
    out.Varint(0);
    out.Raw({reinterpret_cast<const char*>(registers.data()), registers.size()});
    return;
  }
  out.Varint(occupied);
  size_t next = 0;
  for (size_t i = 0; i < registers.size(); ++i) {
    if (registers[i] == 0) continue;
    out.Varint(i - next);
    out.U8(registers[i]);
    next = i + 1;
  }
}

bool DecodeRegisters(ByteReader& in, std::vector<uint8_t>& registers) {
  registers.assign(Categories::kRegisters, 0);
  const size_t occupied = in.Count(2);
  if (occupied > kSparseMax) return false;
  if (occupied == 0) {
    const std::string_view raw = in.Raw(Categories::kRegisters);
    if (!in.ok()) return false;
    std::copy(raw.begin(), raw.end(), registers.begin());
    if (registers.size() - static_cast<size_t>(std::count(registers.begin(), registers.end(), uint8_t{0})) <=
        kSparseMax) {
      return false;
    }
  }
  size_t next = 0;
  for (size_t i = 0; i < occupied; ++i) {
    const uint64_t gap = in.Varint();
    if (!in.ok() || gap >= Categories::kRegisters - next) return false;
    next += gap;
    registers[next] = in.U8();
    if (registers[next] == 0) return false;
    ++next;
  }
  return in.ok() && std::all_of(registers.begin(), registers.end(),
                                [](uint8_t rank) { return rank <= Categories::kRankMax; });
}

}  // namespace

inline void Categories::Count(uint64_t hash, uint64_t times) {
  uint64_t& cell = cells_[CellOf(hash)];
  cell = AddSaturating(cell, times);
  uint8_t& rank = registers_[RegisterOf(hash)];
  rank = std::max(rank, RankOf(hash));
}

void Categories::Add(uint64_t hash, uint64_t times) {
  if (times == 0) return;
  total_ = AddSaturating(total_, times);
  if (overflowed()) {
    Count(hash, times);
    if (hash > entries_.back().hash) return;
  }
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), hash, BeforeHash);
  if (at != entries_.end() && at->hash == hash) {
    at->count = AddSaturating(at->count, times);
    return;
  }
  if (entries_.size() < kEntriesMax) {
    entries_.insert(at, {hash, times});
    return;
  }
  if (!overflowed()) {
    Overflow();
    Count(hash, times);
  }
  if (at == entries_.end()) return;
  std::move_backward(at, entries_.end() - 1, entries_.end());
  *at = {hash, times};
}

void Categories::AddAll(std::span<const CategoryCount> group) {
  if (!overflowed()) {
    for (const CategoryCount& each : group) Add(each.hash, each.count);
    return;
  }
  uint64_t* const cells = cells_.data();
  uint8_t* const registers = registers_.data();
  for (const CategoryCount& each : group) {
    __builtin_prefetch(&registers[RegisterOf(each.hash)], 1);
    __builtin_prefetch(&cells[CellOf(each.hash)], 1);
  }
  for (const CategoryCount& each : group) {
    if (each.hash <= entries_.back().hash) {
      Add(each.hash, each.count);
      continue;
    }
    total_ = AddSaturating(total_, each.count);
    uint64_t& cell = cells[CellOf(each.hash)];
    cell = AddSaturating(cell, each.count);
    if (each.count == 0) continue;
    uint8_t& rank = registers[RegisterOf(each.hash)];
    rank = std::max(rank, RankOf(each.hash));
  }
}

void Categories::Merge(const Categories& other) {
  if (other.empty()) return;
  if (&other == this) return Merge(Categories(other));
  if (!other.overflowed()) {
    // Each of its values has its exact count, so adding them is adding its occurrences.
    for (const CategoryCount& entry : other.entries_) Add(entry.hash, entry.count);
    return;
  }
  if (!overflowed()) {
    Categories merged = other;
    merged.Merge(*this);
    *this = std::move(merged);
    return;
  }
  total_ = AddSaturating(total_, other.total_);
  for (size_t i = 0; i < kCells; ++i) cells_[i] = AddSaturating(cells_[i], other.cells_[i]);
  TakeLarger(registers_.data(), other.registers_.data());
  std::vector<CategoryCount> merged;
  merged.reserve(kEntriesMax);
  auto mine = entries_.begin();
  auto theirs = other.entries_.begin();
  // Both have kEntriesMax entries, so neither ends before the smallest kEntriesMax of both are taken.
  while (merged.size() < kEntriesMax) {
    if (mine->hash == theirs->hash) {
      merged.push_back({mine->hash, AddSaturating(mine->count, theirs->count)});
      ++mine;
      ++theirs;
    } else {
      merged.push_back(mine->hash < theirs->hash ? *mine++ : *theirs++);
    }
  }
  entries_ = std::move(merged);
}

std::array<uint64_t, Categories::kCells> Categories::CellCounts() const {
  std::array<uint64_t, kCells> counts{};
  if (overflowed()) {
    std::copy(cells_.begin(), cells_.end(), counts.begin());
  } else {
    for (const CategoryCount& entry : entries_) {
      uint64_t& cell = counts[CellOf(entry.hash)];
      cell = AddSaturating(cell, entry.count);
    }
  }
  return counts;
}

double Categories::DistinctCount() const {
  if (!overflowed()) return static_cast<double>(entries_.size());
  return std::max(static_cast<double>(kEntriesMax + 1), EstimateDistinct(registers_));
}

void Categories::Overflow() {
  cells_.assign(kCells, 0);
  registers_.assign(kRegisters, 0);
  for (const CategoryCount& entry : entries_) Count(entry.hash, entry.count);
}

void Categories::Encode(ByteWriter& out) const {
  out.Varint(entries_.size() + (overflowed() ? 1 : 0));
  for (const CategoryCount& entry : entries_) {
    out.Fixed64(entry.hash);
    out.Varint(entry.count);
  }
  if (!overflowed()) return;
  for (const uint64_t cell : cells_) out.Varint(cell);
  EncodeRegisters(registers_, out);
}

Categories Categories::Decode(ByteReader& in) {
  Categories categories;
  const size_t size = in.Count(9);
  const bool overflowed = size == kEntriesMax + 1;
  bool valid = size <= kEntriesMax + 1;
  categories.entries_.reserve(valid ? std::min(size, kEntriesMax) : 0);
  for (size_t i = 0; valid && i < std::min(size, kEntriesMax); ++i) {
    const uint64_t hash = in.Fixed64();
    const CategoryCount entry{hash, in.Varint()};
    valid = in.ok() && entry.count > 0 && (i == 0 || entry.hash > categories.entries_.back().hash);
    categories.total_ = AddSaturating(categories.total_, entry.count);
    categories.entries_.push_back(entry);
  }
  valid = valid && (!overflowed || categories.DecodeOverflow(in));
  if (!in.ok() || !valid) {
    in.Fail();
    return {};
  }
  return categories;
}

bool Categories::DecodeOverflow(ByteReader& in) {
  const std::array<uint64_t, kCells> of_entries = CellCounts();
  cells_.resize(kCells);
  total_ = 0;
  uint64_t others = 0;  // occurrences of values that are not among the entries
  for (size_t i = 0; i < kCells; ++i) {
    cells_[i] = in.Varint();
    if (cells_[i] < of_entries[i]) return false;
    total_ = AddSaturating(total_, cells_[i]);
    others = AddSaturating(others, cells_[i] - of_entries[i]);
    if (cells_[i] == UINT64_MAX) others = UINT64_MAX;
  }
  if (!DecodeRegisters(in, registers_)) return false;
  std::array<uint8_t, kRegisters> expected{};
  for (const CategoryCount& entry : entries_) {
    uint8_t& rank = expected[RegisterOf(entry.hash)];
    rank = std::max(rank, RankOf(entry.hash));
  }
  // A larger hash has no more leading zeros, and each register that the entries do not explain takes one
  // occurrence.
  const uint8_t rank_max = RankOf(entries_.back().hash);
  uint64_t unexplained = 0;
  for (size_t i = 0; i < kRegisters; ++i) {
    if (registers_[i] == expected[i]) continue;
    if (registers_[i] < expected[i] || registers_[i] > rank_max) return false;
    ++unexplained;
  }
  return others >= std::max<uint64_t>(unexplained, 1);
}

}  // namespace fieldmark::sketch
