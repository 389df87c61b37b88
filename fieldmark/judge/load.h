// Load: the more is asked, the longer an answer takes. By how much, a latency's own past tells.
#pragma once

#include <span>
#include <vector>

#include "fieldmark/judge/windows.h"

namespace fieldmark::judge {

// By how much each earlier step's level would have been higher, had the load been that of the window after
// the change. A level is the mean of the values' natural logarithms over so many documents; one of each a
// step. Empty where the past does not show beyond chance that levels rise with the documents.
std::vector<double> UnderLoadOfWindow(std::span<const double> levels, std::span<const double> documents,
                                      const Windows& windows);

}  // namespace fieldmark::judge
