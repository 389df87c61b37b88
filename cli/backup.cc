#include "cli/backup.h"

#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/exit_code.h"
#include "cli/server_answers.h"
#include "server/store/backup.h"

namespace fieldmark::cli {
namespace {

struct CopyOptions {
  std::string data = "fieldmark-data";
  std::string file;
  bool json = false;
};

void AddOptions(CLI::App& command, CopyOptions& options, const char* file_help) {
  command.add_option("file", options.file, file_help)->required();
  command.add_option("--data", options.data, "The server's folder")
      ->envname("FIELDMARK_SERVE_DATA")
      ->capture_default_str();
  command.add_flag("--json", options.json, "JSON instead of words");
}

int Finish(const Status& done, const CopyOptions& options, const std::string& copied) {
  if (!done.ok()) {
    PrintError(done.error().message);
    return kCouldNotRun;
  }
  std::error_code ignored;
  const uintmax_t bytes = std::filesystem::file_size(copied, ignored);
  if (options.json) {
    std::printf("%s\n",
                boost::json::serialize(boost::json::object{{"file", copied}, {"bytes", bytes}}).c_str());
  } else {
    std::printf("%s is whole, %.1f MB\n", copied.c_str(), static_cast<double>(bytes) / 1e6);
  }
  return kNothingFound;
}

}  // namespace

void AddBackup(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("backup", "Copy the database, also while a server runs on it");
  const auto options = std::make_shared<CopyOptions>();
  AddOptions(*command, *options, "Where to; nothing may be there");
  command->footer("Tokens are no part of it; tokens.json of the folder holds them");
  command->callback([options, &exit_code] {
    exit_code = Finish(store::BackUp(options->data, options->file), *options, options->file);
  });
}

void AddRestore(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("restore", "Put a backup into a folder without a database");
  const auto options = std::make_shared<CopyOptions>();
  AddOptions(*command, *options, "The backup");
  command->callback([options, &exit_code] {
    exit_code =
        Finish(store::Restore(options->file, options->data), *options, options->data + "/fieldmark.db");
  });
}

}  // namespace fieldmark::cli
