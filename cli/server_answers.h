// What the commands that ask a server have in common: where it is, which service is meant, its JSON or its
// problem.
#pragma once

#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <string>

#include "fieldmark/base/result.h"

namespace fieldmark::cli {

struct ServerOptions {
  std::string url = "http://127.0.0.1:3435";
  std::string token;  // never a flag: other users see those of a running program
  std::string service;
  std::string environment;
  bool json = false;
  int64_t seconds_max = 60;  // for an answer
};

// --url (or FIELDMARK_URL) and FIELDMARK_TOKEN.
void AddUrlOption(CLI::App& command, ServerOptions& options);
// Those, --service, --environment, --json.
void AddServerOptions(CLI::App& command, ServerOptions& options);

// The JSON object that the server answers with, or what its problem says. `body` goes as JSON unless it is
// empty.
Result<boost::json::object> AskJson(const ServerOptions& options, const std::string& method,
                                    const std::string& target, const std::string& body = "");
Result<boost::json::object> GetJson(const ServerOptions& options, const std::string& target);

// A whole list, page after page: the last page, with `name` holding the entries of all.
Result<boost::json::object> GetList(const ServerOptions& options, const std::string& target,
                                    const std::string& name);

// Of ServiceList, those that --service and --environment leave.
Result<boost::json::array> ServicesLeft(const ServerOptions& options);

// Why --service and --environment leave none: kNotFound when nobody has reported at all, else
// kFailedPrecondition with the names that may have been meant.
Error NoSuchService(const ServerOptions& options);

// "/api/v1/services/{service}/{environment}/status", encoded. The one service that is left;
// kFailedPrecondition with a list when there are several, as NoSuchService when there is none.
Result<std::string> TargetOf(const ServerOptions& options, const std::string& leaf);

// The same for names that are given; without an environment up to the service.
std::string ServicePath(const std::string& service, const std::string& environment = "",
                        const std::string& leaf = "");

// "key=value" of a query, encoded.
std::string QueryPair(const std::string& key, const std::string& value);

// To standard error, as every command's errors look.
void PrintError(const std::string& message);

// ", trace 4bf9…" of a finding or a new error that has one, printable.
std::string TraceWords(const boost::json::object& of);

std::string TextAt(const boost::json::object& object, std::string_view key);  // empty for null and none

}  // namespace fieldmark::cli
