// fieldmark token create, list, revoke.
#pragma once

#include <CLI/CLI.hpp>

namespace fieldmark::cli {

void AddToken(CLI::App& app, int& exit_code);

}  // namespace fieldmark::cli
