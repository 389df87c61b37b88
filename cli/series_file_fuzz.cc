// Any bytes: a file of series is refused with the line at fault, or the judge has an answer to it.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "cli/series_file.h"
#include "fieldmark/base/utc_time.h"
#include "fieldmark/judge/judge.h"

namespace {

using fieldmark::cli::ReadSeriesFile;
using fieldmark::cli::SeriesFile;
using fieldmark::judge::Judge;

void Check(bool holds) {
  if (!holds) std::abort();
}

// Far from where later arithmetic overflows, and as text, where that has room for the year, the same time.
void CheckTime(const std::string& text) {
  const auto time = fieldmark::ParseTime(text);
  if (!time.ok()) return;
  Check(*time >= -1'000'000'000'000 && *time <= 1'000'000'000'000);
  constexpr int64_t kYear10000 = 253'402'300'800;
  if (*time < 0 || *time >= kYear10000) return;
  const auto again = fieldmark::ParseTime(fieldmark::TimeText(*time));
  Check(again.ok() && *again == *time);
}

void CheckVerdict(const SeriesFile& file, int64_t at_step) {
  fieldmark::judge::Change change;
  change.at_unix_s = file.timeline.start_unix_s + at_step * file.timeline.step_s;
  change.look_s = 4 * file.timeline.step_s;
  Judge judge(file.timeline, change);
  for (const auto& series : file.series) judge.Add(series);
  const auto verdict = judge.Finish();
  Check(verdict.judged + verdict.not_enough + verdict.cannot_compare == file.series.size());
  for (const auto& finding : verdict.findings) {
    Check(finding.p >= 0 && finding.p <= 1 && finding.q_value >= 0 && finding.q_value <= 1);
    Check(!std::isnan(finding.from) && !std::isnan(finding.to));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  CheckTime(text);
  std::istringstream in(text);
  const auto file = ReadSeriesFile(in);
  if (!file.ok()) {
    Check(file.error().message.starts_with("reading fieldmark.series/1: line "));
    return 0;
  }
  const auto steps = static_cast<int64_t>(file->timeline.steps);
  for (const int64_t at_step : {int64_t{0}, steps / 2, steps}) CheckVerdict(*file, at_step);
  return 0;
}
