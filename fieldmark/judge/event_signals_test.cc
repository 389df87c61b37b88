#include "fieldmark/judge/event_signals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "fieldmark/judge/judge.h"

namespace fieldmark::judge {
namespace {

using testing::ElementsAre;

TEST(EventSignals, AKindIsComparedWithoutItsLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"ERROR payments:41", "ERROR payments"},
      {"ERROR payments:41 · KeyError in shop.pay", "ERROR payments · KeyError in shop.pay"},
      {"ERROR charging %s failed", "ERROR charging %s failed"},
      {"ERROR port :41", "ERROR port :41"},  // a template with a blank
      {"ERROR payments:", "ERROR payments:"},
      {"ERROR 41", "ERROR 41"},
      {"ERROR", "ERROR"},
      {"", ""},
  };
  for (const auto& [kind, compared] : cases) EXPECT_EQ(ComparedKind(kind), compared);
}

SubjectHistory History(size_t steps, double watched_s) {
  SubjectHistory history;
  history.subject = "log shop";
  history.watched_s.assign(steps, watched_s);
  history.contents.resize(steps);
  history.same_source.resize(steps);
  return history;
}

TEST(EventSignals, AreSharesOfTheTimeWatchedByKindAndByLevel) {
  Timeline timeline;
  timeline.steps = 3;
  SubjectHistory history = History(3, 10);
  history.watched_s[2] = 0;
  history.same_source[0].events = {{"ERROR a %s", 1}, {"ERROR b:1", 500}, {"WARNING c %s", 2}};
  history.same_source[1].events = {{"ERROR b:9", 1}};
  std::vector<Series> signals;
  EventSignals(history, timeline, signals);
  std::vector<std::string> names;
  for (const Series& series : signals) names.push_back(series.statistic);
  EXPECT_THAT(names,
              ElementsAre("ERROR a %s", "ERROR b", "WARNING c %s", "ERROR records", "WARNING records"));
  EXPECT_THAT(signals[0].numerators, ElementsAre(1, 0, 0));
  EXPECT_THAT(signals[1].numerators, ElementsAre(2, 1, 0));  // a burst is no more than its stretches
  EXPECT_THAT(signals[3].numerators, ElementsAre(2, 1, 0));
  EXPECT_THAT(signals[0].weights, ElementsAre(2, 2, 0));
  EXPECT_EQ(signals[0].signal, "log shop ERROR a %s");

  history.subject = "job nightly";
  signals.clear();
  EventSignals(history, timeline, signals);
  EXPECT_TRUE(signals.empty());
}

// Changes that change nothing, in a service that logs thirty kinds: each now and then, some in bursts of many
// records within a minute or two. Budget: 5 % of such changes.
TEST(EventSignals, LogsThatOnlyGoOnAreNoFindings) {
  std::mt19937_64 random(20261124);
  constexpr size_t kBefore = 24 * 60, kAfter = 60, kChanges = 120;
  size_t false_alarms = 0;
  for (size_t change_number = 0; change_number < kChanges; ++change_number) {
    Timeline timeline;
    timeline.steps = kBefore + kAfter;
    SubjectHistory history = History(timeline.steps, 120);
    for (int kind = 0; kind < 30; ++kind) {
      const double a_minute = std::pow(10.0, -4 + 4.0 * kind / 30);  // from once a week to once a minute
      std::bernoulli_distribution comes(std::min(1.0, a_minute));
      std::poisson_distribution<uint64_t> burst(kind % 3 == 0 ? 30 : 0);
      const std::string name = "ERROR " + std::to_string(kind) + " %s";
      for (size_t step = 0; step < timeline.steps; ++step) {
        if (!comes(random)) continue;
        history.same_source[step].events[name] += 1 + burst(random);
        if (kind % 3 == 0 && step + 1 < timeline.steps)
          history.same_source[step + 1].events[name] += burst(random);
      }
    }
    Change change;
    change.at_unix_s = static_cast<int64_t>(kBefore) * 60;
    change.look_s = static_cast<int64_t>(kAfter) * 60;
    Judge judge(timeline, change);
    for (const Series& series : SignalsOf(std::move(history), timeline)) judge.Add(series);
    false_alarms += judge.Finish().state == State::kChanged;
  }
  std::printf("%zu of %zu changes that changed nothing were called Changed\n", false_alarms, kChanges);
  EXPECT_LE(false_alarms, 12u);  // at 5 % more than that in one of 100 000 runs
}

}  // namespace
}  // namespace fieldmark::judge
