// FieldColumns: the fields of many summaries over steps of time, a column a field, so that what is asked of a
// field's history lies together and no summary's tree is built.
//
// Cost: a lookup is one comparison where fields come in the order of their paths, as summaries hold them.
// Memory: 8 bytes a step for each counter that the field ever had above zero, of which most have five, 64 for
// each kind of histogram, 8 a bucket of them, and what the other sketches hold. Not safe for use by several
// threads at once.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fieldmark/profile/field.h"
#include "fieldmark/sketch/histogram_column.h"

namespace fieldmark::profile {

// FieldCounts of many steps.
class CountsColumn {
 public:
  explicit CountsColumn(size_t steps) : steps_(steps) {}

  size_t size() const { return steps_; }
  FieldCounts operator[](size_t step) const {
    FieldCounts row;
    Read(step, row);
    return row;
  }
  // The same for one step after the other: into `row`, which is new or held another step of this column.
  void Read(size_t step, FieldCounts& row) const {
    for (const size_t i : present_) {
      std::memcpy(reinterpret_cast<char*>(&row) + i * sizeof(uint64_t), &counters_[i][step],
                  sizeof(uint64_t));
    }
  }
  void Merge(size_t step, const FieldCounts& counts);
  // Of all steps.
  FieldCounts Total() const;

 private:
  static constexpr size_t kCounters = sizeof(FieldCounts) / sizeof(uint64_t);

  size_t steps_;
  std::array<std::vector<uint64_t>, kCounters> counters_;  // empty where no step has any
  std::vector<size_t> present_;                            // those that are not
};

// Sketches have one element a step, and none at all while no step has any.
struct FieldColumn {
  FieldColumn(std::string name, size_t steps) : path(std::move(name)), counts(steps) {}

  std::string path;
  CountsColumn counts;
  sketch::HistogramColumn numbers;
  sketch::HistogramColumn string_bytes;
  sketch::HistogramColumn array_items;
  sketch::HistogramColumn age_ms;
  std::vector<sketch::Categories> categories;
  std::vector<sketch::Texts> texts;
};

class FieldColumns {
 public:
  explicit FieldColumns(size_t steps = 0) : steps_(steps) {}

  size_t steps() const { return steps_; }
  // Merges into what the step has of the field.
  void Absorb(size_t step, std::string_view path, FieldSummary&& field);
  // Lets go what was hashed in one step.
  void DropHashed(size_t step);

  // Ascending by path.
  std::vector<FieldColumn>& columns() { return columns_; }
  // Null when no step has it.
  const FieldColumn* Find(std::string_view path) const;

 private:
  FieldColumn& Column(std::string_view path);

  size_t steps_;
  std::vector<FieldColumn> columns_;
  size_t next_ = 0;  // the column after the last one asked for; any value is safe
};

}  // namespace fieldmark::profile
