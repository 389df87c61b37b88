#include "cli/token.h"

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <vector>

#include "cli/exit_code.h"
#include "cli/server_answers.h"
#include "cli/terminal.h"
#include "server/access/audit.h"
#include "server/access/tokens.h"

namespace fieldmark::cli {
namespace {

namespace json = boost::json;
using access::Token;
using access::TokenKind;

struct TokenOptions {
  std::string data = "fieldmark-data";
  std::string service;
  std::string environment;
  std::string name;
  std::string id;
  bool admin = false;
  bool json = false;
};

UnixMs WallClock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::string DayOf(UnixMs at) {
  const std::time_t seconds = static_cast<std::time_t>(at / 1000);
  std::tm fields{};
  ::gmtime_r(&seconds, &fields);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d", &fields);
  return text;
}

// What it is good for.
std::string WordsOf(const Token& token) {
  if (token.kind == TokenKind::kIngest) return "writes for " + token.service + " in " + token.environment;
  return token.kind == TokenKind::kRead ? "reads everything" : "reads, announces and erases everything";
}

json::object JsonOf(const Token& token) {
  return {{"id", token.id},           {"kind", access::TokenKindCode(token.kind)},
          {"service", token.service}, {"environment", token.environment},
          {"name", token.name},       {"created_at", DayOf(token.created_unix_ms)}};
}

Status AuditToken(const std::string& folder, std::string_view action, const Token& token) {
  return access::Audit(folder, WallClock(), action,
                       {{"token", token.id},
                        {"kind", std::string(access::TokenKindCode(token.kind))},
                        {"service", token.service},
                        {"environment", token.environment},
                        {"name", token.name},
                        {"from", "the command line"}});
}

Status Create(const TokenOptions& options) {
  const bool for_writing = !options.service.empty() || !options.environment.empty();
  Token wanted;
  wanted.kind = options.admin ? TokenKind::kAdmin : for_writing ? TokenKind::kIngest : TokenKind::kRead;
  wanted.service = options.service;
  wanted.environment = options.environment;
  wanted.name = options.name;
  const auto made = access::CreateToken(options.data, wanted, WallClock());
  if (!made.ok()) return made.error();
  FM_RETURN_IF_ERROR(AuditToken(options.data, "token created", made->token));
  if (options.json) {
    json::object object = JsonOf(made->token);
    object["token"] = made->text;
    std::printf("%s\n", json::serialize(object).c_str());
    return {};
  }
  std::printf("%s\n", made->text.c_str());
  std::fprintf(
      stderr, "It %s and is not shown again; %s\n", Printable(WordsOf(made->token)).c_str(),
      for_writing ? "set FIELDMARK_TOKEN to it there" : "give it to the page, or set FIELDMARK_TOKEN");
  return {};
}

Status List(const TokenOptions& options) {
  const auto tokens = access::ListTokens(options.data);
  if (!tokens.ok()) return tokens.error();
  if (options.json) {
    json::array array;
    for (const Token& token : *tokens) array.push_back(JsonOf(token));
    std::printf("%s\n", json::serialize(json::object{{"tokens", std::move(array)}}).c_str());
    return {};
  }
  if (tokens->empty()) std::printf("there are no tokens in %s\n", options.data.c_str());
  std::vector<Row> rows;
  for (const Token& token : *tokens) {
    rows.push_back(
        {{token.id, Printable(WordsOf(token)), DayOf(token.created_unix_ms), Printable(token.name)},
         Tone::kQuiet});
  }
  std::fputs(Aligned(rows, "").c_str(), stdout);
  return {};
}

Status Revoke(const TokenOptions& options) {
  const auto revoked = access::RevokeToken(options.data, options.id);
  if (!revoked.ok()) return revoked.error();
  FM_RETURN_IF_ERROR(AuditToken(options.data, "token revoked", *revoked));
  if (options.json) {
    std::printf("%s\n", json::serialize(JsonOf(*revoked)).c_str());
  } else {
    std::printf("revoked %s; a server that runs refuses it from now on, and ends its sessions\n",
                revoked->id.c_str());
  }
  return {};
}

CLI::App* AddVerb(CLI::App& command, const char* name, const char* help, Status (*run)(const TokenOptions&),
                  const std::shared_ptr<TokenOptions>& options, int& exit_code) {
  CLI::App* verb = command.add_subcommand(name, help);
  verb->add_option("--data", options->data, "The server's folder")
      ->envname("FIELDMARK_SERVE_DATA")
      ->capture_default_str();
  verb->add_flag("--json", options->json, "JSON instead of words");
  verb->callback([run, options, &exit_code] {
    const Status done = run(*options);
    exit_code = done.ok() ? kNothingFound : kCouldNotRun;
    if (!done.ok()) PrintError(done.error().message);
  });
  return verb;
}

}  // namespace

void AddToken(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("token", "Who may write and read: create, list, revoke");
  command->require_subcommand(1);
  const auto options = std::make_shared<TokenOptions>();
  CLI::App* create = AddVerb(
      *command, "create", "Make a token: for reading, or with --service and --environment for writing there",
      Create, options, exit_code);
  create->add_option("--service", options->service, "What it may write for");
  create->add_option("--environment", options->environment, "Where");
  create->add_flag("--admin", options->admin, "One that also announces changes and erases, of every service");
  create->add_option("--name", options->name, "Whose it is, for the list");
  AddVerb(*command, "list", "Show them, without their secrets", List, options, exit_code);
  CLI::App* revoke = AddVerb(*command, "revoke", "End one at once", Revoke, options, exit_code);
  revoke->add_option("id", options->id, "Its eight digits, from the list")->required();
}

}  // namespace fieldmark::cli
