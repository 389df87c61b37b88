// The figure that matters: of changes that changed nothing, how many are called Changed. Budget of this test:
// with the true rate at the promised 5 % and so many changes, a limit of 5 % + 3.3 standard deviations fails
// by chance once in two thousand runs; the seeds are fixed, so it fails never or always.
// FIELDMARK_NOOP_CHANGES=2000 measures more; STATISTICS.md has the published figures. Under sanitizers, which
// see the same code in each, CMakePresets.json asks for few.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <ostream>

#include "fieldmark/judge/judge.h"
#include "fieldmark/judge/sample_service.h"

namespace fieldmark::judge {
namespace {

struct Case {
  const char* name;
  SampleOptions options;
  size_t history_steps;
  int64_t look_s;
  size_t changes_a_service;  // at moments spread over what follows the history
  size_t changes;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

Case Make(const char* name, int64_t step_s, size_t history, int64_t look_s, size_t signals, size_t each,
          size_t changes) {
  Case one{name, {}, history, look_s, each, changes};
  one.options.step_s = step_s;
  one.options.signals = signals;
  // Moments a look and a quarter apart.
  const auto look_steps = static_cast<size_t>(std::max<int64_t>(1, look_s / step_s));
  one.options.steps = history + each * std::max(look_steps, look_steps * 5 / 4 + 1);
  return one;
}

// A service whose contents come from pools that do not change: what is left is chance alone, in 250 signals
// at once.
Case Pools(const char* name, size_t history, int64_t look_s, size_t each, size_t changes) {
  Case one = Make(name, 60, history, look_s, 250, each, changes);
  one.options.drift = 0;
  one.options.bursts_per_day = 0;
  one.options.rhythm = 0.3;
  return one;
}

class NoopRate : public testing::TestWithParam<Case> {};

TEST_P(NoopRate, IsWithinTheBudget) {
  const Case& one = GetParam();
  const char* wanted = std::getenv("FIELDMARK_NOOP_CHANGES");
  const size_t changes = wanted != nullptr ? static_cast<size_t>(std::atoi(wanted)) : one.changes;
  size_t made = 0;
  size_t changed = 0;
  size_t suspected = 0;
  size_t judged = 0;
  size_t signals = 0;
  std::map<std::string, int> blamed;
  for (uint64_t seed = 1; made < changes; ++seed) {
    SampleService service(seed, one.options);
    const size_t stride = (one.options.steps - one.history_steps) / one.changes_a_service;
    for (size_t i = 0; i < one.changes_a_service && made < changes; ++i, ++made) {
      Change change;
      change.at_unix_s = service.TimeOf(one.history_steps + i * stride);
      change.look_s = one.look_s;
      Judge judge(service.timeline(), change);
      for (const Series& series : service.series()) judge.Add(series);
      const Verdict verdict = judge.Finish();
      changed += verdict.state == State::kChanged;
      suspected += verdict.state == State::kSuspected;
      judged += verdict.judged;
      signals += service.series().size();
      for (const Finding& finding : verdict.findings) {
        ++blamed[std::string(StateCode(finding.state)) + " " + finding.statistic];
      }
    }
  }
  const auto share = [&](size_t count) { return static_cast<double>(count) / static_cast<double>(made); };
  std::string blame;
  for (const auto& [what, times] : blamed) blame += ", " + what + " " + std::to_string(times);
  std::printf("%-34s %5zu no-op changes: changed %.2f %%, suspected %.2f %%, judged %.0f %%%s\n", one.name,
              made, 100 * share(changed), 100 * share(suspected),
              100 * static_cast<double>(judged) / static_cast<double>(signals), blame.c_str());
  EXPECT_LE(share(changed), 0.05 + 3.3 * std::sqrt(0.05 * 0.95 / static_cast<double>(made)));
}

INSTANTIATE_TEST_SUITE_P(Histories, NoopRate,
                         testing::Values(Make("ten_minutes_look_60s", 60, 10, 60, 30, 1, 600),
                                         Make("two_minutes_look_60s", 60, 2, 60, 30, 1, 600),
                                         Make("two_hours_look_60s", 60, 120, 60, 20, 40, 400),
                                         Make("two_days_look_60s", 60, 2880, 60, 20, 100, 200),
                                         Make("two_days_look_15min", 60, 2880, 900, 20, 40, 200),
                                         Make("two_days_look_1h", 300, 576, 3600, 20, 40, 200),
                                         Pools("pools_two_days_look_120s", 2880, 120, 40, 40),
                                         Make("fourteen_days_look_1h", 3600, 336, 3600, 20, 100, 200)),
                         [](const auto& parameters) { return std::string(parameters.param.name); });

}  // namespace
}  // namespace fieldmark::judge
