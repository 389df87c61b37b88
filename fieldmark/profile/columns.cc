#include "fieldmark/profile/columns.h"

#include <algorithm>
#include <utility>

namespace fieldmark::profile {
namespace {

template <class Sketch>
void AbsorbAt(size_t step, size_t steps, Sketch&& sketch, std::vector<Sketch>& column) {
  if (sketch.empty()) return;
  column.resize(steps);
  if (column[step].empty()) {
    column[step] = std::move(sketch);
  } else {
    column[step].Merge(sketch);
  }
}

}  // namespace

void FieldColumns::Absorb(size_t step, std::string_view path, FieldSummary&& field) {
  FieldColumn& column = Column(path);
  if (field.counts != FieldCounts{}) column.counts[step].Merge(field.counts);  // a family has them
  AbsorbAt(step, steps_, std::move(field.numbers), column.numbers);
  AbsorbAt(step, steps_, std::move(field.string_bytes), column.string_bytes);
  AbsorbAt(step, steps_, std::move(field.array_items), column.array_items);
  AbsorbAt(step, steps_, std::move(field.age_ms), column.age_ms);
  AbsorbAt(step, steps_, std::move(field.categories), column.categories);
  AbsorbAt(step, steps_, std::move(field.texts), column.texts);
}

void FieldColumns::DropHashed(size_t step) {
  for (FieldColumn& column : columns_) {
    if (!column.categories.empty()) column.categories[step] = {};
    if (!column.texts.empty()) column.texts[step] = {};
  }
}

const FieldColumn* FieldColumns::Find(std::string_view path) const {
  const auto found = std::lower_bound(columns_.begin(), columns_.end(), path,
                                      [](const FieldColumn& column, auto of) { return column.path < of; });
  return found != columns_.end() && found->path == path ? &*found : nullptr;
}

FieldColumn& FieldColumns::Column(std::string_view path) {
  if (next_ >= columns_.size() || columns_[next_].path != path) {
    auto at = std::lower_bound(columns_.begin(), columns_.end(), path,
                               [](const FieldColumn& column, auto of) { return column.path < of; });
    if (at == columns_.end() || at->path != path) {
      at = columns_.insert(at, FieldColumn());
      at->path = path;
      at->counts.resize(steps_);
    }
    next_ = static_cast<size_t>(at - columns_.begin());
  }
  FieldColumn& column = columns_[next_++];
  if (next_ == columns_.size()) next_ = 0;
  return column;
}

}  // namespace fieldmark::profile
