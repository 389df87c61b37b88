// Asks a Fieldmark server over HTTP. One request, one connection.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "fieldmark/base/result.h"

namespace fieldmark::cli {

struct HttpReply {
  int status = 0;
  std::string body;
};

// GET `target` ("/api/v1/services") of the server at `url` ("http://127.0.0.1:3435"). kInvalidArgument for a
// URL that is not http://host[:port], kUnavailable when no whole answer came in time. `token` is sent along
// unless it is empty.
Result<HttpReply> HttpGet(const std::string& url, std::string_view target, const std::string& token,
                          std::chrono::seconds time_max = std::chrono::seconds(60));

}  // namespace fieldmark::cli
