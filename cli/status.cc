#include "cli/status.h"

#include <boost/json.hpp>
#include <cstdio>
#include <memory>
#include <vector>

#include "cli/exit_code.h"
#include "cli/new_errors.h"
#include "cli/server_answers.h"
#include "cli/terminal.h"

namespace fieldmark::cli {
namespace {

namespace json = boost::json;

Tone ToneOf(const std::string& state) {
  if (state == "good") return Tone::kGood;
  if (state == "attention") return Tone::kAttention;
  if (state == "bad") return Tone::kBad;
  return Tone::kQuiet;
}

// The first that holds, over several answers or services: bad or attention, no data, good.
int ExitCodeOf(const std::vector<std::string>& states) {
  int code = states.empty() ? kNotEnough : kNothingFound;
  for (const std::string& state : states) {
    if (state == "attention" || state == "bad") return kFoundSomething;
    if (state != "good") code = kNotEnough;
  }
  return code;
}

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

std::string LastData(const json::object& object) {
  const std::string at = TextAt(object, "last_data_at");
  return at.empty() ? "no data yet" : "data up to " + at;
}

void PrintIncidents(const json::object& status) {
  const json::value* found = status.if_contains("incidents");
  if (found == nullptr || !found->is_array() || found->get_array().empty()) return;
  Print("\nbetween changes\n");
  std::vector<Row> rows;
  for (const json::value& one : found->get_array()) {
    const json::object& incident = one.as_object();
    const std::string state = TextAt(incident, "state");
    const bool worse = TextAt(incident, "direction") == "worse";
    rows.push_back({{state, Printable(TextAt(incident, "sentence"))},
                    state != "lasts" ? Tone::kQuiet
                    : worse          ? Tone::kBad
                                     : Tone::kAttention});
  }
  Print(Aligned(rows, "  "));
}

void PrintAnswers(const json::object& status) {
  Print(Printable(TextAt(status, "service")) + " in " + Printable(TextAt(status, "environment")) +
        ", version " + Printable(TextAt(status, "version")) + ", " + LastData(status) + "\n\n");
  std::vector<Row> rows;
  for (const json::value& one : status.at("answers").as_array()) {
    const json::object& answer = one.as_object();
    std::string detail = Printable(TextAt(answer, "detail"));
    if (const std::string usual = TextAt(answer, "usual"); !usual.empty())
      detail += " (" + Printable(usual) + ")";
    rows.push_back({{Printable(TextAt(answer, "word")), TextAt(answer, "question"), detail},
                    ToneOf(TextAt(answer, "state"))});
  }
  Print(Aligned(rows, "  "));
  PrintIncidents(status);
  const json::value* verdict = status.if_contains("verdict");
  if (verdict != nullptr && verdict->is_object()) PrintNewErrors(verdict->get_object());
  const json::value* notices = status.if_contains("notices");
  if (notices == nullptr || !notices->is_array() || notices->get_array().empty()) return;
  Print("\n");
  for (const json::value& notice : notices->get_array()) {
    if (notice.is_string()) Print("  ! " + Printable(std::string(notice.get_string())) + "\n");
  }
}

void PrintServices(const json::array& services) {
  std::vector<Row> rows;
  for (const json::value& one : services) {
    const json::object& service = one.as_object();
    rows.push_back({{TextAt(service, "state"), Printable(TextAt(service, "service")),
                     Printable(TextAt(service, "environment")), Printable(TextAt(service, "version")),
                     Printable(TextAt(service, "headline"))},
                    ToneOf(TextAt(service, "state"))});
  }
  Print(Aligned(rows, ""));
}

Result<int> Services(const ServerOptions& options, const json::array& services) {
  if (options.json) {
    Result<json::object> list = GetList(options, "/api/v1/services", "services");
    if (!list.ok()) return list.error();
    (*list)["services"] = services;
    Print(json::serialize(*list) + "\n");
  } else if (services.empty()) {
    Print("no service has reported to " + options.url +
          " yet; add the middleware to one and send it a request\n");
  } else {
    PrintServices(services);
  }
  std::vector<std::string> states;
  for (const json::value& service : services) states.push_back(TextAt(service.as_object(), "state"));
  return ExitCodeOf(states);
}

Result<int> Status(const ServerOptions& options) {
  const Result<json::array> left = ServicesLeft(options);
  if (!left.ok()) return left.error();
  if (left->empty() && !(options.service.empty() && options.environment.empty())) {
    const Error none = NoSuchService(options);
    if (none.code != ErrorCode::kNotFound) return none;
    PrintError(none.message);  // nobody has reported yet, which is an answer too
    return kNotEnough;
  }
  if (left->size() != 1) return Services(options, *left);
  const std::string state = TextAt(left->front().as_object(), "state");
  const Result<std::string> target = TargetOf(options, "status");
  if (!target.ok()) return target.error();
  const Result<json::object> status = GetJson(options, *target);
  if (!status.ok()) return status.error();
  if (options.json) {
    Print(json::serialize(*status) + "\n");
  } else {
    PrintAnswers(*status);
  }
  return ExitCodeOf({state});
}

}  // namespace

void AddStatus(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("status", "Is it up, is it slow, are jobs failing, what did the last deployment do");
  const auto options = std::make_shared<ServerOptions>();
  AddServerOptions(*command, *options);
  command->callback([options, &exit_code] {
    const Result<int> code = Status(*options);
    exit_code = code.ok() ? *code : kCouldNotRun;
    if (!code.ok()) PrintError(code.error().message);
  });
}

}  // namespace fieldmark::cli
