#include "fieldmark/profile/field.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace fieldmark::profile {
namespace {

FieldSummary RandomField(std::mt19937_64& random) {
  FieldSummary field;
  const auto small = [&] { return random() % 5 == 0 ? random() >> (random() % 64) : random() % 3; };
  field.counts.documents = small();
  field.counts.seen = small();
  field.counts.nulls = small();
  field.counts.strings = small();
  field.counts.folded = small();
  field.counts.cut = small();
  for (uint64_t& count : field.counts.formats) {
    if (random() % 4 == 0) count = small();
  }
  for (size_t i = random() % 50; i > 0; --i) field.numbers.Add(static_cast<double>(random() % 1'000) - 200);
  for (size_t i = random() % 5; i > 0; --i)
    field.string_bytes.Add(static_cast<double>(random() % 40), 1 + random() % 9);
  for (size_t i = random() % 3; i > 0; --i) field.array_items.Add(static_cast<double>(random() % 7));
  for (size_t i = random() % 100; i > 0; --i) field.categories.Add(random() % 90 * 0x9E37'79B9'7F4A'7C15);
  return field;
}

std::string Encoded(const FieldSummary& field, Family family) {
  ByteWriter out;
  EncodeField(field, family, out);
  return std::move(out).Take();
}

// Decodes every family into one summary.
FieldSummary RoundTrip(const FieldSummary& field) {
  FieldSummary decoded;
  for (int family = 0; family < kFamilies; ++family) {
    const std::string bytes = Encoded(field, static_cast<Family>(family));
    ByteReader in(bytes);
    DecodeField(in, static_cast<Family>(family), decoded);
    EXPECT_TRUE(in.Finish("a field").ok());
  }
  return decoded;
}

TEST(FieldTest, MergesInAnyOrderAndGrouping) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    const FieldSummary a = RandomField(random), b = RandomField(random), c = RandomField(random);
    FieldSummary left = a;
    left.Merge(b);
    FieldSummary swapped = b;
    swapped.Merge(a);
    ASSERT_EQ(left, swapped);
    left.Merge(c);
    FieldSummary right = b;
    right.Merge(c);
    FieldSummary grouped = a;
    grouped.Merge(right);
    ASSERT_EQ(left, grouped);
    FieldSummary with_zero = a;
    with_zero.Merge(FieldSummary{});
    ASSERT_EQ(with_zero, a);
    FieldSummary from_zero;
    from_zero.Merge(a);
    ASSERT_EQ(from_zero, a);
  }
}

TEST(FieldTest, CountsStopAtTheLargest) {
  FieldSummary field;
  field.counts.seen = UINT64_MAX - 1;
  field.counts.formats[3] = UINT64_MAX - 1;
  FieldSummary more;
  more.counts.seen = 5;
  more.counts.formats[3] = 5;
  field.Merge(more);
  EXPECT_EQ(field.counts.seen, UINT64_MAX);
  EXPECT_EQ(field.counts.formats[3], UINT64_MAX);
}

TEST(FieldTest, ConcealingAndMergingCommute) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 200; ++round) {
    FieldSummary a = RandomField(random), b = RandomField(random);
    FieldSummary merged = a;
    merged.Merge(b);
    merged.Conceal();
    a.Conceal();
    b.Conceal();
    a.Merge(b);
    ASSERT_EQ(a, merged);
  }
}

TEST(FieldTest, EncodingLosesNothing) {
  std::mt19937_64 random(3);
  EXPECT_EQ(RoundTrip(FieldSummary{}), FieldSummary{});
  for (int round = 0; round < 200; ++round) {
    FieldSummary field = RandomField(random);
    ASSERT_EQ(RoundTrip(field), field);
    field.Conceal();
    ASSERT_EQ(RoundTrip(field), field);
  }
}

TEST(FieldTest, FamiliesAreApart) {
  std::mt19937_64 random(4);
  const FieldSummary field = RandomField(random);
  const std::string bytes = Encoded(field, Family::kCounts);
  ByteReader in(bytes);
  FieldSummary counts;
  DecodeField(in, Family::kCounts, counts);
  FieldSummary expected;
  expected.counts = field.counts;
  EXPECT_EQ(counts, expected);
}

TEST(FieldTest, FormatsCostWhatIsThere) {
  FieldSummary field;
  EXPECT_EQ(Encoded(field, Family::kCounts), std::string("\x00\x00", 2));
  field.counts.formats[static_cast<size_t>(sketch::Format::kEmail)] = 7;
  EXPECT_EQ(Encoded(field, Family::kCounts), std::string("\x00\x08\x07", 3));
}

TEST(FieldTest, DecodingAdds) {
  std::mt19937_64 random(5);
  const FieldSummary a = RandomField(random), b = RandomField(random);
  FieldSummary sum = a;
  sum.Merge(b);
  FieldSummary decoded = a;
  for (int family = 0; family < kFamilies; ++family) {
    const std::string bytes = Encoded(b, static_cast<Family>(family));
    ByteReader in(bytes);
    DecodeField(in, static_cast<Family>(family), decoded);
  }
  EXPECT_EQ(decoded, sum);
}

// A blob of a release with fewer counters: the others are zero.
TEST(FieldTest, AShorterListOfCountersIsRead) {
  ByteWriter out;
  out.Varint(2);
  out.Varint(7);
  out.Varint(9);
  out.Varint(0);  // no formats
  ByteReader in(out.bytes());
  FieldSummary field;
  DecodeField(in, Family::kCounts, field);
  EXPECT_TRUE(in.Finish("a field").ok());
  EXPECT_EQ(field.counts.documents, 7u);
  EXPECT_EQ(field.counts.seen, 9u);
  EXPECT_EQ(field.counts.nulls, 0u);
}

TEST(FieldTest, RefusesWhatWasNotEncoded) {
  struct Case {
    const char* why;
    Family family;
    std::string bytes;
  };
  const std::string many_counters = std::string(1, 17) + std::string(17, '\x01');
  for (const Case& each : std::vector<Case>{
           {"nothing", Family::kCounts, ""},
           {"a list cut short", Family::kCounts, std::string("\x03\x01\x01", 3)},
           {"a trailing zero", Family::kCounts, std::string("\x02\x01\x00", 3)},
           {"counters of a later release", Family::kCounts, many_counters},
           {"a format of a later release", Family::kCounts, std::string("\x00\x80\x80\x40\x01", 5)},
           {"a format that no string had", Family::kCounts, std::string("\x00\x01\x00", 3)},
           {"a histogram of a later release", Family::kDistributions, "\x08"},
           {"a histogram that is missing", Family::kDistributions, "\x01"},
           {"an empty histogram said to be present", Family::kDistributions,
            std::string("\x01\x00\x00\x00\x00", 5)},
           {"categories cut short", Family::kHashed, std::string("\x01\x00\x00", 3)},
           {"a family that does not exist", static_cast<Family>(9), std::string("\x00", 1)},
       }) {
    ByteReader in(each.bytes);
    FieldSummary field;
    DecodeField(in, each.family, field);
    EXPECT_FALSE(in.Finish("a field").ok()) << each.why;
  }
}

TEST(FieldTest, RefusesEveryProperPrefix) {
  std::mt19937_64 random(6);
  const FieldSummary whole = RandomField(random);
  for (int family = 0; family < kFamilies; ++family) {
    const std::string bytes = Encoded(whole, static_cast<Family>(family));
    for (size_t size = 0; size < bytes.size(); ++size) {
      const std::string prefix = bytes.substr(0, size);
      ByteReader in(prefix);
      FieldSummary field;
      DecodeField(in, static_cast<Family>(family), field);
      EXPECT_FALSE(in.Finish("a field").ok()) << "family " << family << " at " << size;
    }
  }
}

TEST(FieldTest, MergesFieldsByPath) {
  Fields a, b;
  a["x"].counts.seen = 1;
  a["y"].counts.seen = 2;
  b["y"].counts.seen = 3;
  b["z"].counts.seen = 4;
  MergeFields(a, b);
  EXPECT_EQ(a.size(), 3u);
  EXPECT_EQ(a["x"].counts.seen, 1u);
  EXPECT_EQ(a["y"].counts.seen, 5u);
  EXPECT_EQ(a["z"].counts.seen, 4u);
}

}  // namespace
}  // namespace fieldmark::profile
