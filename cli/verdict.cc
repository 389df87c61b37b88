#include "cli/verdict.h"

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "cli/duration.h"
#include "cli/exit_code.h"
#include "cli/new_errors.h"
#include "cli/server_answers.h"
#include "cli/terminal.h"

namespace fieldmark::cli {
namespace {

namespace json = boost::json;

constexpr std::chrono::minutes kJudgingMax{2};
constexpr std::chrono::seconds kPause{1};

struct VerdictOptions : ServerOptions {
  std::string change;
  std::string look;
};

int ExitCodeOf(const std::string& state) {
  if (state == "no_change") return kNothingFound;
  return state == "changed" || state == "suspected" ? kFoundSomething : kNotEnough;
}

Tone ToneOf(const std::string& state) {
  if (state == "no_change") return Tone::kGood;
  if (state == "changed") return Tone::kBad;
  return state == "suspected" ? Tone::kAttention : Tone::kQuiet;
}

Tone FindingTone(const json::object& finding) {
  if (TextAt(finding, "state") != "changed") return Tone::kAttention;
  const std::string direction = TextAt(finding, "direction");
  return direction == "worse" ? Tone::kBad : direction == "better" ? Tone::kGood : Tone::kAttention;
}

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

// "9f2c1ab after 77aa0d1, seen since 2026-11-24T14:02:00Z"
std::string ChangeWords(const json::object& change) {
  const std::string from = TextAt(change, "from_version");
  return Printable(TextAt(change, "to_version")) + (from.empty() ? "" : " after " + Printable(from)) +
         ", seen since " + TextAt(change, "first_seen_at");
}

void PrintVerdict(const json::object& verdict) {
  const json::object& change = verdict.at("change").as_object();
  Print(Toned(ToneOf(TextAt(verdict, "state")), TextAt(verdict, "title")) + "  " + ChangeWords(change) +
        "\n");
  Print("  " + Printable(TextAt(verdict, "sentence")) + "\n");
  const json::value* moments = verdict.if_contains("moments");
  if (moments != nullptr && moments->is_object())
    Print("  " + Printable(TextAt(moments->as_object(), "sentence")) + "\n");
  const json::array& findings = verdict.at("findings").as_array();
  if (findings.empty()) return PrintNewErrors(verdict);
  std::vector<Row> rows;
  for (const json::value& one : findings) {
    const json::object& finding = one.as_object();
    std::string state = TextAt(finding, "state");
    if (const std::string qualifier = TextAt(finding, "qualifier"); !qualifier.empty())
      state += ", " + qualifier;
    rows.push_back(
        {{TextAt(finding, "direction"), state, Printable(TextAt(finding, "sentence")) + TraceWords(finding)},
         FindingTone(finding)});
  }
  Print("\n" + Aligned(rows, "  "));
  PrintNewErrors(verdict);
  if (const std::string rollback = TextAt(change, "rollback"); !rollback.empty()) {
    Print("\n  rollback: " + Printable(rollback) + "\n");
  }
}

// The server says that it is judging rather than keep its threads waiting.
Result<json::object> GetJudged(const ServerOptions& options, const std::string& target) {
  const auto give_up = std::chrono::steady_clock::now() + kJudgingMax;
  while (true) {
    Result<json::object> verdict = GetJson(options, target);
    const bool judging = verdict.ok() && TextAt(*verdict, "state") == "judging";
    if (!judging || std::chrono::steady_clock::now() > give_up) return verdict;
    std::this_thread::sleep_for(kPause);
  }
}

Result<int> Verdict(const VerdictOptions& options) {
  std::string query;
  if (!options.change.empty()) query += "?" + QueryPair("change", options.change);
  if (!options.look.empty()) {
    const Result<int64_t> look_s = ParseDuration(options.look);
    if (!look_s.ok()) return look_s.error();
    query += (query.empty() ? "?" : "&") + QueryPair("look_s", std::to_string(*look_s));
  }
  const Result<std::string> target = TargetOf(options, "verdict" + query);
  if (!target.ok()) {
    if (target.error().code != ErrorCode::kNotFound) return target.error();
    PrintError(target.error().message);  // nobody has reported yet, which is an answer too
    return kNotEnough;
  }
  const Result<json::object> verdict = GetJudged(options, *target);
  if (!verdict.ok()) {
    if (verdict.error().code != ErrorCode::kNotFound) return verdict.error();
    const Result<json::array> left = ServicesLeft(options);  // or the version is what is not there
    return left.ok() && left->empty() ? NoSuchService(options) : verdict.error();
  }
  if (options.json) {
    Print(json::serialize(*verdict) + "\n");
  } else {
    PrintVerdict(*verdict);
  }
  return ExitCodeOf(TextAt(*verdict, "state"));
}

}  // namespace

void AddVerdict(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("verdict", "What a deployment did");
  const auto options = std::make_shared<VerdictOptions>();
  AddServerOptions(*command, *options);
  command->add_option("--change", options->change, "The version that it brought; the newest when left out");
  command->add_option("--look", options->look,
                      "Judge so much after it, as 1m or 4h; the look that is due when left out");
  command->callback([options, &exit_code] {
    const Result<int> code = Verdict(*options);
    exit_code = code.ok() ? *code : kCouldNotRun;
    if (!code.ok()) PrintError(code.error().message);
  });
}

}  // namespace fieldmark::cli
