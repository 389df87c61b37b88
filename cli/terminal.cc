#include "cli/terminal.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace fieldmark::cli {
namespace {

bool Colours() {
  static const bool colours = isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  return colours;
}

std::string_view CodeOf(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kAttention:
      return "\x1b[33m";
    case Tone::kBad:
      return "\x1b[1;31m";
    case Tone::kQuiet:
      return "\x1b[2m";
    case Tone::kPlain:
      return "";
  }
  return "";
}

size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::string Toned(Tone tone, std::string_view text) {
  if (!Colours() || tone == Tone::kPlain) return std::string(text);
  return std::string(CodeOf(tone)) + std::string(text) + "\x1b[0m";
}

std::string Aligned(const std::vector<Row>& rows, std::string_view indent) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.cells.size()));
    for (size_t i = 0; i < row.cells.size(); ++i) widths[i] = std::max(widths[i], Width(row.cells[i]));
  }
  std::string text;
  for (const Row& row : rows) {
    text += indent;
    for (size_t i = 0; i < row.cells.size(); ++i) {
      text += i == 0 ? Toned(row.tone, row.cells[i]) : row.cells[i];
      if (i + 1 < row.cells.size()) text.append(widths[i] - Width(row.cells[i]) + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

std::string Printable(std::string_view text) {
  std::string printable(text);
  for (char& c : printable) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return printable;
}

}  // namespace fieldmark::cli
