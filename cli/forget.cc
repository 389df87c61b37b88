#include "cli/forget.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>

#include "cli/exit_code.h"
#include "cli/server_answers.h"
#include "cli/terminal.h"
#include "server/access/audit.h"
#include "server/store/forget.h"

namespace fieldmark::cli {
namespace {

namespace json = boost::json;

struct ForgetOptions : ServerOptions {
  std::string data;  // empty: the server that runs
  std::string field;
  bool yes = false;
};

std::optional<std::string> Given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string>(text);
}

std::string WhatGoes(const ForgetOptions& options) {
  return (options.field.empty() ? "everything" : options.field + " and what lies below it") + " of " +
         options.service +
         (options.environment.empty() ? " in all environments" : " in " + options.environment);
}

// Whoever is asked types the service's name: a habit of typing yes erases too much.
Status Confirm(const ForgetOptions& options) {
  if (options.yes) return {};
  if (::isatty(STDIN_FILENO) != 1) {
    return Error{ErrorCode::kFailedPrecondition, "forgetting " + options.service +
                                                     ": nobody is there to ask; say --yes to erase " +
                                                     WhatGoes(options)};
  }
  std::fprintf(stderr,
               "This erases %s. Type the service's name to go on: ", Printable(WhatGoes(options)).c_str());
  std::string typed;
  std::getline(std::cin, typed);
  if (typed == options.service) return {};
  return Error{ErrorCode::kFailedPrecondition,
               "forgetting " + options.service + ": its name was not typed, so nothing was erased"};
}

Result<store::Forgotten> InFolder(const ForgetOptions& options) {
  const auto forgotten =
      store::Forget(options.data, {options.service, Given(options.environment), Given(options.field)});
  if (!forgotten.ok()) return forgotten;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  FM_RETURN_IF_ERROR(access::Audit(
      options.data, std::chrono::duration_cast<std::chrono::milliseconds>(now).count(), "forgotten",
      {{"service", options.service},
       {"environment", options.environment},
       {"field", options.field},
       {"from", "the command line"}}));
  return forgotten;
}

Result<store::Forgotten> ByServer(const ForgetOptions& options) {
  std::string query;
  for (const auto& [key, value] : {std::pair("environment", options.environment), {"field", options.field}}) {
    if (!value.empty()) query += (query.empty() ? "?" : "&") + QueryPair(key, value);
  }
  const Result<json::object> reply = AskJson(options, "DELETE", ServicePath(options.service) + query);
  if (!reply.ok()) return reply.error();
  return store::Forgotten{reply->at("streams").to_number<int64_t>(), reply->at("rows").to_number<int64_t>()};
}

Status Forget(const ForgetOptions& options) {
  FM_RETURN_IF_ERROR(Confirm(options));
  const Result<store::Forgotten> forgotten = options.data.empty() ? ByServer(options) : InFolder(options);
  if (!forgotten.ok()) return forgotten.error();
  if (options.json) {
    const json::object object{{"streams", forgotten->streams}, {"rows", forgotten->rows}};
    std::printf("%s\n", json::serialize(object).c_str());
  } else {
    std::printf("forgot %s%s: %lld rows of %lld versions\n", Printable(options.service).c_str(),
                options.field.empty() ? "" : (" " + Printable(options.field)).c_str(),
                static_cast<long long>(forgotten->rows), static_cast<long long>(forgotten->streams));
  }
  return {};
}

}  // namespace

void AddForget(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("forget", "Erase a service, or one field of it, while the server runs");
  const auto options = std::make_shared<ForgetOptions>();
  options->seconds_max = 3600;  // a large database takes minutes
  command->add_option("service", options->service, "Which service")->required();
  command->add_option("field", options->field, "Only this field and what lies below it, as customer.phone");
  command->add_option("--environment", options->environment, "Only there");
  AddUrlOption(*command, *options);
  command->add_option("--data", options->data, "Instead, the folder of a server that is stopped");
  command->add_flag("--yes", options->yes, "Do not ask");
  command->add_flag("--json", options->json, "JSON instead of words");
  command->footer("Backups keep what they hold, and workers send what they have not sent yet");
  command->callback([options, &exit_code] {
    const Status done = Forget(*options);
    exit_code = done.ok() ? kNothingFound : kCouldNotRun;
    if (!done.ok()) PrintError(done.error().message);
  });
}

}  // namespace fieldmark::cli
