#pragma once

#include <CLI/CLI.hpp>

namespace fieldmark::cli {

// `fieldmark profile`: what is in files of JSON documents, field by field, and what differs between two.
void AddProfile(CLI::App& app, int& exit_code);

}  // namespace fieldmark::cli
