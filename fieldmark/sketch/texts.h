// Texts: what the values of a field were that the user lets us show, by the hashes of Categories. Never
// filled for any other field.
//
// Of all values added it keeps the kTextsMax with the smallest hashes, so every value that Categories counts
// exactly has its text, whatever came before it: a function of the set of values alone, and merging is exact.
// A commutative monoid under Merge, with Texts{} as its zero; adding twice is adding once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/base/bytes.h"
#include "fieldmark/sketch/categories.h"

namespace fieldmark::sketch {

struct ValueText {
  uint64_t hash = 0;
  bool is_number = false;
  std::string text;  // never longer than Texts::kTextBytesMax

  bool operator==(const ValueText&) const = default;
};

class Texts {
 public:
  static constexpr size_t kTextsMax = Categories::kEntriesMax;
  static constexpr size_t kTextBytesMax = 64;  // a longer one is cut at a character and ends in "…"

  // O(log kTextsMax) for a hash that is there or too large to be kept.
  void Add(uint64_t hash, bool is_number, std::string_view text);
  void Merge(const Texts& other);

  bool empty() const { return texts_.empty(); }
  std::span<const ValueText> entries() const { return texts_; }  // ascending by hash
  const ValueText* Find(uint64_t hash) const;                    // null where it is not known

  void Encode(ByteWriter& out) const;
  // Fails the reader on anything that Encode cannot have written.
  static Texts Decode(ByteReader& in);
  bool operator==(const Texts&) const = default;

  // Bytes of memory beyond the object itself.
  size_t heap_bytes() const;

 private:
  void Put(ValueText value);

  std::vector<ValueText> texts_;
};

}  // namespace fieldmark::sketch
