// FieldSummary: everything kept about one field of a subject's documents over a stretch of time. A
// commutative monoid under Merge, with FieldSummary{} as its zero.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "fieldmark/base/bytes.h"
#include "fieldmark/sketch/categories.h"
#include "fieldmark/sketch/formats.h"
#include "fieldmark/sketch/histogram.h"
#include "fieldmark/sketch/texts.h"

namespace fieldmark::profile {

// Counts family. Every counter is a plain sum; new ones go to the end of the list in field.cc only.
// seen == nulls + falses + trues + integers + floats + strings + objects + arrays.
struct FieldCounts {
  uint64_t documents = 0;  // documents with the field somewhere
  uint64_t seen = 0;       // times it was seen: in how many objects, or as how many array items
  uint64_t nulls = 0;
  uint64_t falses = 0;
  uint64_t trues = 0;
  uint64_t integers = 0;
  uint64_t floats = 0;
  uint64_t strings = 0;
  uint64_t objects = 0;
  uint64_t arrays = 0;
  uint64_t big_integers = 0;    // of the integers: beyond 64 bits
  uint64_t non_finites = 0;     // of the floats: NaN, infinities and what overflows to them
  uint64_t duplicate_keys = 0;  // further ones of the same name; the first was profiled
  uint64_t invalid_utf8 = 0;    // of the strings: repaired
  uint64_t folded = 0;          // of the objects: how many held a key without a name of its own
  uint64_t cut = 0;  // values directly below it that were not profiled: too deep, or no room for the field
  uint64_t limited =
      0;  // of numbers and strings: how many one of its sketches was not told of, for want of memory
  sketch::FormatCounts formats{};  // of the strings: how many looked like what

  void Merge(const FieldCounts& other);
  bool operator==(const FieldCounts&) const = default;
};

// The summaries of one family alone are a FieldSummary whose other members are empty.
struct FieldSummary {
  FieldCounts counts;
  sketch::Histogram numbers;       // integers and floats, as doubles; finite ones
  sketch::Histogram string_bytes;  // lengths in UTF-8 bytes
  sketch::Histogram array_items;   // lengths
  sketch::Histogram age_ms;  // of date-times and epoch numbers: observed − value, below 0 in the future
  sketch::Categories categories;  // of strings and numbers, by keyed hash
  sketch::Texts texts;  // what hashes among the categories stand for, of a field that is revealed; else empty

  void Merge(const FieldSummary& other);
  // The same, taking over what it can of `other`.
  void Absorb(FieldSummary&& other);
  // Before it leaves the worker: no payload value can be read from its ranges and sums afterwards.
  void Conceal();
  // Lets go what was hashed.
  void DropHashed();
  bool operator==(const FieldSummary&) const = default;

  // Bytes of memory beyond the object itself.
  size_t heap_bytes() const {
    return numbers.heap_bytes() + string_bytes.heap_bytes() + array_items.heap_bytes() + age_ms.heap_bytes() +
           categories.heap_bytes() + texts.heap_bytes();
  }
};

// A field on its way from one place to another; the path's text is somebody else's.
struct NamedField {
  std::string_view path;
  FieldSummary field;
};

// Families are stored and retained apart.
enum class Family : uint8_t { kCounts = 0, kDistributions = 1, kHashed = 2 };
inline constexpr int kFamilies = 3;

// Versions of a field's bytes: 2 added age_ms, texts and `limited`. Writing version 1 leaves out what it does
// not know.
inline constexpr int kFieldVersion = 2;

void EncodeField(const FieldSummary& field, Family family, ByteWriter& out, int version = kFieldVersion);
// Adds what `in` holds of `family` to `field`; fails the reader on anything EncodeField cannot have written.
void DecodeField(ByteReader& in, Family family, FieldSummary& field, int version = kFieldVersion);

// Path → summary, merged pointwise. Paths (see path.h): "" is the document itself, then "customer.phone",
// "items[].price", "prices.{}.amount".
using Fields = std::map<std::string, FieldSummary, std::less<>>;
void MergeFields(Fields& into, const Fields& from);
// The same, giving `from`'s memory to `into`.
void AbsorbFields(Fields& into, Fields from);
void DropHashed(Fields& fields);

}  // namespace fieldmark::profile
