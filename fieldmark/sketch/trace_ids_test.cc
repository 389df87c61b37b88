#include "fieldmark/sketch/trace_ids.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace fieldmark::sketch {
namespace {

TraceId IdOf(uint64_t number) {
  TraceId id{};
  for (size_t i = 0; i < 8; ++i) id[i] = static_cast<uint8_t>(number >> 8 * i);
  id[15] = 1;
  return id;
}

std::string BytesOf(const TraceIds& ids) {
  ByteWriter out;
  ids.Encode(out);
  return std::move(out).Take();
}

bool Decodes(const std::string& bytes, TraceIds& ids) {
  ByteReader in(bytes);
  ids = TraceIds::Decode(in);
  return in.ok() && in.done();
}

// The twin: all ids, ordered by hash, cut.
std::vector<TraceId> Exact(const std::vector<TraceId>& added) {
  std::set<std::pair<uint64_t, TraceId>> all;
  for (const TraceId& id : added) all.emplace(TraceIds::HashOf(id), id);
  std::vector<TraceId> kept;
  for (const auto& [hash, id] : all) {
    if (kept.size() < TraceIds::kIdsMax) kept.push_back(id);
  }
  return kept;
}

// None, one, few, many; in every order and partition; and back from their bytes.
TEST(TraceIds, AreThoseOfTheSmallestHashesHoweverTheyCame) {
  std::mt19937_64 random(31);
  for (const size_t count : {0u, 1u, 2u, 4u, 5u, 6u, 300u}) {
    std::vector<TraceId> added;
    for (uint64_t i = 0; i < count; ++i) added.push_back(IdOf(i));
    added.insert(added.end(), added.begin(), added.begin() + static_cast<ptrdiff_t>(count / 2));
    const std::vector<TraceId> exact = Exact(added);
    for (int round = 0; round < 30; ++round) {
      std::shuffle(added.begin(), added.end(), random);
      std::vector<TraceIds> parts(1 + random() % 5);
      for (const TraceId& id : added) parts[random() % parts.size()].Add(id);
      std::shuffle(parts.begin(), parts.end(), random);
      TraceIds whole;
      for (const TraceIds& part : parts) whole.Merge(part);
      ASSERT_EQ(whole.ids(), exact);
      EXPECT_EQ(whole.empty(), count == 0);
      TraceIds back;
      ASSERT_TRUE(Decodes(BytesOf(whole), back));
      EXPECT_EQ(back, whole);
    }
  }
}

TEST(TraceIds, MergingWithItselfOrNothingChangesNothing) {
  TraceIds ids;
  for (uint64_t i = 0; i < 9; ++i) ids.Add(IdOf(i));
  const TraceIds before = ids;
  ids.Merge(ids);
  ids.Merge(TraceIds());
  EXPECT_EQ(ids, before);
  TraceIds empty;
  empty.Merge(before);
  EXPECT_EQ(empty, before);
}

TEST(TraceIds, NoIdIsNotKept) {
  TraceIds ids;
  ids.Add(TraceId{});
  EXPECT_TRUE(ids.empty());
  EXPECT_EQ(BytesOf(ids), std::string(1, '\0'));
}

TEST(TraceIds, RefuseWhatNoWriterWrites) {
  TraceIds two;
  two.Add(IdOf(1));
  two.Add(IdOf(2));
  const std::string good = BytesOf(two);
  TraceIds back;
  ASSERT_TRUE(Decodes(good, back));
  const std::string first = good.substr(1, 16), second = good.substr(17);
  const std::string zero(16, '\0');
  std::string five(1, 5);
  for (uint64_t i = 0; i < 5; ++i) five += first;
  for (const std::string& bytes : {std::string(), good.substr(0, 32), "\x02" + second + first,
                                   "\x02" + first + first, "\x01" + zero, five})
    EXPECT_FALSE(Decodes(bytes, back)) << bytes.size();
}

TEST(TraceIds, AreReadFromTheHeaderOfTraceContext) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string rest = "-00f067aa0ba902b7-01";
  ASSERT_TRUE(TraceIdOf("00-" + trace + rest));
  EXPECT_EQ(ToHex(*TraceIdOf("00-" + trace + rest)), trace);
  EXPECT_TRUE(TraceIdOf("cc-" + trace + rest + "-what-comes-later"));
  for (const std::string& header :
       {std::string(), trace, "00-" + trace, "00-" + trace + rest + "-more", "00-" + trace + rest + "0",
        "ff-" + trace + rest, "0x-" + trace + rest, "00-" + std::string(32, '0') + rest,
        "00-4BF92F3577B34DA6A3CE929D0E0E4736" + rest, "00 " + trace + rest,
        "00-" + trace + "-00f067aa0ba902b7 01", "00-" + trace + " 00f067aa0ba902b7-01",
        "00-" + trace + "-00f067aa0ba902b7-xx", "00-" + trace + "-00f067aa0ba902bX-01"})
    EXPECT_FALSE(TraceIdOf(header)) << header;
}

}  // namespace
}  // namespace fieldmark::sketch
