// What somebody says of a change, from the JSON of openapi.yaml.
#pragma once

#include <string_view>

#include "fieldmark/base/result.h"
#include "server/store/announced_change.h"

namespace fieldmark::api {

// Sets what `body` names and leaves the rest. kInvalidArgument when it is no JSON object, or has a member of
// another name or type. Whether what it says makes sense is for CheckAnnounced.
Status ReadChange(std::string_view body, store::AnnouncedChange& into);

}  // namespace fieldmark::api
