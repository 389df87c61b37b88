// Format fieldmark.series/1: JSON lines, first a header, then one signal a line (DESIGN §8).
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/base/result.h"
#include "fieldmark/judge/series.h"

namespace fieldmark::cli {

struct SeriesFile {
  judge::Timeline timeline;
  std::vector<judge::Series> series;
};

// A line with "version":"earlier" is what the version before saw of a signal while it ran beside the new one.
// Signals shorter than the longest have no data at the end. kInvalidArgument, with the line's number, for
// what is no JSON, no signal, or the second of its name.
Result<SeriesFile> ReadSeriesFile(std::istream& in);

}  // namespace fieldmark::cli
