// Asks a server over HTTP/1.1, one request a connection; over TLS where the address says https.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "fieldmark/base/result.h"

namespace fieldmark::cli {

struct HttpRequest {
  std::string method = "GET";
  std::string target;   // begins with '/'
  std::string token{};  // goes as a bearer token unless empty
  std::string json{};   // the body; empty: none
};

struct HttpReply {
  int status = 0;
  std::string body;
};

// `url` is "http://host:port" or "https://host". Over TLS the certificate must be of that host, from an
// authority that this machine trusts: its own store, or the file that SSL_CERT_FILE names. kInvalidArgument
// for another URL; kUnavailable when no reply came in time, or none that is HTTP, or the certificate is not
// to be trusted.
Result<HttpReply> SendHttp(const std::string& url, const HttpRequest& request, std::chrono::seconds time_max);

}  // namespace fieldmark::cli
