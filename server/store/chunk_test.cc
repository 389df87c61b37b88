#include "server/store/chunk.h"

#include <gtest/gtest.h>

#include <random>

namespace fieldmark::store {
namespace {

std::vector<ChunkEntry> MustUnpack(ChunkCodec& codec, std::string_view packed) {
  const Result<std::span<const ChunkEntry>> entries = codec.Unpack(packed);
  EXPECT_TRUE(entries.ok()) << entries.error().message;
  return {entries->begin(), entries->end()};
}

TEST(ChunkTest, GivesBackItsEntriesByTheirPlace) {
  ChunkCodec codec;
  const std::string large(100'000, 'a');
  for (const std::vector<ChunkEntry>& entries :
       {std::vector<ChunkEntry>{}, {{0, "x"}}, {{59, "last"}}, {{0, ""}, {7, large}, {71, "b"}}}) {
    EXPECT_EQ(MustUnpack(codec, codec.Pack(entries)), entries);
  }
}

TEST(ChunkTest, RefusesAnotherFormat) {
  ChunkCodec codec;
  std::string packed = codec.Pack(std::vector<ChunkEntry>{{0, "x"}});
  packed[0] = 2;
  EXPECT_EQ(codec.Unpack(packed).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(codec.Unpack("").error().code, ErrorCode::kDataLoss);
}

TEST(ChunkTest, NoticesEveryCutAndEveryChangedByte) {
  ChunkCodec codec;
  std::mt19937 random(7);
  std::string noise(500, '\0');
  for (char& byte : noise) byte = static_cast<char>(random());
  const std::string packed =
      codec.Pack(std::vector<ChunkEntry>{{3, noise}, {4, std::string_view(noise).substr(100)}});
  for (size_t size = 0; size < packed.size(); ++size) {
    ASSERT_FALSE(codec.Unpack(std::string_view(packed).substr(0, size)).ok()) << size;
  }
  for (size_t at = 0; at < packed.size(); ++at) {
    std::string changed = packed;
    changed[at] = static_cast<char>(changed[at] ^ (1 << random() % 8));
    const Result<std::span<const ChunkEntry>> got = codec.Unpack(changed);
    // A bit of the frame's header says nothing about the content.
    if (got.ok()) {
      ASSERT_EQ((*got)[0].bytes, noise) << at;
    }
  }
}

}  // namespace
}  // namespace fieldmark::store
