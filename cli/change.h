// fieldmark change: announces a change of a service, amends what was announced, lists what changed.
#pragma once

#include <CLI/CLI.hpp>

namespace fieldmark::cli {

void AddChange(CLI::App& app, int& exit_code);

}  // namespace fieldmark::cli
