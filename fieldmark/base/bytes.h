// Bytes in and out: little-endian fixed widths and LEB128 varints. A reader never reads past its end: it
// turns not-ok and stays so, and every further read gives zero, so a decoder checks ok() where a wrong value
// would matter (before it allocates) and once at the end.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "fieldmark/base/result.h"

namespace fieldmark {

class ByteWriter {
 public:
  void U8(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void Fixed32(uint32_t value) { Fixed(value); }
  void Fixed64(uint64_t value) { Fixed(value); }
  void Double(double value) { Fixed(std::bit_cast<uint64_t>(value)); }
  // 1 to 10 bytes, seven bits each, lowest first.
  void Varint(uint64_t value) {
    while (value >= 0x80) {
      U8(static_cast<uint8_t>(value | 0x80));
      value >>= 7;
    }
    U8(static_cast<uint8_t>(value));
  }
  // ZigZag, then Varint: small magnitudes of either sign stay short.
  void Signed(int64_t value) {
    Varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  // Varint length, then the bytes.
  void String(std::string_view value) {
    Varint(value.size());
    Raw(value);
  }
  void Raw(std::string_view value) { bytes_.append(value); }

  // Forgets the bytes and keeps their memory.
  void Clear() { bytes_.clear(); }
  size_t size() const { return bytes_.size(); }
  const std::string& bytes() const { return bytes_; }
  std::string Take() && { return std::move(bytes_); }

 private:
  template <class T>
  void Fixed(T value) {
    static_assert(std::endian::native == std::endian::little);
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes_.append(raw, sizeof value);
  }

  std::string bytes_;
};

class ByteReader {
 public:
  // `bytes` must outlive the reader and every view it gives out.
  explicit ByteReader(std::string_view bytes) : rest_(bytes), size_(bytes.size()) {}

  bool ok() const { return ok_; }
  bool done() const { return rest_.empty(); }
  size_t remaining() const { return rest_.size(); }
  size_t offset() const { return size_ - rest_.size(); }
  void Fail() {
    ok_ = false;
    rest_ = {};
  }

  uint8_t U8() { return Fixed<uint8_t>(); }
  uint32_t Fixed32() { return Fixed<uint32_t>(); }
  uint64_t Fixed64() { return Fixed<uint64_t>(); }
  double Double() { return std::bit_cast<double>(Fixed<uint64_t>()); }
  // Only the shortest form is a varint: one value has one encoding.
  uint64_t Varint() {
    if (!rest_.empty() && static_cast<uint8_t>(rest_.front()) < 0x80) return U8();  // most are small
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = U8();
      if (!ok_ || (shift == 63 && byte > 1) || (shift > 0 && byte == 0)) {
        Fail();
        return 0;
      }
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    Fail();
    return 0;
  }
  int64_t Signed() {
    const uint64_t raw = Varint();
    return static_cast<int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
  }
  // A count of things that take at least `bytes_each` bytes: fails when so many cannot follow, so that a
  // caller may allocate for what it returns.
  size_t Count(size_t bytes_each) {
    const uint64_t count = Varint();
    if (count > remaining() / (bytes_each == 0 ? 1 : bytes_each)) {
      Fail();
      return 0;
    }
    return count;
  }
  std::string_view String() { return Raw(Varint()); }
  std::string_view Raw(uint64_t size) {
    if (size > rest_.size()) {
      Fail();
      return {};
    }
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }

  // Ok, or kDataLoss naming `what` and how far the reader came.
  Status Finish(std::string_view what) const {
    if (ok_ && done()) return {};
    return Error{ErrorCode::kDataLoss,
                 "reading " + std::string(what) +
                     (ok_ ? ": bytes are left over after its end" : ": damaged or cut short")};
  }

 private:
  template <class T>
  T Fixed() {
    if (rest_.size() < sizeof(T)) {
      Fail();
      return 0;
    }
    T value;
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }

  std::string_view rest_;
  size_t size_;
  bool ok_ = true;
};

}  // namespace fieldmark
