// Profiler: documents of one subject in, their field tree of summaries out.
//
// Names are the profiler's state, summaries are not. It remembers which keys have a name (first come, within Limits);
// a key without one is recorded in its parent's residual child, and the parent counts the object in `folded`. Names
// stay for the profiler's life; Take() empties the summaries.
//
// Cost: Observe allocates nothing once the shapes are known and its sketches are full; O(values) time.
// Not safe for use by several threads at once.
#pragma once

#include <memory>
#include <optional>

#include "fieldmark/base/hash.h"
#include "fieldmark/base/limits.h"
#include "fieldmark/json/document.h"
#include "fieldmark/profile/field.h"

namespace fieldmark::profile {

class Profiler {
 public:
  // Without a key the hashed family stays empty.
  explicit Profiler(const Limits& limits = {}, std::optional<HashKey> key = std::nullopt);
  ~Profiler();
  Profiler(Profiler&&) noexcept;
  Profiler& operator=(Profiler&&) noexcept;

  // Records a well-formed document, `times` times: the same as calling it that often.
  void Observe(const json::Document& document, uint64_t times = 1);

  bool empty() const;  // nothing observed since the last Take
  // The fields since the last Take, unconcealed; names are kept.
  Fields Take();

  // What a value hashes to in Categories: a type tag, then UTF-8 or the number (FORMAT.md has test vectors).
  static uint64_t HashString(const HashKey& key, std::string_view text);
  static uint64_t HashNumber(const HashKey& key, double value);
  static uint64_t HashInteger(const HashKey& key, int64_t value);
  static uint64_t HashUnsigned(const HashKey& key, uint64_t value);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fieldmark::profile
