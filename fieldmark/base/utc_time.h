// Times as text, in UTC.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fieldmark/base/result.h"

namespace fieldmark {

// Seconds since 1970 of "2026-01-01T00:00:00Z", "2026-01-01T00:00Z" or a whole number of seconds.
Result<int64_t> ParseTime(std::string_view text);
// "2026-01-01T00:00:00Z".
std::string TimeText(int64_t unix_s);

}  // namespace fieldmark
