// Values: the strings and numbers of a field that its sketches do not know yet.
//
// Sketches are functions of the multiset of values and do not care when they are told. So a value is first
// put down as it stands, which takes a cache line or two, and the sketches, whose memory the application has
// pushed out of the caches since, are told of a group at once. Values that keep coming back, an
// enumeration's, are counted in a table of sixteen instead; a field whose values do not stops looking there.
//
// Cost: Add is O(1), a comparison of sixteen tags at the most; Pay is a few nanoseconds a value. Allocates
// nothing itself. Not safe for use by several threads at once.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "fieldmark/base/hash.h"
#include "fieldmark/base/memory_account.h"
#include "fieldmark/json/document.h"
#include "fieldmark/profile/field.h"

namespace fieldmark::profile {

// A text of at most 16 bytes as it stands in memory, zeros behind; or whatever else fits.
struct Words {
  static constexpr size_t kBytes = 16;

  uint64_t low = 0;
  uint64_t high = 0;

  bool operator==(const Words&) const = default;
};

// Of a text of a document, at most Words::kBytes long: reads as many bytes behind it as a document allows.
inline Words WordsOf(std::string_view text) {
  static_assert(std::endian::native == std::endian::little);
  static_assert(json::kTextSlackBytes >= Words::kBytes);
  static constexpr std::array<Words, Words::kBytes + 1> kMasks = [] {
    std::array<Words, Words::kBytes + 1> masks;
    for (size_t size = 0; size < masks.size(); ++size) {
      masks[size].low = size >= 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * size)) - 1;
      masks[size].high = size < 8 ? 0 : size == 16 ? ~uint64_t{0} : (uint64_t{1} << (8 * (size - 8))) - 1;
    }
    return masks;
  }();
  Words words;
  std::memcpy(&words, text.data(), sizeof words);
  const Words& mask = kMasks[text.size()];
  return {words.low & mask.low, words.high & mask.high};
}

class alignas(64) Values {
 public:
  // What Words hold: a number up to Words::kBytes is a text of that size, else one of these.
  enum Kind : uint8_t {
    kDouble = Words::kBytes + 1,  // its bits, and its age or 0
    kInteger,                     // int64_t, and the same
    kUnsigned,                    // uint64_t, and the same
    kLongText,                    // see LongText
    kTimeText,                    // see TimeText
    kNone = 31,
  };

  Values() { tags_.fill(kNone); }

  // What is kept of a longer text: its hash, its formats and its size.
  static Words LongText(uint64_t hash, sketch::FormatSet formats, size_t size) {
    return {hash, uint64_t{formats} | uint64_t{static_cast<uint32_t>(size)} << 32};
  }

  // The same of one with these formats and an age.
  static constexpr sketch::FormatSet kTimeFormats = sketch::FormatSet{1}
                                                    << static_cast<int>(sketch::Format::kDateTime);
  static Words TimeText(uint64_t hash, size_t size, int64_t age_ms) {
    return {hash, static_cast<uint64_t>(age_ms) << kTimeSizeBits | size};
  }
  // The high word of a number that has an age.
  static uint64_t Age(int64_t age_ms) { return static_cast<uint64_t>(age_ms) << 1 | 1; }

  // Notes a value, its Words apart. True when there is no room for another: pay before the next.
  bool Add(uint8_t kind, uint64_t low, uint64_t high) {
    if (!varied_ && kind < kLongText) {
      const uint16_t tag = TagOf(kind, low, high);
      for (uint32_t at = Matches(tag); at != 0; at &= at - 1) {
        Entry& entry = known_[static_cast<size_t>(std::countr_zero(at))];
        if (entry.low != low || entry.high != high) continue;
        ++entry.owed;
        ++hits_;
        return false;
      }
      if (known_size_ < kKnownMax) {
        tags_[known_size_] = tag;
        known_[known_size_++] = {low, high, 1};
        return false;
      }
    }
    kinds_[size_] = kind;
    words_[size_].low = low;
    words_[size_].high = high;
    return ++size_ == kSizeMax;
  }

  // Tells `into` of the values noted, but those in the table and the buckets of histograms. Without a key
  // nothing is hashed. `reveal`: short texts and numbers are told as texts too; who notes a longer one does
  // that.
  void Pay(const std::optional<HashKey>& key, bool reveal, Room room, FieldSummary& into);
  // Tells it of everything: only then `into` is a summary.
  void PayAll(const std::optional<HashKey>& key, bool reveal, Room room, FieldSummary& into);

  // Bytes of memory beyond the object itself.
  size_t heap_bytes() const {
    return recent_.numbers.heap_bytes() + recent_.string_bytes.heap_bytes() + recent_.age_ms.heap_bytes();
  }

  // Tells it, as Pay does, of a value that occurred `times` times, past everything noted.
  void PayOne(const std::optional<HashKey>& key, bool reveal, Room room, FieldSummary& into, uint8_t kind,
              Words words, uint64_t times);
  // The same where there is room for no more than counting it.
  static void CountOne(const std::optional<HashKey>& key, FieldSummary& into, uint8_t kind, Words words,
                       uint64_t times);

 private:
  static constexpr int kTimeSizeBits = 6;  // a date-time has 35 bytes at the most
  static constexpr size_t kSizeMax = 24;   // with the tags and the rest one cache line
  static constexpr size_t kKnownMax = 16;  // what one comparison of wide registers takes
  // A field whose values are seldom in the table looks again after so many groups: taste.
  static constexpr uint8_t kGroupsBetweenLooks = 255;

  struct Entry {
    uint64_t low = 0;
    uint64_t high = 0;
    uint64_t owed = 0;
  };

  // The kind in the lowest five bits, so that equal tags mean equal kinds.
  static uint16_t TagOf(uint8_t kind, uint64_t low, uint64_t high) {
    const uint64_t mixed = (low ^ std::rotl(high, 29)) * 0x9E37'79B9'7F4A'7C15;
    return static_cast<uint16_t>((mixed >> 53) << 5 | kind);
  }

  // Bit i: whether tags_[i] is `tag`.
  uint32_t Matches(uint16_t tag) const {
#if defined(__SSE2__)
    const __m128i wanted = _mm_set1_epi16(static_cast<int16_t>(tag));
    const auto* tags = reinterpret_cast<const __m128i*>(tags_.data());
    const __m128i low = _mm_cmpeq_epi16(_mm_load_si128(tags), wanted);
    const __m128i high = _mm_cmpeq_epi16(_mm_load_si128(tags + 1), wanted);
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(low, high)));
#else
    uint32_t matches = 0;
    for (size_t i = 0; i < kKnownMax; ++i) matches |= uint32_t{tags_[i] == tag} << i;
    return matches;
#endif
  }

  void PayNoted(const std::optional<HashKey>& key, bool reveal, Room room, FieldSummary& into);
  void PayKnown(const std::optional<HashKey>& key, bool reveal, Room room, FieldSummary& into);

  // What the histograms of a summary are told when everything is.
  struct Recent {
    sketch::RecentBuckets numbers, string_bytes, age_ms;
  };

  // `recent`: not looked at where there is no room for sketches.
  static void PayGroup(const std::optional<HashKey>& key, bool reveal, Room room, FieldSummary& into,
                       Recent* recent, size_t size, const uint8_t* kinds, const Words* words,
                       const uint64_t* counts);

  alignas(32) std::array<uint16_t, kKnownMax> tags_;
  uint32_t hits_ = 0;  // in the table, since the last group
  uint8_t size_ = 0;
  uint8_t known_size_ = 0;
  bool varied_ = false;
  uint8_t groups_left_ = 0;  // before the next look, when varied
  std::array<uint8_t, kSizeMax> kinds_{};
  std::array<Words, kSizeMax> words_;
  std::array<Entry, kKnownMax> known_;
  Recent recent_;
};

}  // namespace fieldmark::profile
