// fieldmark backup and restore.
#pragma once

#include <CLI/CLI.hpp>

namespace fieldmark::cli {

void AddBackup(CLI::App& app, int& exit_code);
void AddRestore(CLI::App& app, int& exit_code);

}  // namespace fieldmark::cli
