// Words on a terminal: colour where somebody looks, plain text where a program reads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fieldmark::cli {

enum class Tone { kPlain, kGood, kAttention, kBad, kQuiet };

// `text` in a colour when standard output is a terminal and NO_COLOR is not set.
std::string Toned(Tone tone, std::string_view text);

// Columns as wide as their widest cell, two blanks between; cells are measured in characters, not bytes. The
// last column is as long as it is. `tones`, where given, colour the row's first cell.
struct Row {
  std::vector<std::string> cells;
  Tone tone = Tone::kPlain;
};
std::string Aligned(const std::vector<Row>& rows, std::string_view indent);

// Control characters, which a terminal would obey, become '?'.
std::string Printable(std::string_view text);

}  // namespace fieldmark::cli
