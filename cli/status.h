#pragma once

#include <CLI/CLI.hpp>

namespace fieldmark::cli {

// `fieldmark status`: the four answers of one service, or a line for each of several.
void AddStatus(CLI::App& app, int& exit_code);

}  // namespace fieldmark::cli
