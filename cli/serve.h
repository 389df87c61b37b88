#pragma once

#include <CLI/CLI.hpp>

namespace fieldmark::cli {

// `fieldmark serve`: takes batches, judges deployments, shows the page, until SIGINT or SIGTERM.
void AddServe(CLI::App& app, int& exit_code);

}  // namespace fieldmark::cli
