#include "server/api/http.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>

namespace fieldmark::api {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (Lower(a[i]) != Lower(b[i])) return false;
  }
  return true;
}

// "127.1.2.3": four decimal octets, the first of them 127.
bool IsLoopbackV4(std::string_view host) {
  int octets = 0;
  while (octets < 4) {
    int value = 0;
    const auto [end, failed] = std::from_chars(host.data(), host.data() + host.size(), value);
    if (failed != std::errc() || value < 0 || value > 255 || (octets == 0 && value != 127)) return false;
    host.remove_prefix(static_cast<size_t>(end - host.data()));
    ++octets;
    if (octets == 4) return host.empty();
    if (host.empty() || host[0] != '.') return false;
    host.remove_prefix(1);
  }
  return false;
}

bool IsNamed(std::string_view name, const HostRules& rules) {
  return std::any_of(rules.hosts.begin(), rules.hosts.end(),
                     [&](const std::string& ours) { return EqualsIgnoringCase(name, ours); });
}

bool IsPort(std::string_view text) {
  return text.size() <= 5 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::string_view Request::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (EqualsIgnoringCase(key, name)) return value;
  }
  return {};
}

size_t Request::Count(std::string_view name) const {
  return static_cast<size_t>(std::count_if(headers.begin(), headers.end(), [&](const auto& header) {
    return EqualsIgnoringCase(header.first, name);
  }));
}

bool IsOurHost(std::string_view host, const HostRules& rules) {
  if (IsLoopbackHost(host)) return true;
  const size_t close = host.starts_with('[') ? host.find(']') : std::string_view::npos;
  const size_t colon = close == std::string_view::npos ? host.find(':') : host.find(':', close);
  if (colon != std::string_view::npos && !IsPort(host.substr(colon + 1))) return false;
  std::string_view name = host.substr(0, colon);
  if (IsNamed(name, rules)) return true;
  if (!rules.beyond_loopback) return false;
  if (close != std::string_view::npos) name = name.substr(1, close - 1);
  std::array<unsigned char, 16> address;
  return ::inet_pton(close == std::string_view::npos ? AF_INET : AF_INET6, std::string(name).c_str(),
                     address.data()) == 1;
}

bool IsOfOurPage(const Request& request, const HostRules& rules) {
  const std::string_view site = request.Header("Sec-Fetch-Site");
  if (!site.empty() && site != "same-origin" && site != "none") return false;
  const std::string_view origin = request.Header("Origin");
  if (origin.empty()) return true;
  const size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view sender = origin.substr(scheme + 3);
  // A proxy may have put its own name into Host.
  return EqualsIgnoringCase(sender, request.Header("Host")) ||
         IsNamed(sender.substr(0, sender.find(':')), rules);
}

std::string_view StatusTitle(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

Response Problem(int status, std::string_view detail) {
  const boost::json::object problem{{"title", StatusTitle(status)}, {"status", status}, {"detail", detail}};
  return {status, "application/problem+json", boost::json::serialize(problem), {}};
}

Response ProblemRetryLater(int status, std::string_view detail, int retry_after_s) {
  Response response = Problem(status, detail);
  response.headers.emplace_back("Retry-After", std::to_string(retry_after_s));
  return response;
}

std::string MediaType(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  for (char& c : type) c = Lower(c);
  return type;
}

bool IsLoopbackHost(std::string_view host) {
  if (host.starts_with('[')) {
    const size_t close = host.find(']');
    if (close == std::string_view::npos) return false;
    const std::string_view rest = host.substr(close + 1);
    return host.substr(0, close + 1) == "[::1]" &&
           (rest.empty() || (rest[0] == ':' && IsPort(rest.substr(1))));
  }
  if (const size_t colon = host.find(':'); colon != std::string_view::npos) {
    if (!IsPort(host.substr(colon + 1))) return false;
    host = host.substr(0, colon);
  }
  return EqualsIgnoringCase(host, "localhost") || IsLoopbackV4(host);
}

}  // namespace fieldmark::api
