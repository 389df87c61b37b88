// FieldColumns: the fields of many summaries over steps of time, a column a field, so that what is asked of a
// field's history lies together and no summary's tree is built.
//
// Cost: a lookup is one comparison where fields come in the order of their paths, as summaries hold them.
// Memory: 4 bytes a step for a field's counts and for each kind of histogram that it has; where a step has
// the field, 8 for each counter that the field ever had above zero, of which most have five, and what its
// sketches hold (histogram_column.h). Not safe for use by several threads at once.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <span>
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
  explicit CountsColumn(size_t steps) : row_of_(steps) {}

  size_t size() const { return row_of_.size(); }
  FieldCounts operator[](size_t step) const {
    FieldCounts counts;
    Read(step, counts);
    return counts;
  }
  // The same for one step after the other: into `counts`, which is new or held another step of this column.
  void Read(size_t step, FieldCounts& counts) const {
    const uint32_t row = row_of_[step];
    for (const size_t i : present_) {
      const uint64_t count = row < counters_[i].size() ? counters_[i][row] : 0;
      std::memcpy(reinterpret_cast<char*>(&counts) + i * sizeof count, &count, sizeof count);
    }
  }
  void Merge(size_t step, const FieldCounts& counts);
  // Of all steps.
  FieldCounts Total() const;

 private:
  static constexpr size_t kCounters = sizeof(FieldCounts) / sizeof(uint64_t);

  std::vector<uint32_t> row_of_;  // of each step; the first row is that of steps without, all zeros
  uint32_t rows_ = 1;
  std::array<std::vector<uint64_t>, kCounters> counters_;  // by row; zero beyond the end
  std::vector<size_t> present_;                            // those that are not empty
};

// Histograms have one element a step, or none at all while no step has any; what is hashed, which few steps
// have, stands by step.
struct FieldColumn {
  FieldColumn(std::string name, size_t steps) : path(std::move(name)), counts(steps) {}

  std::string path;
  CountsColumn counts;
  sketch::HistogramColumn numbers;
  sketch::HistogramColumn string_bytes;
  sketch::HistogramColumn array_items;
  sketch::HistogramColumn age_ms;
  std::map<size_t, sketch::Categories> categories;
  std::map<size_t, sketch::Texts> texts;
};

class FieldColumns {
 public:
  explicit FieldColumns(size_t steps = 0) : steps_(steps) {}

  size_t steps() const { return steps_; }
  // Merges into what the step has of the field.
  void Absorb(size_t step, std::string_view path, FieldSummary&& field);
  // Lets go what was hashed in one step.
  void DropHashed(size_t step);

  // Ascending by path; none is null.
  std::span<const std::unique_ptr<FieldColumn>> columns() { return columns_; }
  // Null when no step has it.
  const FieldColumn* Find(std::string_view path) const;

 private:
  FieldColumn& Column(std::string_view path);

  size_t steps_;
  std::vector<std::unique_ptr<FieldColumn>> columns_;
  size_t next_ = 0;  // the column after the last one asked for; any value is safe
};

}  // namespace fieldmark::profile
