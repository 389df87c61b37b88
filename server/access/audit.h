// Audit: a line for each change that somebody made, in audit.log of the data folder.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fieldmark/base/result.h"
#include "fieldmark/base/time.h"

namespace fieldmark::access {

// One JSON object a line: "at" (UTC), "action" ("token created"), then what is given. At 16 MiB the file
// becomes audit.log.1 in that one's place. Never a secret in `details`.
Status Audit(const std::string& folder, UnixMs at, std::string_view action,
             const std::vector<std::pair<std::string_view, std::string>>& details);

}  // namespace fieldmark::access
