#include "fieldmark/profile/declarations.h"

#include <algorithm>
#include <vector>

namespace fieldmark::profile {
namespace {

const DeclaredField* Below(const DeclaredField& field, const PathStep& step) {
  switch (step.kind) {
    case PathStep::Kind::kItem:
      return field.item.get();
    case PathStep::Kind::kResidual:
      return field.residual.get();
    case PathStep::Kind::kMember:
      return field.Member(step.name);
  }
  return nullptr;
}

DeclaredField& Make(DeclaredField& field, const PathStep& step) {
  if (step.kind == PathStep::Kind::kMember) return field.members[step.name];
  std::unique_ptr<DeclaredField>& child = step.kind == PathStep::Kind::kItem ? field.item : field.residual;
  if (child == nullptr) child = std::make_unique<DeclaredField>();
  return *child;
}

}  // namespace

const DeclaredField* DeclaredField::Member(std::string_view name) const {
  const auto at = members.find(name);
  return at == members.end() ? nullptr : &at->second;
}

bool Declarations::Add(std::string_view path, FieldKind kind) {
  const std::optional<std::vector<PathStep>> steps = StepsOf(path);
  if (!steps || steps->empty() || steps->size() > limits_.depth_max) return false;
  // What is there already, and how much more it takes.
  const DeclaredField* last = &document_;
  size_t known = 0;
  for (const DeclaredField* next = last; known < steps->size(); ++known) {
    next = Below(*last, (*steps)[known]);
    if (next == nullptr) break;
    last = next;
  }
  size_t names = names_;
  size_t structural = structural_;
  for (size_t i = known; i < steps->size(); ++i) {
    ++((*steps)[i].kind == PathStep::Kind::kMember ? names : structural);
  }
  const bool crowded = known < steps->size() && (*steps)[known].kind == PathStep::Kind::kMember &&
                       last->members.size() >= limits_.names_max;
  if (crowded || limits_.names_max == 0 || names > limits_.fields_max || structural > limits_.fields_max)
    return false;

  DeclaredField* field = &document_;
  for (const PathStep& step : *steps) field = &Make(*field, step);
  field->kind = std::max(field->kind, kind);
  names_ = names;
  structural_ = structural;
  return true;
}

}  // namespace fieldmark::profile
