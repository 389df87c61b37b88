// simdjson's first stage, which checks that bytes are UTF-8 and finds where every value and separator begins,
// with its index in memory of ours. simdjson would take that from the heap (see base/own_pages.h).
#pragma once

#include <simdjson.h>

#include "fieldmark/base/own_pages.h"

namespace fieldmark::json {

class FirstStage {
 public:
  FirstStage() = default;
  ~FirstStage() { LetIndexGo(); }
  FirstStage(const FirstStage&) = delete;
  FirstStage& operator=(const FirstStage&) = delete;

  // For bodies of up to `capacity` bytes. What it had is given back before.
  void Reserve(size_t capacity) {
    Release();
    if (parser_.allocate(0, 1) != simdjson::SUCCESS) throw std::bad_alloc();
    index_ = LargeVector<uint32_t>(SIMDJSON_ROUNDUP_N(capacity, 64) + kIndexSlack);
    parser_.implementation->structural_indexes.reset(index_.data());
    Capacity::Set(*parser_.implementation, capacity);
  }
  void Release() {
    LetIndexGo();
    parser_ = simdjson::dom::parser();
    index_ = LargeVector<uint32_t>();
  }

  // False when `bytes` are no UTF-8 or a text has no end. Behind them there are SIMDJSON_PADDING more.
  bool Run(const char* bytes, size_t size) {
    return parser_.implementation->stage1(reinterpret_cast<const uint8_t*>(bytes), size,
                                          simdjson::stage1_mode::regular) == simdjson::SUCCESS;
  }
  // What Run found, with room for one more.
  uint32_t* begin() { return index_.data(); }
  uint32_t* end() { return begin() + parser_.implementation->n_structural_indexes; }

  // The text between quotes that begins at `from`, without escapes, to `to`: where it ends there, or null.
  char* Unescape(const char* from, char* to) const {
    return reinterpret_cast<char*>(parser_.implementation->parse_string(
        reinterpret_cast<const uint8_t*>(from), reinterpret_cast<uint8_t*>(to)));
  }

 private:
  // As simdjson has it: it writes eight at a time, and three behind the last one.
  static constexpr size_t kIndexSlack = 2 + 7;

  // It asks what it would have allocated for.
  struct Capacity : simdjson::internal::dom_parser_implementation {
    static void Set(simdjson::internal::dom_parser_implementation& of, size_t capacity) {
      of.*& Capacity::_capacity = capacity;
    }
  };

  // Before simdjson frees it.
  void LetIndexGo() {
    if (!index_.empty()) static_cast<void>(parser_.implementation->structural_indexes.release());
  }

  simdjson::dom::parser parser_;
  LargeVector<uint32_t> index_;
};

}  // namespace fieldmark::json
