// Numbers and times as people read them, for the answers and for what the server prints.
#pragma once

#include <cstdint>
#include <string>

#include "fieldmark/base/time.h"

namespace fieldmark::watch {

std::string UtcTime(UnixMs time);       // "2026-11-24T14:02:05Z"
std::string ClockTime(UnixMs time);     // "14:02 UTC"
std::string Duration(int64_t seconds);  // "45 s", "15 min", "4 h", "3 days"
std::string Percent(double ratio);      // "0 %", "0.02 %", "38 %"
std::string Milliseconds(double ms);    // "0.4 ms", "12 ms", "1.8 s"
std::string PerSecond(double rate);     // "24 requests a second"

}  // namespace fieldmark::watch
