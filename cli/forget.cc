#include "cli/forget.h"

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include "cli/exit_code.h"
#include "cli/server_answers.h"
#include "cli/terminal.h"
#include "server/access/audit.h"
#include "server/store/forget.h"

namespace fieldmark::cli {
namespace {

struct ForgetOptions {
  std::string data = "fieldmark-data";
  std::string service;
  std::string environment;
  std::string field;
  bool json = false;
};

std::optional<std::string> Given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string>(text);
}

Status Forget(const ForgetOptions& options) {
  const auto forgotten =
      store::Forget(options.data, options.service, Given(options.environment), Given(options.field));
  if (!forgotten.ok()) return forgotten.error();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  FM_RETURN_IF_ERROR(access::Audit(
      options.data, std::chrono::duration_cast<std::chrono::milliseconds>(now).count(), "forgotten",
      {{"service", options.service},
       {"environment", options.environment},
       {"field", options.field},
       {"from", "the command line"}}));
  if (options.json) {
    const boost::json::object object{{"streams", forgotten->streams}, {"rows", forgotten->rows}};
    std::printf("%s\n", boost::json::serialize(object).c_str());
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
      app.add_subcommand("forget", "Erase a service, or one field of it; stop the server first");
  const auto options = std::make_shared<ForgetOptions>();
  command->add_option("service", options->service, "Which service")->required();
  command->add_option("field", options->field, "Only this field and what lies below it, as customer.phone");
  command->add_option("--environment", options->environment, "Only there");
  command->add_option("--data", options->data, "The server's folder")
      ->envname("FIELDMARK_SERVE_DATA")
      ->capture_default_str();
  command->add_flag("--json", options->json, "JSON instead of words");
  command->footer("Backups keep what they hold, and workers send what they have not sent yet");
  command->callback([options, &exit_code] {
    const Status done = Forget(*options);
    exit_code = done.ok() ? kNothingFound : kCouldNotRun;
    if (!done.ok()) PrintError(done.error().message);
  });
}

}  // namespace fieldmark::cli
