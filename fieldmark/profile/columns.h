// FieldColumns: the fields of many summaries over steps of time, a column a field, so that what is asked of a
// field's history lies together and no summary's tree is built.
//
// Cost: a lookup is one comparison where fields come in the order of their paths, as summaries hold them.
// Memory: 296 bytes a field and step, 112 more for each kind of histogram that some step of the field has,
// and what the sketches hold. Not safe for use by several threads at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/profile/field.h"

namespace fieldmark::profile {

// One element a step; sketches have none at all while no step has any.
struct FieldColumn {
  std::string path;
  std::vector<FieldCounts> counts;
  std::vector<sketch::Histogram> numbers;
  std::vector<sketch::Histogram> string_bytes;
  std::vector<sketch::Histogram> array_items;
  std::vector<sketch::Histogram> age_ms;
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
