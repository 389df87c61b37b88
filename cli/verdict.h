#pragma once

#include <CLI/CLI.hpp>

namespace fieldmark::cli {

// `fieldmark verdict`: what a deployment did, findings worst first.
void AddVerdict(CLI::App& app, int& exit_code);

}  // namespace fieldmark::cli
