// A request and its response as values: what the endpoints see of HTTP. No sockets here.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fieldmark::api {

struct Request {
  std::string method;  // "GET"
  std::string target;  // "/api/v1/services?x=y", as it came
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string peer{};  // address of the other end, without its port; empty where there is none

  // The value of the first such header, or empty. Names compare without case.
  std::string_view Header(std::string_view name) const;
  size_t Count(std::string_view name) const;  // of such headers
};

struct Response {
  int status = 200;
  std::string content_type;  // empty with an empty body
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// An error as application/problem+json: what was attempted, found, where, and what to do next.
Response Problem(int status, std::string_view detail);
// The same, telling the client when to come back.
Response ProblemRetryLater(int status, std::string_view detail, int retry_after_s);

// "Not Found" for 404; "Error" for a status that this server does not use.
std::string_view StatusTitle(int status);

// "text/html" of "Text/HTML; charset=utf-8".
std::string MediaType(std::string_view content_type);

// Whether a Host header names this machine itself. Anything else is a name that somebody else's DNS resolves
// to us.
bool IsLoopbackHost(std::string_view host);

// Names that this server goes by.
struct HostRules {
  bool beyond_loopback = false;    // addresses are good names too: no DNS can make one point elsewhere
  std::vector<std::string> hosts;  // further names, without port
};
bool IsOurHost(std::string_view host, const HostRules& rules);

// Whether a page of ours sent a request that changes something: it says so in Origin or Sec-Fetch-Site, as
// every browser does; programs send neither.
bool IsOfOurPage(const Request& request, const HostRules& rules);

// Requests run in one of two groups of threads, so that reading and judging never hold up what workers send.
enum class Lane : int { kWrite = 0, kRead = 1 };
inline constexpr int kLanes = 2;

// Called by several threads at once.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual Lane LaneOf(const Request& request) const = 0;
  virtual Response Handle(const Request& request) = 0;
};

}  // namespace fieldmark::api
