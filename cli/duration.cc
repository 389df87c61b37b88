#include "cli/duration.h"

#include <charconv>

namespace fieldmark::cli {

Result<int64_t> ParseDuration(const std::string& text) {
  int64_t count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string unit(end, text.data() + text.size());
  const int64_t seconds = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86'400 : 0;
  constexpr int64_t kCountMax = 1'000'000;
  if (failed == std::errc() && seconds > 0 && count > 0 && count <= kCountMax) return count * seconds;
  return Error{ErrorCode::kInvalidArgument,
               "reading the duration '" + text + "': it is not like 60s, 15m, 1h or 1d; write one"};
}

}  // namespace fieldmark::cli
