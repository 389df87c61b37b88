#pragma once

#include <CLI/CLI.hpp>

namespace fieldmark::cli {

// `fieldmark judge`: what changes did to the signals of a file, offline.
void AddJudge(CLI::App& app, int& exit_code);

}  // namespace fieldmark::cli
