// Validators: whoever has an answer already need not get it again.
#pragma once

#include <string>
#include <string_view>

namespace fieldmark::api {

// Tells two answers apart, which is all that a validator is for.
std::string EtagOf(std::string_view bytes);

// Whether If-None-Match names it, in any of its forms: a list, weak ones, "*".
bool HasEtag(std::string_view if_none_match, std::string_view etag);

}  // namespace fieldmark::api
