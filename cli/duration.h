// Durations as people type them.
#pragma once

#include <cstdint>
#include <string>

#include "fieldmark/base/result.h"

namespace fieldmark::cli {

// Seconds of "45s", "15m", "1h", "1d". kInvalidArgument for anything else.
Result<int64_t> ParseDuration(const std::string& text);

}  // namespace fieldmark::cli
