// Keyed hashing of values. A value hash must not be reversible by someone who holds summaries and knows some
// of the values, which rules out fast unkeyed hashes with a secret seed; SipHash is a pseudo-random function.
#pragma once

#include <array>
#include <cstdint>
#include <span>
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

// A text of at most 16 bytes as it stands in memory, zeros behind, and its tag.
struct ShortText {
  uint64_t low = 0;
  uint64_t high = 0;
  uint8_t size = 0;
  char tag = 0;
};
// The same of each text, into as many `hashes`: eight at a time, side by side in the machine's widest
// registers.
void SipHash13Tagged(const HashKey& key, std::span<const ShortText> texts, uint64_t* hashes);

}  // namespace fieldmark
