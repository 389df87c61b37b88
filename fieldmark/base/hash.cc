#include "fieldmark/base/hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace fieldmark {
namespace {

static_assert(std::endian::native == std::endian::little);

uint64_t Load64(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

uint64_t Load32(const char* from) {
  uint32_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// `size` bytes, at most seven, as the low bytes of a word: loads that overlap instead of a loop.
uint64_t LoadBelow8(const char* from, size_t size) {
  if (size >= 4) return Load32(from) | Load32(from + size - 4) << (8 * (size - 4));
  if (size == 0) return 0;  // an empty view may point nowhere
  const auto byte = [from](size_t i) { return uint64_t{static_cast<uint8_t>(from[i])} << (8 * i); };
  return byte(0) | byte(size / 2) | byte(size - 1);
}

struct SipState {
  uint64_t v0, v1, v2, v3;

  explicit SipState(const HashKey& key) {
    const char* raw_key = reinterpret_cast<const char*>(key.bytes.data());
    const uint64_t k0 = Load64(raw_key);
    const uint64_t k1 = Load64(raw_key + 8);
    // "somepseudorandomlygeneratedbytes", the constants of the paper.
    v0 = k0 ^ 0x736f6d6570736575;
    v1 = k1 ^ 0x646f72616e646f6d;
    v2 = k0 ^ 0x6c7967656e657261;
    v3 = k1 ^ 0x7465646279746573;
  }
  void Round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void Absorb(uint64_t word) {
    v3 ^= word;
    Round();
    v0 ^= word;
  }
  // `rest` holds what no whole word did, of a message of `size` bytes.
  uint64_t Finish(uint64_t rest, size_t size) {
    Absorb(static_cast<uint64_t>(size) << 56 | rest);
    v2 ^= 0xFF;
    Round();
    Round();
    Round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

// Eight hashes side by side. The compiler splits these into what registers there are.
constexpr size_t kLanes = 8;
typedef uint64_t Lanes __attribute__((vector_size(kLanes * sizeof(uint64_t))));

// Functions of references: how such values are passed differs between machines.
struct SipLanes {
  Lanes v0, v1, v2, v3;

  [[gnu::always_inline]] static inline void Rotate(Lanes& lanes, int by) {
    lanes = lanes << by | lanes >> (64 - by);
  }
  [[gnu::always_inline]] inline void Round() {
    v0 += v1;
    Rotate(v1, 13);
    v1 ^= v0;
    Rotate(v0, 32);
    v2 += v3;
    Rotate(v3, 16);
    v3 ^= v2;
    v0 += v3;
    Rotate(v3, 21);
    v3 ^= v0;
    v2 += v1;
    Rotate(v1, 17);
    v1 ^= v2;
    Rotate(v2, 32);
  }
  // In the lanes whose bits in `where` are set.
  [[gnu::always_inline]] inline void Absorb(const Lanes& words, const Lanes& where) {
    const SipLanes before = *this;
    v3 ^= words;
    Round();
    v0 ^= words;
    v0 = (v0 & where) | (before.v0 & ~where);
    v1 = (v1 & where) | (before.v1 & ~where);
    v2 = (v2 & where) | (before.v2 & ~where);
    v3 = (v3 & where) | (before.v3 & ~where);
  }
};

// A tag and at most 16 bytes are three words, the last of which has their number on top: word w is absorbed
// by those that reach it. Of what is no text the hash is nothing.
[[gnu::always_inline]] inline void HashLanes(const HashKey& key, const ShortTexts& texts, size_t from,
                                             uint64_t* hashes) {
  Lanes low, high, sizes, tags;
  std::memcpy(&low, &texts.low[from], sizeof low);
  std::memcpy(&high, &texts.high[from], sizeof high);
  std::memcpy(&sizes, &texts.bytes[from], sizeof sizes);
  std::memcpy(&tags, &texts.tags[from], sizeof tags);
  sizes += 1;
  const Lanes last = sizes >> 3;
  const Lanes words[3] = {low << 8 | tags, high << 8 | low >> 56, high >> 56};
  const SipState start(key);
  const Lanes zero{};
  SipLanes state{zero + start.v0, zero + start.v1, zero + start.v2, zero + start.v3};
#pragma GCC unroll 3
  for (uint64_t word = 0; word < 3; ++word) {
    const Lanes ends = reinterpret_cast<Lanes>(last == word);
    const Lanes reached = reinterpret_cast<Lanes>(last >= word);
    state.Absorb(words[word] | (ends & (sizes << 56)), reached);
  }
  state.v2 ^= zero + 0xFF;
  state.Round();
  state.Round();
  state.Round();
  const Lanes result = state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
  std::memcpy(hashes, &result, sizeof result);
}

using HashLanesFunction = void (*)(const HashKey&, const ShortTexts&, size_t, uint64_t*);
void HashLanesAnywhere(const HashKey& key, const ShortTexts& texts, size_t from, uint64_t* hashes) {
  HashLanes(key, texts, from, hashes);
}
#if defined(__x86_64__)
[[gnu::target("avx2")]] void HashLanesAvx2(const HashKey& key, const ShortTexts& texts, size_t from,
                                           uint64_t* hashes) {
  HashLanes(key, texts, from, hashes);
}
[[gnu::target("avx512f")]] void HashLanesAvx512(const HashKey& key, const ShortTexts& texts, size_t from,
                                                uint64_t* hashes) {
  HashLanes(key, texts, from, hashes);
}
HashLanesFunction WidestHashLanes() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) return HashLanesAvx512;
  if (__builtin_cpu_supports("avx2")) return HashLanesAvx2;
  return HashLanesAnywhere;
}
#else
HashLanesFunction WidestHashLanes() { return HashLanesAnywhere; }
#endif

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

uint64_t SipHash13(const HashKey& key, std::string_view bytes) {
  SipState state(key);
  const size_t whole = bytes.size() / 8 * 8;
  for (size_t at = 0; at < whole; at += 8) state.Absorb(Load64(bytes.data() + at));
  return state.Finish(LoadBelow8(bytes.data() + whole, bytes.size() - whole), bytes.size());
}

uint64_t SipHash13Tagged(const HashKey& key, char tag, std::string_view bytes) {
  SipState state(key);
  const uint64_t first = static_cast<uint8_t>(tag);
  const char* at = bytes.data();
  const size_t size = bytes.size();
  if (size < 7) return state.Finish(LoadBelow8(at, size) << 8 | first, size + 1);
  state.Absorb((size == 7 ? LoadBelow8(at, 7) : Load64(at)) << 8 | first);
  size_t done = 7;
  for (; size - done >= 8; done += 8) state.Absorb(Load64(at + done));
  const size_t left = size - done;
  // What is left ends the text, of which eight bytes can be loaded.
  return state.Finish(left == 0 ? 0 : Load64(at + size - 8) >> (64 - 8 * left), size + 1);
}

void SipHash13Tagged(const HashKey& key, const ShortTexts& texts,
                     std::array<uint64_t, ShortTexts::kSizeMax>& hashes) {
  static_assert(ShortTexts::kSizeMax % kLanes == 0);
  static const HashLanesFunction hash_lanes = WidestHashLanes();
  for (size_t from = 0; from < texts.size; from += kLanes) hash_lanes(key, texts, from, &hashes[from]);
}

uint64_t HashKey::Id() const {
  const uint64_t id = SipHash13(*this, {});
  return id == 0 || id == kMixedKeys ? 1 : id;
}

Result<HashKey> HashKey::FromHex(std::string_view hex) {
  const Error error{ErrorCode::kInvalidArgument,
                    "reading a hash key: expected 32 hexadecimal digits, found " +
                        std::to_string(hex.size()) + " characters or a stranger"};
  if (hex.size() != 32) return error;
  HashKey key;
  for (size_t i = 0; i < key.bytes.size(); ++i) {
    const int high = HexDigit(hex[2 * i]);
    const int low = HexDigit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return error;
    key.bytes[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return key;
}

std::string HashKey::ToHex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const uint8_t byte : bytes) {
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

}  // namespace fieldmark
