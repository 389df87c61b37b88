// Profiler: documents of one subject in, their field tree of summaries out.
//
// Names are the profiler's state, summaries are not. It remembers which keys have a name (the declared ones
// first, then first come, within Limits); a key without one is recorded in its parent's residual child, and
// the parent counts the object in `folded`. Names stay for the profiler's life; Take() empties the summaries.
//
// A field that is declared as dropped is passed over: neither it nor what is below it is named or counted.
//
// Of a key that an object holds twice the first value is profiled, further ones are counted; among keys
// without a name nothing is remembered, and each counts as a value. Items and residual children take no name,
// and there are at most fields_max of them; for want of one, and below depth_max, values are counted in
// `cut`.
//
// Cost: Observe allocates nothing once the shapes are known and its sketches are full; O(values) time. A
// field takes 1 KiB, with values 2 KiB, beside its sketches. Not safe for use by several threads at once.
#pragma once

#include <memory>
#include <optional>

#include "fieldmark/base/hash.h"
#include "fieldmark/base/limits.h"
#include "fieldmark/base/memory_account.h"
#include "fieldmark/base/time.h"
#include "fieldmark/json/document.h"
#include "fieldmark/profile/declarations.h"
#include "fieldmark/profile/field.h"

namespace fieldmark::profile {

class Profiler {
 public:
  // Without a key the hashed family stays empty. `declarations`: null where nothing is declared, and made for
  // the same limits. `account`, which outlives the profiler, says what room there is and is told what is
  // taken; null: as much as the limits allow. For want of room new keys get no name, then values are counted
  // in `limited` and their field's sketches do not learn of them.
  explicit Profiler(const Limits& limits = {}, std::optional<HashKey> key = std::nullopt,
                    std::shared_ptr<const Declarations> declarations = nullptr,
                    MemoryAccount* account = nullptr);
  ~Profiler();
  Profiler(Profiler&&) noexcept;
  Profiler& operator=(Profiler&&) noexcept;

  // Records a well-formed document, `times` times: the same as calling it that often. `observed_at`: when it
  // was seen, which tells the age of values that name a time; without it they have none.
  void Observe(const json::Document& document, uint64_t times = 1,
               std::optional<UnixMs> observed_at = std::nullopt);

  // Hashes under `key` from now on. What was hashed under another one since the last Take is dropped.
  void SetHashKey(const HashKey& key);

  bool empty() const;  // nothing observed since the last Take
  // The fields since the last Take, as they may leave the worker: concealed but for those declared as
  // revealed. Names are kept.
  Fields TakeConcealed();
  // The same with every range and sum as it was: for who holds the documents anyway.
  Fields Take();

  // What a value hashes to in Categories: SipHash13 of a type tag and the value. 's' and UTF-8; 'd' and the
  // eight bytes, lowest first, of a number that a double holds exactly (−0 is 0); 'i' and the canonical
  // decimal digits of any other integer. Of longer strings and digits Observe hashes the first
  // string_bytes_max bytes.
  static uint64_t HashString(const HashKey& key, std::string_view text);
  static uint64_t HashNumber(const HashKey& key, double value);
  static uint64_t HashInteger(const HashKey& key, int64_t value);
  static uint64_t HashUnsigned(const HashKey& key, uint64_t value);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fieldmark::profile
