// What the server logs, to standard error: one line an event.
#pragma once

#include <cstdint>

namespace fieldmark::cli {

// kText is for people. kJson is one object a line: "at" (UTC, to the millisecond), "level", "message".
enum class LogFormat : uint8_t { kText, kJson };

// For the whole process; to be called before anything else logs.
void LogTo(LogFormat format);

}  // namespace fieldmark::cli
