#include "fieldmark/profile/columns.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "fieldmark/base/count.h"

namespace fieldmark::profile {
namespace {

template <class Sketch>
void AbsorbAt(size_t step, Sketch&& sketch, std::map<size_t, Sketch>& column) {
  if (sketch.empty()) return;
  const auto [at, is_new] = column.try_emplace(step, std::move(sketch));
  // try_emplace leaves its argument alone when the place is taken.
  if (!is_new) at->second.Merge(sketch);  // NOLINT(bugprone-use-after-move)
}

void AbsorbAt(size_t step, size_t steps, const sketch::Histogram& histogram,
              sketch::HistogramColumn& column) {
  if (histogram.empty()) return;
  column.resize(steps);
  column.Merge(step, histogram);
}

bool IsBefore(const std::unique_ptr<FieldColumn>& column, std::string_view path) {
  return column->path < path;
}

}  // namespace

void CountsColumn::Merge(size_t step, const FieldCounts& counts) {
  // The struct holds nothing but counters.
  const auto counters = std::bit_cast<std::array<uint64_t, kCounters>>(counts);
  uint64_t any = 0;  // only one family in three has counts
  for (const uint64_t count : counters) any |= count;
  if (any == 0) return;
  uint32_t& row = row_of_[step];
  if (row == 0) row = rows_++;
  for (size_t i = 0; i < kCounters; ++i) {
    if (counters[i] == 0) continue;
    std::vector<uint64_t>& counter = counters_[i];
    if (counter.empty()) present_.push_back(i);
    if (counter.size() <= row) counter.resize(row + 1);
    counter[row] = AddSaturating(counter[row], counters[i]);
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
  AbsorbAt(step, std::move(field.categories), column.categories);
  AbsorbAt(step, std::move(field.texts), column.texts);
}

void FieldColumns::DropHashed(size_t step) {
  for (const auto& column : columns_) {
    column->categories.erase(step);
    column->texts.erase(step);
  }
}

const FieldColumn* FieldColumns::Find(std::string_view path) const {
  const auto found = std::lower_bound(columns_.begin(), columns_.end(), path, IsBefore);
  return found != columns_.end() && (*found)->path == path ? found->get() : nullptr;
}

FieldColumn& FieldColumns::Column(std::string_view path) {
  if (next_ >= columns_.size() || columns_[next_]->path != path) {
    auto at = std::lower_bound(columns_.begin(), columns_.end(), path, IsBefore);
    if (at == columns_.end() || (*at)->path != path)
      at = columns_.insert(at, std::make_unique<FieldColumn>(std::string(path), steps_));
    next_ = static_cast<size_t>(at - columns_.begin());
  }
  FieldColumn& column = *columns_[next_++];
  if (next_ == columns_.size()) next_ = 0;
  return column;
}

}  // namespace fieldmark::profile
