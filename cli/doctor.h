#pragma once

#include <CLI/CLI.hpp>

namespace fieldmark::cli {

// `fieldmark doctor`: what the service here would send, and what is wrong. Runs in the Python environment
// that this program was installed into, because that is where the answers are: it becomes `python -m
// fieldmark doctor`.
void AddDoctor(CLI::App& app, int& exit_code);

}  // namespace fieldmark::cli
