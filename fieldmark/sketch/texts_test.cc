#include "fieldmark/sketch/texts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace fieldmark::sketch {
namespace {

constexpr uint64_t kSpread = 0x9E37'79B9'7F4A'7C15;

std::string BytesOf(const Texts& texts) {
  ByteWriter out;
  texts.Encode(out);
  return std::move(out).Take();
}

bool Decodes(const std::string& bytes, Texts& texts) {
  ByteReader in(bytes);
  texts = Texts::Decode(in);
  return in.ok() && in.done();
}

TEST(Texts, KeepThoseOfTheSmallestHashesInAnyOrderAndPartition) {
  std::mt19937_64 random(7);
  for (const size_t values : {0u, 1u, 5u, 64u, 65u, 500u}) {
    std::map<uint64_t, std::string> exact;
    for (size_t i = 0; i < values; ++i) exact[i * kSpread] = "value " + std::to_string(i);
    std::vector<std::pair<uint64_t, std::string>> order(exact.begin(), exact.end());
    order.insert(order.end(), exact.begin(), exact.end());
    Texts before;
    for (int round = 0; round < 5; ++round) {
      std::shuffle(order.begin(), order.end(), random);
      std::vector<Texts> parts(1 + random() % 4);
      for (const auto& [hash, text] : order) parts[random() % parts.size()].Add(hash, false, text);
      Texts whole;
      for (const Texts& part : parts) whole.Merge(part);
      ASSERT_EQ(whole.entries().size(), std::min(values, Texts::kTextsMax));
      size_t i = 0;
      for (const auto& [hash, text] : exact) {
        if (i == whole.entries().size()) break;
        EXPECT_EQ(whole.entries()[i++], (ValueText{hash, false, text}));
      }
      if (round > 0) {
        EXPECT_EQ(whole, before);
      }
      before = whole;
      Texts back;
      ASSERT_TRUE(Decodes(BytesOf(whole), back));
      EXPECT_EQ(back, whole);
    }
  }
}

// Categories keep the smallest hashes too, of all values: each of them that was ever added here is known.
TEST(Texts, KnowEveryValueThatCategoriesCountExactly) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 20; ++round) {
    Categories categories;
    Texts texts;
    for (int i = 0; i < 2000; ++i) {
      const uint64_t value = random() % 300;
      categories.Add(value * kSpread);
      if (value % 3 == 0) texts.Add(value * kSpread, false, std::to_string(value));
    }
    for (const CategoryCount& entry : categories.entries()) {
      const uint64_t value = entry.hash * 0xF1DE'83E1'9937'733D;  // the spread's inverse
      ASSERT_EQ(value * kSpread, entry.hash);
      const ValueText* found = texts.Find(entry.hash);
      ASSERT_EQ(found != nullptr, value % 3 == 0);
      if (found != nullptr) {
        EXPECT_EQ(found->text, std::to_string(value));
      }
    }
  }
}

TEST(Texts, ALongOneIsCutAtACharacter) {
  Texts texts;
  texts.Add(1, false, std::string(64, 'a'));
  texts.Add(2, false, std::string(65, 'a'));
  texts.Add(3, false, std::string(60, 'a') + "ééé");
  EXPECT_EQ(texts.Find(1)->text, std::string(64, 'a'));
  EXPECT_EQ(texts.Find(2)->text, std::string(61, 'a') + "…");
  EXPECT_EQ(texts.Find(3)->text, std::string(60, 'a') + "…");
  EXPECT_EQ(texts.Find(4), nullptr);
}

TEST(Texts, OfTwoForOneHashTheSameWinsInAnyOrder) {
  Texts a, b;
  a.Add(1, true, "1e+22");
  b.Add(1, true, "10000000000000000000000");
  Texts ab = a, ba = b;
  ab.Merge(b);
  ba.Merge(a);
  EXPECT_EQ(ab, ba);
  ab.Merge(ab);
  EXPECT_EQ(ab, ba);
}

TEST(Texts, RefuseWhatNoWriterWrites) {
  Texts one;
  one.Add(1, false, "a");
  const std::string good = BytesOf(one);
  Texts back;
  ASSERT_TRUE(Decodes(good, back));
  std::string two = good + good.substr(1);
  two[0] = 2;
  std::string tag = good;
  tag[9] = 'x';
  std::string many(1, static_cast<char>(65));
  for (int i = 0; i < 65; ++i)
    many += std::string(1, static_cast<char>(i)) + std::string(7, '\0') + "s" + '\0';
  const std::string long_text = good.substr(0, 10) + std::string(1, 65) + std::string(65, 'a');
  const std::string no_text = good.substr(0, 10) + std::string("\x02\xC3\x28");
  for (const std::string& bytes :
       {std::string(), good.substr(0, good.size() - 1), two, tag, many, long_text, no_text})
    EXPECT_FALSE(Decodes(bytes, back)) << bytes.size();
}

}  // namespace
}  // namespace fieldmark::sketch
