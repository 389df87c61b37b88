#include "fieldmark/base/hash.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace fieldmark {
namespace {

std::string Counting(size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

// An independent implementation's answers: CPython 3.11 hashes bytes by SipHash-1-3, under a key of zeros
// with PYTHONHASHSEED=0 and under the first 16 bytes of its seed generator with another seed.
TEST(Hash, SipHash13AgreesWithAnIndependentImplementation) {
  const std::string zero_key(32, '0');
  const std::string other_key = "af90cd68d34f50dcc1e999fe9fbb20b9";  // of PYTHONHASHSEED=42
  const struct {
    std::string key;
    std::string bytes;
    uint64_t hash;
  } cases[] = {
      {zero_key, "a", 0x407448d2b89b1813},          {zero_key, "1234567", 0xa33d651594fdae81},
      {zero_key, "12345678", 0x3489982430560a87},   {zero_key, "123456789", 0x0fbc0f0007965fcf},
      {zero_key, "fieldmark", 0x8fc28be1f077c9ec},  {zero_key, Counting(63), 0x385d3e39e5f37359},
      {other_key, "a", 0xfe4a47335692551e},         {other_key, "1234567", 0xf426c87f0d9890ae},
      {other_key, "12345678", 0x84eb586ab30cc7f5},  {other_key, "123456789", 0x2cc2cece25c33444},
      {other_key, "fieldmark", 0x58f664da3407b4a0}, {other_key, Counting(63), 0x06e24d6f0d014c37},
  };
  for (const auto& [key, bytes, hash] : cases) {
    EXPECT_EQ(SipHash13(*HashKey::FromHex(key), bytes), hash) << key << " " << bytes.size();
  }
}

TEST(Hash, ATaggedMessageIsTheTagAndTheBytes) {
  const HashKey key = *HashKey::FromHex("af90cd68d34f50dcc1e999fe9fbb20b9");
  for (size_t size = 0; size < 100; ++size) {
    const std::string bytes = Counting(size);
    EXPECT_EQ(SipHash13Tagged(key, '\x80', bytes), SipHash13(key, '\x80' + bytes)) << size;
  }
  EXPECT_EQ(SipHash13Tagged(key, 's', {}), SipHash13(key, "s"));
}

TEST(Hash, ManyShortTextsHashAsEachAlone) {
  const HashKey key = *HashKey::FromHex("000102030405060708090a0b0c0d0e0f");
  const std::string bytes = "\xF0 sixteen bytes!";
  for (size_t count = 0; count <= ShortTexts::kSizeMax; ++count) {
    ShortTexts texts;
    for (size_t i = 0; i < count; ++i) {
      std::array<uint64_t, 2> words{};
      const size_t size = (i * 7 + count) % 17;
      std::memcpy(words.data(), bytes.data(), size);
      texts.Add(static_cast<char>('\xE0' + i), words[0], words[1], size);
    }
    std::array<uint64_t, ShortTexts::kSizeMax> hashes;
    SipHash13Tagged(key, texts, hashes);
    for (size_t i = 0; i < count; ++i) {
      const std::string_view text = std::string_view(bytes).substr(0, texts.bytes[i]);
      EXPECT_EQ(hashes[i], SipHash13Tagged(key, static_cast<char>(texts.tags[i]), text)) << i;
    }
  }
}

TEST(Hash, EveryBitOfTheKeyAndTheLengthMatter) {
  const HashKey zero;
  const uint64_t plain = SipHash13(zero, "value");
  for (size_t bit = 0; bit < 128; ++bit) {
    HashKey key;
    key.bytes[bit / 8] = static_cast<uint8_t>(1 << bit % 8);
    EXPECT_NE(SipHash13(key, "value"), plain) << bit;
    EXPECT_NE(key.Id(), zero.Id()) << bit;
  }
  EXPECT_NE(SipHash13(zero, std::string_view("\0", 1)), SipHash13(zero, std::string_view("\0\0", 2)));
}

TEST(Hash, KeysReadAndPrintHexadecimal) {
  const std::string hex = "00112233445566778899aabbccddeeff";
  EXPECT_EQ(HashKey::FromHex(hex)->ToHex(), hex);
  EXPECT_EQ(HashKey::FromHex("00112233445566778899AABBCCDDEEFF")->ToHex(), hex);
  for (const char* bad : {"", "00", "0011223344556677 899aabbccddeeff", "g0112233445566778899aabbccddeeff",
                          "00112233445566778899aabbccddeeff00"}) {
    const Result<HashKey> key = HashKey::FromHex(bad);
    ASSERT_FALSE(key.ok()) << bad;
    EXPECT_EQ(key.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace fieldmark
