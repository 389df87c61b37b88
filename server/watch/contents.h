// Contents: what a service was seen to have: its subjects, and the fields of one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/profile/reading.h"
#include "server/store/store.h"

namespace fieldmark::watch {

inline constexpr int64_t kContentMinutes = 24 * 60;  // when nothing is said
inline constexpr int64_t kContentMinutesMin = 60;
inline constexpr int64_t kContentMinutesMax = 35 * 24 * 60;

// Routes, bodies, jobs and logs by name, ascending. kNotFound when nothing was heard of the service.
Result<std::vector<std::string>> SubjectsOf(store::Store& store, std::string_view service,
                                            std::string_view environment);

struct FieldContents {
  std::string path;
  profile::FieldCounts counts;
  profile::Missing missing;
};

struct Contents {
  UnixMs since = 0;                   // counted from here on, in whole hours
  uint64_t documents = 0;             // profiled
  std::vector<FieldContents> fields;  // by path, ascending
};

// What the subject's documents of the last `minutes`, all versions together, had in them. kNotFound when
// nothing was ever seen of the subject; one that was not seen in that time has no fields.
Result<Contents> ContentsOf(store::Store& store, std::string_view service, std::string_view environment,
                            std::string_view subject, int64_t minutes, UnixMs now);

}  // namespace fieldmark::watch
