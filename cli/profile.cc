#include "cli/profile.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <map>
#include <memory>

#include "cli/exit_code.h"
#include "cli/profile_input.h"
#include "cli/profile_report.h"
#include "cli/server_answers.h"
#include "cli/terminal.h"
#include "fieldmark/bucket/document_profiler.h"
#include "fieldmark/judge/lots.h"

namespace fieldmark::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::vector<std::string> files;
  std::vector<std::string> merge;
  std::vector<std::string> compare;
  std::string save;
  std::string hash_key;
  std::string form = "auto";
  std::vector<std::string> reveal;
  bool json = false;
};

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

json::array NotesJson(const std::vector<std::string>& notes) {
  return json::array(notes.begin(), notes.end());
}

void PrintNotes(const std::vector<std::string>& notes) {
  for (const std::string& note : notes) Print("\n" + Toned(Tone::kAttention, "note") + "  " + note + "\n");
}

uint64_t Malformed(const bucket::BodySummary& body) {
  uint64_t count = 0;
  for (const uint64_t of_kind : body.malformed) count += of_kind;
  return count;
}

// ---- one profile

std::string TitleOf(const std::vector<LoadedProfile>& loaded, const bucket::BodySummary& body) {
  const std::string from = loaded.size() > 1            ? std::to_string(loaded.size()) + " files"
                           : loaded.front().path == "-" ? "standard input"
                                                        : Printable(loaded.front().path);
  return from + ": " + std::to_string(body.documents) + (body.documents == 1 ? " document" : " documents") +
         ", " + std::to_string(body.fields.size()) + (body.fields.size() == 1 ? " field" : " fields") +
         "\n\n";
}

int ExitCodeOf(const bucket::BodySummary& body) {
  if (Malformed(body) > 0) return kFoundSomething;
  return body.documents == 0 ? kNotEnough : kNothingFound;
}

Result<int> Profile(const Options& options, const std::vector<LoadedProfile>& loaded) {
  std::vector<std::string> notes;
  const bucket::SavedProfile profile = MergeLoaded(loaded, notes);
  if (!options.save.empty()) {
    const Result<std::string> bytes = bucket::EncodeProfile(profile);
    if (!bytes.ok()) return bytes.error();
    FM_RETURN_IF_ERROR(WriteWhole(options.save, *bytes));
  }
  if (options.json) {
    json::object answer = ProfileJson(profile);
    answer["notes"] = NotesJson(notes);
    Print(json::serialize(answer) + "\n");
  } else {
    const bucket::BodySummary body = WithMapsFolded(profile.body);
    Print(TitleOf(loaded, body));
    if (body.documents == 0 && Malformed(body) == 0) Print("no documents: nothing to say\n");
    if (!body.fields.empty() || Malformed(body) > 0) Print(TableOf(body));
    PrintNotes(notes);
  }
  return ExitCodeOf(profile.body);
}

// ---- two

json::object FindingJson(const judge::Finding& finding) {
  return {{"signal", finding.signal},
          {"field", finding.field},
          {"statistic", finding.statistic},
          {"category", finding.category.empty() ? json::value(nullptr) : json::value(finding.category)},
          {"state", judge::StateCode(finding.state)},
          {"direction", judge::DirectionCode(finding.direction)},
          {"from", finding.from},
          {"to", finding.to},
          {"effect", finding.effect},
          {"n_before", finding.n_before},
          {"n_after", finding.n_after},
          {"p_value", finding.p},
          {"q_value", finding.q_value},
          {"could_have_seen", finding.could_have_seen},
          {"sentence", finding.sentence}};
}

json::object ComparisonJson(const judge::Verdict& verdict, const std::vector<std::string>& notes) {
  json::array findings;
  for (const judge::Finding& finding : verdict.findings) findings.push_back(FindingJson(finding));
  return {{"format", "fieldmark.comparison/1"},
          {"state", judge::StateCode(verdict.state)},
          {"title", verdict.title},
          {"sentence", verdict.sentence},
          {"findings", std::move(findings)},
          {"judged", verdict.judged},
          {"not_enough", verdict.not_enough},
          {"cannot_compare", verdict.cannot_compare},
          {"could_have_seen", verdict.could_have_seen},
          {"notes", NotesJson(notes)}};
}

Tone ToneOf(judge::State state) {
  switch (state) {
    case judge::State::kChanged:
      return Tone::kBad;
    case judge::State::kSuspected:
      return Tone::kAttention;
    case judge::State::kNoChange:
      return Tone::kGood;
    default:
      return Tone::kQuiet;
  }
}

Tone ToneOf(const judge::Finding& finding) {
  if (finding.state != judge::State::kChanged) return Tone::kAttention;
  if (finding.direction == judge::Direction::kBetter) return Tone::kGood;
  return finding.direction == judge::Direction::kWorse ? Tone::kBad : Tone::kAttention;
}

void PrintComparison(const judge::Verdict& verdict, const std::vector<LoadedProfile>& sides) {
  const auto name = [](const std::string& path) { return path == "-" ? "standard input" : Printable(path); };
  Print(Toned(ToneOf(verdict.state), verdict.title) + "  " + name(sides[1].path) + " compared with " +
        name(sides[0].path) + "\n  " + verdict.sentence + "\n");
  if (verdict.findings.empty()) return;
  std::vector<Row> rows;
  for (const judge::Finding& finding : verdict.findings) {
    rows.push_back({{std::string(judge::DirectionCode(finding.direction)),
                     std::string(judge::StateCode(finding.state)), Printable(finding.sentence)},
                    ToneOf(finding)});
  }
  Print("\n" + Aligned(rows, "  "));
}

int ExitCodeOf(judge::State state) {
  switch (state) {
    case judge::State::kChanged:
    case judge::State::kSuspected:
      return kFoundSomething;
    case judge::State::kNoChange:
      return kNothingFound;
    default:
      return kNotEnough;
  }
}

int CompareTwo(const Options& options, const std::vector<LoadedProfile>& sides) {
  const judge::Comparison comparison = judge::Compare(sides[0].profile, sides[1].profile);
  std::vector<std::string> notes;
  if (!comparison.hashes_compared) {
    notes.push_back(
        "the two are not hashed under one key: the mix of values is not compared; profile both in one go, or "
        "with "
        "one --hash-key");
  }
  for (const LoadedProfile& side : sides) {
    if (!side.first_problem.empty())
      notes.push_back("the first that could not be read: " + side.first_problem);
  }
  if (options.json) {
    Print(json::serialize(ComparisonJson(comparison.verdict, notes)) + "\n");
  } else {
    PrintComparison(comparison.verdict, sides);
    PrintNotes(notes);
  }
  return ExitCodeOf(comparison.verdict.state);
}

// ---- the command

const std::map<std::string, DocumentForm> kForms = {{"auto", DocumentForm::kAuto},
                                                    {"lines", DocumentForm::kLines},
                                                    {"array", DocumentForm::kArray},
                                                    {"values", DocumentForm::kValues}};

Result<int> Run(const Options& options) {
  const bool comparing = !options.compare.empty();
  std::vector<std::string> paths = comparing ? options.compare : options.files;
  paths.insert(paths.end(), options.merge.begin(), options.merge.end());
  if (paths.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "profiling: no file is given; give files of JSON documents, or - for standard input"};
  }
  if (std::count(paths.begin(), paths.end(), "-") > 1) {
    return Error{ErrorCode::kInvalidArgument,
                 "profiling: standard input (-) is given twice; it can be read once"};
  }
  ProfileInputOptions input;
  input.form = kForms.at(options.form);
  if (!options.hash_key.empty()) {
    const Result<HashKey> key = HashKey::FromHex(options.hash_key);
    if (!key.ok()) {
      return Error{
          key.error().code,
          "reading --hash-key or FIELDMARK_HASH_KEY: expected 32 hexadecimal digits, found something "
          "else; make one with: openssl rand -hex 16"};
    }
    input.hash_key = *key;
  }
  const Result<std::shared_ptr<const profile::Declarations>> declarations =
      bucket::RevealedDocuments(options.reveal);
  if (!declarations.ok()) {
    return Error{declarations.error().code, "reading --reveal: " + declarations.error().message};
  }
  input.declarations = *declarations;
  const Result<std::vector<LoadedProfile>> loaded = LoadProfiles(paths, input);
  if (!loaded.ok()) return loaded.error();
  if (comparing) return CompareTwo(options, *loaded);
  return Profile(options, *loaded);
}

}  // namespace

void AddProfile(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "profile", "What is in files of JSON documents, field by field, and what differs between two");
  command->add_option(
      "files", options->files,
      "JSON, JSON lines or arrays of documents, or saved profiles, taken together; - is standard input");
  CLI::Option* merge = command
                           ->add_option("--merge", options->merge,
                                        "The same as files, for saved profiles that are put together")
                           ->type_name("A B …");
  CLI::Option* save =
      command
          ->add_option("--save", options->save,
                       "Write the profile to a file, which merges and compares with others")
          ->check([](const std::string& name) {
            return name.empty() ? std::string("the name of the file is empty") : std::string();
          })
          ->type_name("FILE");
  command
      ->add_option("--compare", options->compare,
                   "What differs in AFTER; each is a saved profile or a data file")
      ->type_name("BEFORE AFTER")
      ->expected(2)
      ->excludes(merge)
      ->excludes(save);
  command->add_option("--form", options->form, "How documents are told apart")
      ->check(CLI::IsMember(kForms))
      ->type_name("auto|lines|array|values")
      ->capture_default_str();
  command
      ->add_option(
          "--hash-key", options->hash_key,
          "32 hexadecimal digits under which values are hashed; left out, a random key that goes into the "
          "saved file")
      ->type_name("HEX")
      ->envname("FIELDMARK_HASH_KEY");
  command
      ->add_option(
          "--reveal", options->reveal,
          "A field whose values may be shown and saved as they are, like customer.country; again for "
          "another")
      ->type_name("FIELD")
      ->allow_extra_args(false);
  command->add_flag("--json", options->json, "One JSON object instead of words");
  command->footer(
      "No value of a document is shown or saved, only counts, rounded ranges and keyed hashes; but of fields "
      "that "
      "--reveal names the commonest values and the exact range");
  command->callback([options, &exit_code] {
    const Result<int> code = Run(*options);
    exit_code = code.ok() ? *code : kCouldNotRun;
    if (!code.ok()) PrintError(code.error().message);
  });
}

}  // namespace fieldmark::cli
