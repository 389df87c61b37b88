// Declarations: what is known of a subject's fields before a document comes. A declared field gets its name
// first, whatever came before it and whatever its key looks like: room is kept for it within the limits. The
// values of those that a contract calls enum or boolean, or that the user reveals, may appear as text. And
// those that the user drops are passed over, with all that is below them, as if documents did not have them.
//
// Immutable once a Profiler has it; many share one.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "fieldmark/base/limits.h"
#include "fieldmark/profile/path.h"

namespace fieldmark::profile {

enum class FieldKind : uint8_t {
  kPlain,     // is named first
  kRevealed,  // and its values may appear: an enum, a boolean, what the user lists
  kDropped,   // not at all: whatever else it is declared as
};

// Declared for itself, or for what is declared below it.
struct DeclaredField {
  FieldKind kind = FieldKind::kPlain;
  std::map<std::string, DeclaredField, std::less<>> members;
  std::unique_ptr<DeclaredField> item;
  std::unique_ptr<DeclaredField> residual;

  const DeclaredField* Member(std::string_view name) const;
};

class Declarations {
 public:
  explicit Declarations(const Limits& limits = {}) : limits_(limits) {}

  // Of a field declared twice the later kind of the list holds. False, and nothing is declared, when `path`
  // is not the path of a field (path.h) or of the document itself, or there is no room within the limits.
  bool Add(std::string_view path, FieldKind kind);

  const DeclaredField& document() const { return document_; }
  size_t names() const { return names_; }            // members declared
  size_t structural() const { return structural_; }  // items and residual children

 private:
  Limits limits_;
  DeclaredField document_;
  size_t names_ = 0;
  size_t structural_ = 0;
};

}  // namespace fieldmark::profile
