// Keyed hashing of values. A value hash must not be reversible by someone who holds summaries and knows some
// of the values, which rules out fast unkeyed hashes with a secret seed; SipHash is a pseudo-random function.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "fieldmark/base/result.h"

namespace fieldmark {

// The id of no key: of summaries whose hashes were made under more than one.
inline constexpr uint64_t kMixedKeys = ~uint64_t{0};

// 128 random bits per (environment, service). Summaries made under different keys never compare.
struct HashKey {
  std::array<uint8_t, 16> bytes{};

  // Names the key in summaries without giving it away: the key's hash of an empty string. Never zero
  // nor kMixedKeys.
  uint64_t Id() const;
  // 32 hexadecimal digits, either case.
  static Result<HashKey> FromHex(std::string_view hex);
  std::string ToHex() const;
  bool operator==(const HashKey&) const = default;
};

// SipHash-1-3 (Aumasson and Bernstein 2012, https://doi.org/10.1007/978-3-642-34931-7_28; one compression and
// three finalisation rounds) of `bytes` under `key`. The same on every machine.
uint64_t SipHash13(const HashKey& key, std::string_view bytes);
// The same of `tag` and then `bytes`, without joining them: half the time for short ones.
uint64_t SipHash13Tagged(const HashKey& key, char tag, std::string_view bytes);

// Texts of at most 16 bytes as they stand in memory, zeros behind, and a tag for each: what is alike
// together, as eight of them are hashed side by side. What lies behind `size` is not looked at.
struct ShortTexts {
  static constexpr size_t kSizeMax = 24;

  size_t size = 0;
  alignas(64) std::array<uint64_t, kSizeMax> low;
  std::array<uint64_t, kSizeMax> high;
  std::array<uint64_t, kSizeMax> bytes;
  std::array<uint64_t, kSizeMax> tags;

  void Add(char tag, uint64_t text_low, uint64_t text_high, size_t text_bytes) {
    low[size] = text_low;
    high[size] = text_high;
    bytes[size] = text_bytes;
    tags[size++] = static_cast<uint8_t>(tag);
  }
};
// The same of each text, in the machine's widest registers.
void SipHash13Tagged(const HashKey& key, const ShortTexts& texts,
                     std::array<uint64_t, ShortTexts::kSizeMax>& hashes);

}  // namespace fieldmark
