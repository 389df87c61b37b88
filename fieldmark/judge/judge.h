// The judge: did this change do anything? A pure function of signals and a change; STATISTICS.md gives every
// test.
//
//   Judge judge(timeline, change);
//   for each signal: judge.Add(series);      // any order; the series may be dropped afterwards
//   Verdict verdict = judge.Finish();        // false discovery control over the whole family
//
// Memory: about 1 kB a signal kept, not its series.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fieldmark/judge/series.h"

namespace fieldmark::judge {

struct Settings {
  // What all looks together may spend on changes that changed nothing, and each look's share of it.
  double false_alarm_budget = 0.05;
  double suspected_q = 0.20;
  double share_effect_min = 0.20;  // of the smaller side, and
  double share_points_min = 0.001;
  double level_effect_min = 0.05;
  double latency_effect_min = 0.10;
  double latency_ms_min = 5;
  double distribution_effect_min = 0.10;  // in interquartile ranges
  double vanished_expected_min = 50;      // a field vanished only if so many were expected
  double covered_min = 0.80;              // "no change" needs so many documents in judged signals
  bool screen = true;                     // leave the full test out where it could find nothing (screen.h)
};

struct Change {
  int64_t at_unix_s = 0;  // the first step at or after it is the first that counts as after
  int64_t look_s = 3600;  // how much of after is looked at
  double spend = 0.05;    // the look's share of the budget
  std::optional<int64_t> next_look_unix_s;
  bool has_earlier_version = true;
};

enum class State : uint8_t { kChanged, kSuspected, kNoChange, kNotEnough, kCannotCompare };
std::string_view StateCode(
    State state);  // "changed", "suspected", "no_change", "not_enough", "cannot_compare"
std::string_view StateName(State state);  // "Changed", … as people read it

enum class Direction : uint8_t { kWorse, kBetter, kDifferent };
std::string_view DirectionCode(Direction direction);

// How far a signal moved, between which moments, on how much.
struct Move {
  std::string category;   // of a mix: the value that moved, where it is revealed
  std::string qualifier;  // "" or one of DESIGN §8's
  double from = 0;
  double to = 0;
  double effect = 0;  // shares: difference; levels: ratio − 1; distributions: interquartile ranges; mixes:
                      // total variation
  std::pair<int64_t, int64_t> since_unix_s{};
  double n_before = 0;  // observations
  double n_after = 0;
  double p = 1;
};

struct Finding : Signal, Move {
  State state = State::kSuspected;  // kChanged or kSuspected
  Direction direction = Direction::kDifferent;
  double q_value = 1;  // after false discovery control
  double could_have_seen = 0;
  std::vector<std::string> also;  // signals of other subjects that moved alike and are not listed themselves
  std::string sentence;           // "customer.phone null 1 % → 38 % since 14:02, on 512 documents"
};

struct Verdict {
  Change change;
  State state = State::kCannotCompare;
  std::string title;     // "Changed"
  std::string sentence;  // "in 180 of 220 signals, 40 too quiet; could have seen ≥ 18 %; next look 14:37"
  std::vector<Finding> findings;  // worst first
  size_t judged = 0;
  size_t not_enough = 0;
  size_t cannot_compare = 0;
  double could_have_seen = 0;  // median over judged signals, relative
  double documents_after = 0;
  double documents_needed = 0;  // with kNotEnough: about so many
};

class Judge {
 public:
  Judge(const Timeline& timeline, const Change& change, const Settings& settings = {});
  ~Judge();

  // `excluded_unix_s` is left out of this one's controls, beside what the timeline leaves out of all.
  void Add(const Series& series, const Stretches& excluded_unix_s = {});
  Verdict Finish();
  // Of a signal that was added: whether there was enough data to say that it did not move. Linear in the
  // family.
  bool HasJudged(std::string_view signal) const;

 private:
  struct State_;
  std::unique_ptr<State_> state_;
};

}  // namespace fieldmark::judge
