// Categories: which values occur, how often, and how many different ones there are: by their hashes alone.
//
// Up to 64 different values every one has its exact count. Beyond, the 64 smallest hashes keep exact counts
// (the same values on both sides of a comparison: a coordinated bottom-k sample, Cohen and Kaplan 2007), 64
// cells count all occurrences by the hash's lowest six bits, so that one value which takes over shows among
// millions, and a HyperLogLog (Flajolet et al. 2007, p = 11, standard error 2.3 %) counts the different ones.
//
// Invariants (checked by Decode):
//  1. entries() is sorted by hash, without duplicates, at most kEntriesMax, counts above zero.
//  2. overflowed() == more than kEntriesMax different hashes were added. Then entries() holds the smallest
//     of them, and cells() and registers() are those of *all* occurrences; else both are empty, being
//     derivable.
//  3. A hash in entries() has been there since its first occurrence, so its count is exact: fewer than
//     kEntriesMax smaller ones exist in the union, hence in every part. Merging therefore is exact.
//
// Counts saturate (base/count.h). Cost: Add is a binary search of 64 and, once overflowed, two array writes;
// it allocates only before the overflow. 1 KiB, 4 KiB when overflowed.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "fieldmark/base/bytes.h"
#include "fieldmark/base/result.h"

namespace fieldmark::sketch {

struct CategoryCount {
  uint64_t hash;
  uint64_t count;

  bool operator==(const CategoryCount&) const = default;
};

class Categories {
 public:
  static constexpr size_t kEntriesMax = 64;
  static constexpr size_t kCells = 64;        // hash bits 0–5
  static constexpr size_t kRegisters = 2048;  // hash bits 6–16; rank from bits 17–63
  static constexpr int kRankMax = 48;

  void Add(uint64_t hash, uint64_t times = 1);
  // The same for each of a group; the fetches of the memory that they need overlap.
  void AddAll(std::span<const CategoryCount> group);
  void Merge(const Categories& other);

  bool empty() const { return entries_.empty(); }
  bool overflowed() const { return !registers_.empty(); }
  uint64_t total() const { return total_; }  // occurrences, all values
  std::span<const CategoryCount> entries() const { return entries_; }
  std::span<const uint64_t> cells() const { return cells_; }         // empty or kCells
  std::span<const uint8_t> registers() const { return registers_; }  // empty or kRegisters
  // Occurrences per cell, also before overflow.
  std::array<uint64_t, kCells> CellCounts() const;
  // Exact up to kEntriesMax, then estimated with a standard error of 2.3 %: within 4.6 % in 95 of 100 cases.
  double DistinctCount() const;

  void Encode(ByteWriter& out) const;
  // Fails the reader on anything that Encode cannot have written.
  static Categories Decode(ByteReader& in);
  bool operator==(const Categories&) const = default;

  // Bytes of memory beyond the object itself.
  size_t heap_bytes() const {
    return entries_.capacity() * sizeof(CategoryCount) + cells_.capacity() * sizeof(uint64_t) +
           registers_.capacity();
  }

 private:
  void Overflow();                            // derives cells and registers from the entries
  void Count(uint64_t hash, uint64_t times);  // into cells and registers
  bool DecodeOverflow(ByteReader& in);  // cells and registers, behind the entries; false when impossible

  uint64_t total_ = 0;
  std::vector<CategoryCount> entries_;
  std::vector<uint64_t> cells_;
  std::vector<uint8_t> registers_;
};

}  // namespace fieldmark::sketch
