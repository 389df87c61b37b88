#include "cli/change.h"

#include <boost/json.hpp>
#include <cstdio>
#include <memory>
#include <vector>

#include "cli/exit_code.h"
#include "cli/server_answers.h"
#include "cli/terminal.h"

namespace fieldmark::cli {
namespace {

namespace json = boost::json;

struct ChangeOptions : ServerOptions {
  std::string title;
  std::string amend;
  std::vector<std::pair<std::string, std::string>> given;  // members by name, where the flag was used
};

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

std::string ChangeWords(const json::object& change) {
  std::string words = TextAt(change, "title");
  const std::string version = TextAt(change, "to_version"), before = TextAt(change, "from_version");
  if (!version.empty()) {
    words += (words.empty() ? "" : ": ") + version;
    if (!before.empty()) words += " after " + before;
  }
  return words;
}

Row RowOf(const json::object& change) {
  const bool unseen = TextAt(change, "kind") == "deployment" && TextAt(change, "first_seen_at").empty();
  const json::value& id = change.at("id");
  return {
      {TextAt(change, "at"), TextAt(change, "kind"), id.is_null() ? "-" : json::serialize(id),
       Printable(ChangeWords(change)) + (unseen ? ", not seen yet" : ""), Printable(TextAt(change, "url"))},
      Tone::kPlain};
}

std::string BodyOf(const ChangeOptions& options) {
  json::object body;
  if (!options.title.empty()) body["title"] = options.title;
  for (const auto& [name, text] : options.given) body[name] = text;
  return json::serialize(body);
}

// A pipeline names the service: its first deployment is announced before anybody has heard of it, and its
// token lists nothing.
Result<std::string> ChangesPath(const ChangeOptions& options) {
  if (!options.service.empty() && !options.environment.empty())
    return ServicePath(options.service, options.environment, "changes");
  const bool writes = !options.title.empty() || !options.amend.empty();
  if (!writes) return TargetOf(options, "changes");
  return Error{ErrorCode::kInvalidArgument,
               "announcing a change: --service or --environment is missing; name whose change it is"};
}

Status List(const ChangeOptions& options, const std::string& path) {
  const Result<json::object> list = GetList(options, path, "changes");
  if (!list.ok()) return list.error();
  if (options.json) {
    Print(json::serialize(*list) + "\n");
    return {};
  }
  std::vector<Row> rows;
  for (const json::value& change : list->at("changes").as_array()) rows.push_back(RowOf(change.as_object()));
  Print(Aligned(rows, ""));
  return {};
}

Status Announce(const ChangeOptions& options, const std::string& path) {
  const bool amends = !options.amend.empty();
  const Result<json::object> change = AskJson(options, amends ? "PATCH" : "POST",
                                              amends ? path + "/" + options.amend : path, BodyOf(options));
  if (!change.ok()) return change.error();
  Print(options.json ? json::serialize(*change) + "\n"
                     : (amends ? "amended " : "announced ") + json::serialize(change->at("id")) + ": " +
                           Printable(ChangeWords(*change)) + "\n");
  return {};
}

Status Run(const ChangeOptions& options) {
  const Result<std::string> path = ChangesPath(options);
  if (!path.ok()) return path.error();
  const bool writes = !options.title.empty() || !options.amend.empty();
  if (!writes && !options.given.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "announcing a change: it has no title; say in a few words what changes"};
  }
  return writes ? Announce(options, *path) : List(options, *path);
}

}  // namespace

void AddChange(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "change", "Announce a change, amend what was announced, or list them without a title");
  const auto options = std::make_shared<ChangeOptions>();
  command->add_option("title", options->title, "What changes, in a few words");
  AddServerOptions(*command, *options);
  command
      ->add_option("--amend", options->amend, "Not a new one: change what was said of the one with this id")
      ->check(CLI::PositiveNumber);
  const auto add = [&](const std::string& flag, const std::string& member, const std::string& help) {
    command->add_option_function<std::string>(
        flag, [options, member](const std::string& text) { options->given.emplace_back(member, text); },
        help);
  };
  add("--kind", "kind", "deployment (when left out), migration, cache_rule, job or configuration");
  add("--version", "version", "Of a deployment: the version that it brings, as the service reports it");
  add("--at", "at", "When, as 2026-01-01T00:00:00Z; now when left out");
  add("--link", "url", "Where to read more, as the pipeline's page");
  add("--owner", "owner", "Whom to ask");
  add("--expected", "expected", "What it should do");
  add("--rollback", "rollback", "How to undo it");
  command->footer("Deployments are observed all the same: of those it says what nobody can observe");
  command->callback([options, &exit_code] {
    const Status done = Run(*options);
    exit_code = done.ok() ? kNothingFound : kCouldNotRun;
    if (!done.ok()) PrintError(done.error().message);
  });
}

}  // namespace fieldmark::cli
