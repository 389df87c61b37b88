// What somebody may have meant by a name that does not exist.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fieldmark::cli {

// The names that a few slips of the finger away give `asked`, nearest first; at most three, each once.
std::vector<std::string> NearestNames(std::string_view asked, std::vector<std::string> names);

// The end of an error: "; did you mean orders or order-api", "; there are a, b and 12 more", or empty without
// names.
std::string NearestWords(std::string_view asked, const std::vector<std::string>& names);

}  // namespace fieldmark::cli
