// fieldmark forget: erases a service, or one field of it.
#pragma once

#include <CLI/CLI.hpp>

namespace fieldmark::cli {

void AddForget(CLI::App& app, int& exit_code);

}  // namespace fieldmark::cli
