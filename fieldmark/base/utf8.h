// Whether bytes from outside are text.
#pragma once

#include <string_view>

namespace fieldmark {

// Overlong forms and surrogates are none.
bool IsUtf8(std::string_view text);
// UTF-8 without control characters.
bool IsPrintable(std::string_view text);

}  // namespace fieldmark
