#include "fieldmark/profile/columns.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "fieldmark/base/count.h"

namespace fieldmark::profile {
namespace {

// Its counters in the order of the struct, which holds nothing else.
std::array<uint64_t, sizeof(FieldCounts) / sizeof(uint64_t)> CountersOf(const FieldCounts& counts) {
  return std::bit_cast<std::array<uint64_t, sizeof(FieldCounts) / sizeof(uint64_t)>>(counts);
}

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

void AbsorbAt(size_t step, size_t steps, const sketch::Histogram& histogram,
              sketch::HistogramColumn& column) {
  if (histogram.empty()) return;
  column.resize(steps);
  column.Merge(step, histogram);
}

}  // namespace

void CountsColumn::Merge(size_t step, const FieldCounts& counts) {
  const std::array<uint64_t, kCounters> counters = CountersOf(counts);
  uint64_t any = 0;  // only one family in three has counts
  for (const uint64_t count : counters) any |= count;
  if (any == 0) return;
  for (size_t i = 0; i < kCounters; ++i) {
    if (counters[i] == 0) continue;
    if (counters_[i].empty()) {
      counters_[i].resize(steps_);
      present_.push_back(i);
    }
    counters_[i][step] = AddSaturating(counters_[i][step], counters[i]);
  }
}

FieldCounts CountsColumn::Total() const {
  std::array<uint64_t, kCounters> total{};
  for (const size_t i : present_) {
    for (const uint64_t count : counters_[i]) total[i] = AddSaturating(total[i], count);
  }
  return std::bit_cast<FieldCounts>(total);
}

void FieldColumns::Absorb(size_t step, std::string_view path, FieldSummary&& field) {
  FieldColumn& column = Column(path);
  column.counts.Merge(step, field.counts);
  AbsorbAt(step, steps_, field.numbers, column.numbers);
  AbsorbAt(step, steps_, field.string_bytes, column.string_bytes);
  AbsorbAt(step, steps_, field.array_items, column.array_items);
  AbsorbAt(step, steps_, field.age_ms, column.age_ms);
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
      at = columns_.emplace(at, std::string(path), steps_);
    }
    next_ = static_cast<size_t>(at - columns_.begin());
  }
  FieldColumn& column = columns_[next_++];
  if (next_ == columns_.size()) next_ = 0;
  return column;
}

}  // namespace fieldmark::profile
