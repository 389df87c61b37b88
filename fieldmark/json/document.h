// A JSON document as a tape: one word a value, in document order: a type character in the top byte, 56 bits
// of payload. The fast and the lenient reader write the same layout, so a consumer never knows which of them
// read the document.
//
//   { [  payload: low 32 bits = index after the matching close; bits 32–55 = members or items, saturated
//   } ]  payload: index of the matching open
//   "    payload: low 32 bits = where the text begins in `texts`; bits 32–55 = its size in bytes; when that
//        is saturated, the four bytes before the text hold it
//   l u d  next word: int64, uint64, double
//   t f n  no payload
// and three from the lenient reader only, all with a payload like that of ":
//   U    a string or key that was not valid Unicode, repaired: each maximal ill-formed part is now U+FFFD
//   Z    an integer beyond 64 bits: its decimal digits
//   N    NaN, an infinity or a number too large for a double: its text
//
// Indexes in payloads count from 1: the word with index i is words[i - 1]. AfterClose() says it once for all.
//
// Depth: a value may have at most Limits::depth_max containers around it. An empty container is a value, no
// depth.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "fieldmark/base/limits.h"

namespace fieldmark::json {

// Why a body has no tape. The names go into summaries and onto the page; append only.
enum class Malformed : uint8_t {
  kNone = 0,
  kEmpty,
  kTruncated,    // ends inside a value
  kTrailing,     // a complete document, then more
  kNotJson,      // anything else that is no JSON
  kInvalidUtf8,  // outside strings; inside they are repaired and counted
  kTooDeep,
  kTooLarge,  // more than Limits::body_bytes_max, or than kBodyBytesMax
};
inline constexpr int kMalformedKinds = 8;
// What indexes of 32 bits and a sane stack allow, whatever the limits say.
inline constexpr size_t kBodyBytesMax = 1u << 30;
// Where payloads of members and of a text's size are saturated.
inline constexpr uint64_t kMembersMax = 0xFF'FFFF;
inline constexpr uint64_t kTextSizeMax = 0xFF'FFFF;
inline constexpr size_t kDepthMax = 1024;
// So many bytes behind each text of a document may be read, whatever they are: who takes a short text as
// words needs no loop.
inline constexpr size_t kTextSlackBytes = 16;
std::string_view MalformedName(Malformed kind);

// Strange things in a document that was nevertheless read whole.
struct Oddities {
  uint64_t invalid_utf8 = 0;  // strings with bytes that are not UTF-8, or a lone surrogate
  bool byte_order_mark = false;

  bool operator==(const Oddities&) const = default;
};

// Valid until the reader's next call.
struct Document {
  Malformed malformed = Malformed::kNone;  // anything but kNone: no words
  uint64_t malformed_at = 0;               // byte offset where reading ended, when malformed
  const uint64_t* words = nullptr;         // words[0] is the root's first word (no root marker)
  const char* texts = nullptr;
  Oddities oddities;
};

inline char TypeOf(uint64_t word) { return static_cast<char>(word >> 56); }
inline uint64_t PayloadOf(uint64_t word) { return word & 0x00FF'FFFF'FFFF'FFFF; }
inline uint64_t TextWord(char type, size_t at, size_t size) {
  const uint64_t near_size = size < kTextSizeMax ? size : kTextSizeMax;
  return static_cast<uint64_t>(static_cast<uint8_t>(type)) << 56 | near_size << 32 | at;
}
// The text of a `"`, `U`, `Z` or `N` word.
inline std::string_view TextOf(const Document& document, uint64_t word) {
  const char* at = document.texts + static_cast<uint32_t>(word);
  auto size = static_cast<uint32_t>(word >> 32 & kTextSizeMax);
  if (size == kTextSizeMax) [[unlikely]]
    std::memcpy(&size, at - sizeof size, sizeof size);
  return {at, size};
}
// The word that follows the container which `open` opens.
inline const uint64_t* AfterClose(const Document& document, uint64_t open) {
  return document.words + static_cast<uint32_t>(open) - 1;
}

// So much of a reader's buffers is touched when it reads `body`, at the most: 16 bytes a byte, and for a
// large body what its punctuation allows, which is commonly 4 to 6. Takes about 0.1 ms for a megabyte.
size_t BytesTouchedBy(std::string_view body);

// Reads documents one after the other; keeps its buffers, so a steady size allocates nothing. They are
// touched only as far as bodies fill them. One thread at a time.
class Reader {
 public:
  explicit Reader(const Limits& limits = {});
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  // The fast reader first; the lenient one for what that rejects. Never fails: a body that is no JSON is a
  // kind of Malformed.
  Document Read(std::string_view body);

  // The lenient reader alone, for tests that hold the two against each other: the same words and texts for
  // every document that the fast one reads.
  Document ReadLenient(std::string_view body);

  // Bytes of its buffers that have been touched. Those for large bodies are allocated for the worst of their
  // size, but pages that are never touched take no memory.
  size_t touched_bytes() const;
  // Gives them back; the next Read takes them anew.
  void Release();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fieldmark::json
