#include "cli/server_answers.h"

#include <boost/json.hpp>
#include <boost/url.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "cli/http_client.h"
#include "cli/nearest_name.h"
#include "cli/terminal.h"

namespace fieldmark::cli {
namespace {

namespace json = boost::json;

std::string Encoded(const std::string& text) {
  return boost::urls::encode(text, boost::urls::unreserved_chars);
}

Error UnexpectedAnswer(const ServerOptions& options, int status) {
  return {ErrorCode::kUnavailable,
          "asking the server at " + options.url + ": it answered " + std::to_string(status) +
              " and not as Fieldmark does; check that --url names a Fieldmark server"};
}

Error NobodyReported(const ServerOptions& options) {
  return {ErrorCode::kNotFound,
          "looking for a service at " + options.url +
              ": none has reported yet; add the middleware to one and send it a request"};
}

}  // namespace

void AddUrlOption(CLI::App& command, ServerOptions& options) {
  command.add_option("--url", options.url, "The server")->envname("FIELDMARK_URL")->capture_default_str();
  if (const char* token = std::getenv("FIELDMARK_TOKEN")) options.token = token;
}

void AddServerOptions(CLI::App& command, ServerOptions& options) {
  AddUrlOption(command, options);
  command.add_option("--service", options.service, "Of which service; when there is one only, that");
  command.add_option("--environment", options.environment,
                     "In which environment; when there is one only, that");
  command.add_flag("--json", options.json, "The server's JSON instead of words");
}

Result<json::object> AskJson(const ServerOptions& options, const std::string& method,
                             const std::string& target, const std::string& body) {
  const Result<HttpReply> reply =
      SendHttp(options.url, {method, target, options.token, body}, std::chrono::seconds(options.seconds_max));
  if (!reply.ok()) return reply.error();
  json::error_code failed;
  json::value value = json::parse(reply->body, failed);
  if (failed || !value.is_object()) return UnexpectedAnswer(options, reply->status);
  if (reply->status == 200 || reply->status == 201) return std::move(value.as_object());
  const std::string detail = TextAt(value.as_object(), "detail");
  if (detail.empty()) return UnexpectedAnswer(options, reply->status);
  return Error{reply->status == 404 ? ErrorCode::kNotFound : ErrorCode::kUnavailable, detail};
}

Result<json::object> GetJson(const ServerOptions& options, const std::string& target) {
  return AskJson(options, "GET", target);
}

Result<json::object> GetList(const ServerOptions& options, const std::string& target,
                             const std::string& name) {
  json::array all;
  std::string query = "?limit=500";
  while (true) {
    Result<json::object> page = GetJson(options, target + query);
    if (!page.ok()) return page;
    json::value* entries = page->if_contains(name);
    if (entries == nullptr || !entries->is_array()) return UnexpectedAnswer(options, 200);
    for (json::value& entry : entries->get_array()) all.push_back(std::move(entry));
    const std::string next = TextAt(*page, "next");
    if (next.empty()) {
      *entries = std::move(all);
      return page;
    }
    query = "?limit=500&" + QueryPair("cursor", next);
  }
}

Result<json::array> ServicesLeft(const ServerOptions& options) {
  const Result<json::object> list = GetList(options, "/api/v1/services", "services");
  if (!list.ok()) return list.error();
  json::array left;
  for (const json::value& service : list->at("services").get_array()) {
    if (!service.is_object()) continue;
    const bool named = options.service.empty() || TextAt(service.get_object(), "service") == options.service;
    const bool placed =
        options.environment.empty() || TextAt(service.get_object(), "environment") == options.environment;
    if (named && placed) left.push_back(service);
  }
  return left;
}

Error NoSuchService(const ServerOptions& options) {
  ServerOptions all = options;
  all.service.clear();
  all.environment.clear();
  const Result<json::array> services = ServicesLeft(all);
  if (!services.ok()) return services.error();
  if (services->empty()) return NobodyReported(options);
  std::vector<std::string> names, environments;
  for (const json::value& one : *services) {
    const std::string service = TextAt(one.get_object(), "service");
    names.push_back(service);
    if (options.service.empty() || service == options.service)
      environments.push_back(TextAt(one.get_object(), "environment"));
  }
  const bool of_service = !options.service.empty() && environments.empty();
  const std::string asked = of_service ? "service " + options.service : "environment " + options.environment;
  return {ErrorCode::kFailedPrecondition, "looking for the " + asked + " at " + options.url +
                                              ": none of that name has reported" +
                                              (of_service ? NearestWords(options.service, names)
                                                          : NearestWords(options.environment, environments))};
}

Result<std::string> TargetOf(const ServerOptions& options, const std::string& leaf) {
  std::string service = options.service;
  std::string environment = options.environment;
  if (service.empty() || environment.empty()) {
    const Result<json::array> left = ServicesLeft(options);
    if (!left.ok()) return left.error();
    if (left->empty()) return NoSuchService(options);
    if (left->size() > 1) {
      std::string names;
      for (const json::value& one : *left) {
        names += "\n  --service " + TextAt(one.get_object(), "service") + " --environment " +
                 TextAt(one.get_object(), "environment");
      }
      return Error{ErrorCode::kFailedPrecondition,
                   "choosing a service: there are several; name one of" + names};
    }
    service = TextAt(left->front().get_object(), "service");
    environment = TextAt(left->front().get_object(), "environment");
  }
  return ServicePath(service, environment, leaf);
}

std::string ServicePath(const std::string& service, const std::string& environment, const std::string& leaf) {
  const std::string path = "/api/v1/services/" + Encoded(service);
  return environment.empty() ? path : path + "/" + Encoded(environment) + "/" + leaf;
}

std::string QueryPair(const std::string& key, const std::string& value) { return key + "=" + Encoded(value); }

void PrintError(const std::string& message) { std::fprintf(stderr, "fieldmark: %s\n", message.c_str()); }

std::string TraceWords(const json::object& of) {
  const json::value* traces = of.if_contains("traces");
  if (traces == nullptr || !traces->is_array() || traces->get_array().empty()) return "";
  const json::value& first = traces->get_array().front();
  return first.is_string() ? ", trace " + Printable(std::string(first.get_string())) : "";
}

std::string TextAt(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace fieldmark::cli
