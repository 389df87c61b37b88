// Forgetting on request: everything of a service, or of one field of it, leaves the disk.
#pragma once

#include <optional>
#include <string>

#include "fieldmark/base/result.h"

namespace fieldmark::store {

struct Forgotten {
  int64_t streams = 0;  // (environment, service, version) that were looked through
  int64_t rows = 0;     // of summaries that went, or lost the field
};

// `environment` none: all of them. With `field` only that path and what lies below it goes, in every subject;
// else the streams with their subjects, instances and hash key. One transaction, then the file is written
// anew without the space that they took: it needs room for itself once more. kFailedPrecondition while a
// server runs on the folder, kNotFound when there is no such service; that a field was never seen is no
// error.
Result<Forgotten> Forget(const std::string& folder, const std::string& service,
                         const std::optional<std::string>& environment,
                         const std::optional<std::string>& field);

}  // namespace fieldmark::store
