#include "fieldmark/base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

#include "fieldmark/base/count.h"
#include "fieldmark/base/time.h"

namespace fieldmark {
namespace {

std::string VarintOf(uint64_t value) {
  ByteWriter out;
  out.Varint(value);
  return std::move(out).Take();
}

TEST(Bytes, VarintsHaveTheDocumentedBytes) {
  const struct {
    uint64_t value;
    std::string bytes;
  } cases[] = {
      {0, std::string("\x00", 1)},
      {1, "\x01"},
      {127, "\x7f"},
      {128, "\x80\x01"},
      {300, "\xac\x02"},
      {UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
  };
  for (const auto& [value, bytes] : cases) {
    EXPECT_EQ(VarintOf(value), bytes) << value;
    ByteReader in(bytes);
    EXPECT_EQ(in.Varint(), value);
    EXPECT_TRUE(in.ok() && in.done());
  }
}

TEST(Bytes, VarintsComeBackAtEveryPowerOfTwo) {
  for (int bit = 0; bit < 64; ++bit) {
    for (const uint64_t value : {uint64_t{1} << bit, (uint64_t{1} << bit) - 1, ~(uint64_t{1} << bit)}) {
      const std::string bytes = VarintOf(value);
      ByteReader in(bytes);
      EXPECT_EQ(in.Varint(), value);
      EXPECT_TRUE(in.ok() && in.done());
    }
  }
}

TEST(Bytes, OnlyTheShortestVarintIsRead) {
  for (const std::string_view bytes :
       {std::string_view("\x80\x00", 2), std::string_view("\xff\x00", 2), std::string_view("\x80"),
        std::string_view(""), std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
        std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
    ByteReader in(bytes);
    EXPECT_EQ(in.Varint(), 0u);
    EXPECT_FALSE(in.ok());
  }
}

TEST(Bytes, SignedNumbersAreZigZag) {
  const struct {
    int64_t value;
    uint64_t varint;
  } cases[] = {{0, 0}, {-1, 1}, {1, 2}, {-2, 3}, {INT64_MAX, UINT64_MAX - 1}, {INT64_MIN, UINT64_MAX}};
  for (const auto& [value, varint] : cases) {
    ByteWriter out;
    out.Signed(value);
    EXPECT_EQ(out.bytes(), VarintOf(varint)) << value;
    ByteReader in(out.bytes());
    EXPECT_EQ(in.Signed(), value);
  }
}

TEST(Bytes, FixedWidthsAreLittleEndian) {
  ByteWriter out;
  out.U8(0xab);
  out.Fixed32(0x01020304);
  out.Fixed64(0x0102030405060708);
  out.Double(1.0);
  EXPECT_EQ(out.bytes(), std::string("\xab\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x01"
                                     "\x00\x00\x00\x00\x00\x00\xf0\x3f",
                                     21));
  ByteReader in(out.bytes());
  EXPECT_EQ(in.U8(), 0xab);
  EXPECT_EQ(in.Fixed32(), 0x01020304u);
  EXPECT_EQ(in.Fixed64(), 0x0102030405060708u);
  EXPECT_EQ(in.Double(), 1.0);
  EXPECT_TRUE(in.Finish("a test").ok());
}

TEST(Bytes, AReaderStaysFailedAndGivesZero) {
  ByteReader in("abc");
  EXPECT_EQ(in.Fixed64(), 0u);
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.U8(), 0);
  EXPECT_EQ(in.Finish("a test").error().code, ErrorCode::kDataLoss);
}

TEST(Bytes, CountRefusesWhatCannotFollow) {
  const std::string bytes = VarintOf(3) + "12345";
  ByteReader two_each(bytes);
  EXPECT_EQ(two_each.Count(2), 0u);
  EXPECT_FALSE(two_each.ok());
  ByteReader one_each(bytes);
  EXPECT_EQ(one_each.Count(1), 3u);
  EXPECT_TRUE(one_each.ok());
  const std::string huge = VarintOf(UINT64_MAX) + "x";
  ByteReader overflowing(huge);
  EXPECT_EQ(overflowing.Count(16), 0u);
  EXPECT_FALSE(overflowing.ok());
}

TEST(Bytes, StringsMayHoldAnythingAndBytesLeftOverAreFound) {
  ByteWriter out;
  out.String(std::string_view("a\0b", 3));
  out.U8(1);
  ByteReader in(out.bytes());
  EXPECT_EQ(in.String(), std::string_view("a\0b", 3));
  EXPECT_FALSE(in.Finish("a test").ok());
}

TEST(Count, AdditionStopsAtTheLargestNumber) {
  EXPECT_EQ(AddSaturating(1, 2), 3u);
  EXPECT_EQ(AddSaturating(UINT64_MAX, 1), UINT64_MAX);
  EXPECT_EQ(AddSaturating(UINT64_MAX - 1, 1), UINT64_MAX);
  EXPECT_EQ(AddSaturating(UINT64_MAX, UINT64_MAX), UINT64_MAX);
}

TEST(Time, MinutesRoundDownAlsoBeforeTheEpoch) {
  EXPECT_EQ(MinuteOf(0), 0);
  EXPECT_EQ(MinuteOf(59'999), 0);
  EXPECT_EQ(MinuteOf(60'000), 1);
  EXPECT_EQ(MinuteOf(-1), -1);
  EXPECT_EQ(MinuteOf(-60'000), -1);
  EXPECT_EQ(MinuteOf(-60'001), -2);
}

}  // namespace
}  // namespace fieldmark
