// Numbers as JSON writes them: text to a double.
#pragma once

#include <optional>
#include <string_view>

namespace fieldmark::json {

// The nearest double of a number of JSON's grammar; ±0 where it is too small, nothing where it is too large.
std::optional<double> DoubleOf(std::string_view number);

}  // namespace fieldmark::json
