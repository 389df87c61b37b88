#include "fieldmark/sketch/categories.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <random>

namespace fieldmark::sketch {
namespace {

using Occurrences = std::map<uint64_t, uint64_t>;  // the obvious twin: hash → count

std::string BytesOf(const Categories& categories) {
  ByteWriter out;
  categories.Encode(out);
  return std::move(out).Take();
}

Categories Of(const Occurrences& occurrences) {
  Categories categories;
  for (const auto& [hash, count] : occurrences) categories.Add(hash, count);
  return categories;
}

Occurrences RandomOccurrences(std::mt19937_64& random, size_t values) {
  Occurrences occurrences;
  const bool small_hashes = random() % 4 == 0;  // collide in cells and registers, tie in ranks
  while (occurrences.size() < values) {
    occurrences[small_hashes ? random() % 100'000 : random()] += 1 + random() % 9;
  }
  return occurrences;
}

void ExpectMatches(const Categories& found, const Occurrences& exact) {
  uint64_t total = 0;
  std::array<uint64_t, Categories::kCells> cells{};
  std::array<uint8_t, Categories::kRegisters> registers{};
  for (const auto& [hash, count] : exact) {
    total += count;
    cells[hash % 64] += count;
    // The definition of the rank, bit by bit.
    int rank = 1;
    for (int bit = 63; bit >= 17 && (hash >> bit & 1) == 0; --bit) ++rank;
    uint8_t& at = registers[hash / 64 % 2048];
    at = std::max(at, static_cast<uint8_t>(rank));
  }
  EXPECT_EQ(found.total(), total);
  EXPECT_EQ(found.CellCounts(), cells);
  ASSERT_EQ(found.entries().size(), std::min<size_t>(exact.size(), 64));
  auto expected = exact.begin();
  for (const CategoryCount& entry : found.entries()) {
    EXPECT_EQ(entry.hash, expected->first);
    EXPECT_EQ(entry.count, expected->second);
    ++expected;
  }
  EXPECT_EQ(found.overflowed(), exact.size() > 64);
  if (found.overflowed()) {
    EXPECT_TRUE(
        std::equal(registers.begin(), registers.end(), found.registers().begin(), found.registers().end()));
    EXPECT_TRUE(std::equal(cells.begin(), cells.end(), found.cells().begin(), found.cells().end()));
  } else {
    EXPECT_EQ(found.DistinctCount(), static_cast<double>(exact.size()));
  }
}

TEST(Categories, AgreeWithAMapInAnyOrderOfAdding) {
  std::mt19937_64 random(41);
  for (const size_t values : {0u, 1u, 2u, 63u, 64u, 65u, 66u, 200u, 5000u}) {
    for (int round = 0; round < 20; ++round) {
      const Occurrences exact = RandomOccurrences(random, values);
      std::vector<uint64_t> stream;
      for (const auto& [hash, count] : exact) stream.insert(stream.end(), count, hash);
      std::shuffle(stream.begin(), stream.end(), random);
      Categories found;
      for (const uint64_t hash : stream) found.Add(hash);
      ExpectMatches(found, exact);
      EXPECT_EQ(found, Of(exact)) << "one at a time, or counted";
    }
  }
}

TEST(Categories, TheSmallestAndTheLargestHashAreValuesLikeOthers) {
  Categories found;
  found.Add(0);
  found.Add(UINT64_MAX, 2);
  ExpectMatches(found, {{0, 1}, {UINT64_MAX, 2}});
  for (uint64_t i = 1; i < 70; ++i) found.Add(i);
  EXPECT_EQ(found.registers()[0], Categories::kRankMax);
  EXPECT_EQ(found.registers()[2047], 1);
}

TEST(Categories, AddingAGroupIsAddingEach) {
  std::mt19937_64 random(22);
  for (const uint64_t distinct : {3u, 64u, 65u, 5'000u}) {
    Categories together;
    Categories apart;
    for (int round = 0; round < 100; ++round) {
      std::vector<CategoryCount> group(random() % 30);
      for (CategoryCount& each : group) {
        each = {(random() % distinct + 1) * 0x9E37'79B9'7F4A'7C15, random() % 3};
        apart.Add(each.hash, each.count);
      }
      together.AddAll(group);
      ASSERT_EQ(together, apart) << distinct;
    }
  }
}

TEST(Categories, MergingIsTheSameOverAnyPartitionInAnyOrder) {
  std::mt19937_64 random(43);
  for (int round = 0; round < 400; ++round) {
    const Occurrences exact = RandomOccurrences(random, random() % 4 == 0 ? random() % 1000 : random() % 140);
    std::vector<Categories> parts(1 + random() % 6);
    for (const auto& [hash, count] : exact) {
      for (uint64_t left = count; left > 0;) {
        const uint64_t take = 1 + random() % left;
        parts[random() % parts.size()].Add(hash, take);
        left -= take;
      }
    }
    while (parts.size() > 1) {
      const size_t into = random() % parts.size();
      const size_t from = random() % parts.size();
      if (into == from) continue;
      parts[into].Merge(parts[from]);
      parts.erase(parts.begin() + static_cast<ptrdiff_t>(from));
    }
    ExpectMatches(parts[0], exact);
    EXPECT_EQ(BytesOf(parts[0]), BytesOf(Of(exact)));
  }
}

TEST(Categories, MergingWithItselfDoubles) {
  std::mt19937_64 random(47);
  for (const size_t values : {3u, 64u, 300u}) {
    Occurrences exact = RandomOccurrences(random, values);
    Categories found = Of(exact);
    found.Merge(found);
    for (auto& [hash, count] : exact) count *= 2;
    ExpectMatches(found, exact);
  }
}

// Standard error 1.04 / √2048 = 2.3 %; over 40 independent sets of each size the root of the mean squared
// error stays below 3 % and the mean within 1.5 %, each at four standard errors or more; of all sets together
// no more than 5 % and three standard errors of that are off by more than 4.6 %.
TEST(Categories, DistinctCountsAreUnbiasedAtEverySize) {
  std::mt19937_64 random(53);
  int sets = 0;
  int off = 0;
  for (const size_t values : {100u, 500u, 2'000u, 6'000u, 20'000u, 200'000u}) {
    double squares = 0;
    double bias = 0;
    for (int round = 0; round < 40; ++round) {
      Categories found;
      for (size_t i = 0; i < values; ++i) found.Add(random());
      const double error = found.DistinctCount() / static_cast<double>(values) - 1;
      squares += error * error;
      bias += error;
      ++sets;
      off += std::abs(error) > 0.046;
    }
    EXPECT_LT(std::sqrt(squares / 40), 0.032) << values;
    EXPECT_LT(std::abs(bias / 40), 0.015) << values;
  }
  EXPECT_LT(off, sets * 0.05 + 3 * std::sqrt(sets * 0.05 * 0.95));
}

TEST(Categories, CountsStopAtTheLargestNumberAndStayReadable) {
  for (const uint64_t values : {3u, 100u}) {
    Categories a;
    for (uint64_t i = 0; i < values; ++i) a.Add(i, UINT64_MAX / 2);
    a.Merge(a);
    a.Merge(a);
    EXPECT_EQ(a.total(), UINT64_MAX);
    const std::string bytes = BytesOf(a);
    ByteReader in(bytes);
    EXPECT_EQ(Categories::Decode(in), a);
    EXPECT_TRUE(in.ok());
  }
}

TEST(Categories, ComeBackFromTheirBytes) {
  std::mt19937_64 random(59);
  for (const size_t values : {0u, 1u, 63u, 64u, 65u, 100u, 255u, 256u, 257u, 258u, 300u, 3000u, 50'000u}) {
    const Categories categories = Of(RandomOccurrences(random, values));
    const std::string bytes = BytesOf(categories);
    ByteReader in(bytes);
    EXPECT_EQ(Categories::Decode(in), categories) << values;
    EXPECT_TRUE(in.ok() && in.done()) << values;
  }
}

TEST(Categories, DamagedBytesAreRefusedOrCanonical) {
  std::mt19937_64 random(61);
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = BytesOf(Of(RandomOccurrences(random, random() % 150)));
    for (uint64_t flips = 1 + random() % 3; flips > 0; --flips) {
      bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    ByteReader in(bytes);
    const Categories back = Categories::Decode(in);
    if (!in.ok()) continue;
    ++accepted;
    const std::string again = BytesOf(back);
    EXPECT_EQ(again, bytes.substr(0, again.size()));
    EXPECT_EQ(again.size(), in.offset());
  }
  EXPECT_GT(accepted, 100);
}

TEST(Categories, DecodeRefusesWhatBreaksAnInvariant) {
  const auto refused = [](const std::string& bytes) {
    ByteReader in(bytes);
    (void)Categories::Decode(in);
    return !in.ok();
  };
  const auto entries = [](const std::vector<CategoryCount>& list, size_t size) {
    ByteWriter out;
    out.Varint(size);
    for (const auto& [hash, count] : list) {
      out.Fixed64(hash);
      out.Varint(count);
    }
    return std::move(out).Take();
  };
  EXPECT_FALSE(refused(entries({{1, 1}, {2, 1}}, 2)));
  EXPECT_TRUE(refused(entries({{2, 1}, {1, 1}}, 2))) << "out of order";
  EXPECT_TRUE(refused(entries({{1, 1}, {1, 1}}, 2))) << "twice";
  EXPECT_TRUE(refused(entries({{1, 0}}, 1))) << "no count";
  EXPECT_TRUE(refused(entries({{1, 1}}, 2))) << "cut short";
  EXPECT_TRUE(refused(entries({{1, 1}, {2, 1}}, 1000))) << "more entries than bytes";

  // 64 entries in cell 0 and registers 0 to 63, all of rank 48 − 0: then cells and registers.
  std::vector<CategoryCount> list;
  for (uint64_t i = 0; i < 64; ++i) list.push_back({i << 6, 1});
  const auto overflowed = [&](uint64_t cell_0, uint64_t cell_1, size_t registers, uint8_t rank) {
    ByteWriter out;
    out.Raw(entries(list, 65));
    out.Varint(cell_0);
    out.Varint(cell_1);
    for (int i = 2; i < 64; ++i) out.Varint(0);
    out.Varint(registers);
    for (size_t i = 0; i < registers; ++i) {
      out.Varint(0);
      out.U8(i < 64 ? 48 : rank);
    }
    return std::move(out).Take();
  };
  EXPECT_FALSE(refused(overflowed(64, 1, 65, 3)));
  EXPECT_FALSE(refused(overflowed(65, 0, 64, 3))) << "the 65th value may share a register";
  EXPECT_TRUE(refused(overflowed(64, 0, 64, 3))) << "no 65th value";
  EXPECT_TRUE(refused(overflowed(63, 9, 65, 3))) << "a cell below its entries";
  EXPECT_TRUE(refused(overflowed(64, 1, 66, 3))) << "more registers than occurrences";
  EXPECT_TRUE(refused(overflowed(64, 1, 63, 3))) << "a register below its entry";
  EXPECT_TRUE(refused(overflowed(64, 1, 65, 49))) << "no such rank";
}

}  // namespace
}  // namespace fieldmark::sketch
