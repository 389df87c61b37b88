// A JSON document as a tape: one word a value, in document order, in the layout that simdjson documents (doc/tape.md):
// a type character in the top byte, 56 bits of payload. The fast reader hands out simdjson's own tape, the lenient one
// writes the same layout, so a consumer never knows which of them read the document.
//
//   { }  payload: low 32 bits = index after the matching close (on open); bits 32–55 = members, saturated
//   [ ]  the same
//   "    payload: offset into strings(): u32 length, bytes, NUL
//   l u d  next word: int64, uint64, double
//   t f n  no payload
// and two of our own, from the lenient reader only:
//   Z    an integer beyond 64 bits: like ", its decimal digits      N    NaN or an infinity: like ", its text
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "fieldmark/base/limits.h"

namespace fieldmark::json {

// Why a body has no tape. The names go into summaries and onto the page; append only.
enum class Malformed : uint8_t {
  kNone = 0,
  kEmpty,
  kTruncated,     // ends inside a value
  kTrailing,      // a complete document, then more
  kNotJson,       // anything else that is no JSON
  kInvalidUtf8,
  kTooDeep,
  kTooLarge,
};
inline constexpr int kMalformedKinds = 8;
std::string_view MalformedName(Malformed kind);

// Strange things in a document that was nevertheless read whole.
struct Oddities {
  uint64_t invalid_utf8 = 0;     // strings with bytes that are not UTF-8, or a lone surrogate
  bool byte_order_mark = false;

  bool operator==(const Oddities&) const = default;
};

// Valid until the reader's next call.
struct Document {
  Malformed malformed = Malformed::kNone;  // anything but kNone: no words
  uint64_t malformed_at = 0;               // byte offset where reading ended, when malformed
  const uint64_t* words = nullptr;         // words[0] is the root's first word (no root marker)
  const uint8_t* strings = nullptr;
  Oddities oddities;
};

inline char TypeOf(uint64_t word) { return static_cast<char>(word >> 56); }
inline uint64_t PayloadOf(uint64_t word) { return word & 0x00FF'FFFF'FFFF'FFFF; }
// The text of a `"`, `Z` or `N` word.
std::string_view TextOf(const Document& document, uint64_t word);

// Reads documents one after the other; keeps its buffers, so a steady size allocates nothing. One thread at a time.
class Reader {
 public:
  explicit Reader(const Limits& limits = {});
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  // simdjson first; the lenient reader for what that rejects. Never fails: a body that is no JSON is a kind of Malformed.
  Document Read(std::string_view body);

  // The lenient reader alone, for tests that hold the two against each other.
  Document ReadLenient(std::string_view body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fieldmark::json
