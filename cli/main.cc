#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/backup.h"
#include "cli/change.h"
#include "cli/doctor.h"
#include "cli/exit_code.h"
#include "cli/forget.h"
#include "cli/judge.h"
#include "cli/profile.h"
#include "cli/serve.h"
#include "cli/server_answers.h"
#include "cli/status.h"
#include "cli/token.h"
#include "cli/verdict.h"

namespace cli = fieldmark::cli;

int main(int argc, char** argv) {
  CLI::App app{"Tells when the data of a service goes bad, and which change did it", "fieldmark"};
  app.set_version_flag("--version", FIELDMARK_VERSION);
  app.require_subcommand(0, 1);
  app.footer(
      "Exit: 0 nothing found, 1 found something, 2 could not run, 3 not enough traffic or nothing to compare "
      "with");
  int exit_code = cli::kNothingFound;
  cli::AddServe(app, exit_code);
  cli::AddStatus(app, exit_code);
  cli::AddVerdict(app, exit_code);
  cli::AddChange(app, exit_code);
  cli::AddJudge(app, exit_code);
  cli::AddDoctor(app, exit_code);
  cli::AddProfile(app, exit_code);
  cli::AddToken(app, exit_code);
  cli::AddBackup(app, exit_code);
  cli::AddRestore(app, exit_code);
  cli::AddForget(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help and --version
    cli::PrintError(std::string(error.what()) + "; see 'fieldmark --help', or --help after a command");
    return cli::kCouldNotRun;
  } catch (const std::exception& error) {
    cli::PrintError("running the command: " + std::string(error.what()) +
                    "; report it with the command line");
    return cli::kCouldNotRun;
  }
  if (app.get_subcommands().empty()) {
    std::fputs(app.help().c_str(), stderr);
    return cli::kCouldNotRun;
  }
  // An answer that nobody got is none, and never green.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    cli::PrintError("writing the answer to standard output: not all of it was taken; is its disk full?");
    return cli::kCouldNotRun;
  }
  return exit_code;
}
