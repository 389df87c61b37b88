// TraceIds: of the requests in which something happened, a few by whose trace one such request can be found
// in the logs and traces that the user keeps elsewhere.
//
// Of all ids added it keeps the kIdsMax with the smallest hashes, whichever came first: a function of the set
// of ids alone, and merging is exact. A commutative monoid under Merge, with TraceIds{} as its zero; adding
// twice is adding once. No heap. Not safe for use by several threads at once.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/base/bytes.h"

namespace fieldmark::sketch {

// As in W3C Trace Context, https://www.w3.org/TR/trace-context/#trace-id. All zero is none.
using TraceId = std::array<uint8_t, 16>;

// Of the header `traceparent`; none where it is not of that form.
std::optional<TraceId> TraceIdOf(std::string_view traceparent);
// 32 lower-case hexadecimal digits, as tracing tools search for it.
std::string ToHex(const TraceId& id);

class TraceIds {
 public:
  static constexpr size_t kIdsMax = 4;

  // Nothing for the id that is none. A hash and at most kIdsMax comparisons.
  void Add(const TraceId& id);
  void Merge(const TraceIds& other);

  bool empty() const { return size_ == 0; }
  std::vector<TraceId> ids() const;  // ascending by hash

  // The hash that ids are ordered by, the same everywhere: SipHash-1-3 under a key of zeros. Ids that are
  // made of times would else always be the earliest.
  static uint64_t HashOf(const TraceId& id);

  void Encode(ByteWriter& out) const;
  // Fails the reader on anything that Encode cannot have written.
  static TraceIds Decode(ByteReader& in);
  bool operator==(const TraceIds&) const = default;

 private:
  struct Entry {
    uint64_t hash = 0;
    TraceId id{};
    auto operator<=>(const Entry&) const = default;
  };
  void Put(Entry entry);

  uint8_t size_ = 0;
  std::array<Entry, kIdsMax> entries_{};  // ascending, those beyond size_ as they were made
};

}  // namespace fieldmark::sketch
