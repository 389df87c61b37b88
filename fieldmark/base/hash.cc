#include "fieldmark/base/hash.h"

#include <bit>
#include <cstring>

namespace fieldmark {
namespace {

uint64_t LoadLittleEndian(const char* from, size_t size) {
  static_assert(std::endian::native == std::endian::little);
  uint64_t word = 0;
  if (size > 0) std::memcpy(&word, from, size);  // an empty view may point nowhere
  return word;
}

struct SipState {
  uint64_t v0, v1, v2, v3;

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
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

uint64_t SipHash13(const HashKey& key, std::string_view bytes) {
  const char* raw_key = reinterpret_cast<const char*>(key.bytes.data());
  const uint64_t k0 = LoadLittleEndian(raw_key, 8);
  const uint64_t k1 = LoadLittleEndian(raw_key + 8, 8);
  // "somepseudorandomlygeneratedbytes", the constants of the paper.
  SipState state{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
  const size_t whole = bytes.size() / 8 * 8;
  for (size_t at = 0; at < whole; at += 8) state.Absorb(LoadLittleEndian(bytes.data() + at, 8));
  const uint64_t length = static_cast<uint64_t>(bytes.size()) << 56;
  state.Absorb(length | LoadLittleEndian(bytes.data() + whole, bytes.size() - whole));
  state.v2 ^= 0xFF;
  for (int i = 0; i < 3; ++i) state.Round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

uint64_t HashKey::Id() const {
  const uint64_t id = SipHash13(*this, {});
  return id == 0 ? 1 : id;
}

Result<HashKey> HashKey::FromHex(std::string_view hex) {
  const Error error{ErrorCode::kInvalidArgument, "reading a hash key: expected 32 hexadecimal digits, found " +
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
