// Scenarios: "load this, expect that", as text; tests/scenarios/README.md describes the format. For tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numbers>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "fieldmark/judge/event_signals.h"
#include "fieldmark/judge/judge.h"

namespace fieldmark::judge {

struct Scenario {
  struct Load {
    Series name;            // without data
    double documents = 60;  // a step, Poisson
    double documents_after = 60;
    std::vector<double> before;
    std::vector<double> after;  // the fault; the same as before when there is none
    double documents_beside = 0;
    std::vector<double> beside;  // of the version before, from the change on; none when it ended there
    bool stops_after = false;    // no documents from the change on
    bool starts_after = false;   // none before it
  };
  struct Expected {
    std::string signal;
    std::string state;
    std::string direction;
  };

  int64_t step_s = 60;
  int64_t before_s = 600;
  int64_t after_s = 300;
  uint64_t seed = 1;
  Change change;
  int64_t change_offset_s = 0;
  double rhythm = 0;  // of the traffic: the logarithm's amplitude over the day
  int64_t rhythm_peak_s = 0;
  std::optional<int64_t> clocks_forward_s;  // from then on, counted from the change, it is an hour ahead
  int64_t fault_lasts_s = 0;                // 0: to the end
  std::vector<int64_t> also_at_s;           // before the change, the same happened for as long as the look
  std::vector<Load> loads;
  std::vector<std::string> known_changes, excluded;

  std::string state, title;
  std::vector<std::string> sentences;
  std::vector<Expected> findings;
  std::string state_without_fault, state_without_habit;
  std::string error;  // why the text is no scenario
};

namespace scenario_text {

inline std::vector<std::string> Words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

inline std::string Trimmed(const std::string& text) {
  const size_t from = text.find_first_not_of(" \t");
  return from == std::string::npos ? "" : text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

// "90s", "10m", "2h", "14d"; negative with a sign.
inline int64_t Seconds(const std::string& text) {
  const int64_t unit = text.back() == 'm' ? 60 : text.back() == 'h' ? 3600 : text.back() == 'd' ? 86'400 : 1;
  return std::stoll(text) * unit;
}

// subject | field | statistic : kind documents N VALUES… [-> [documents N] VALUES… [beside documents N
// VALUES…]] [stops|starts]
inline Scenario::Load LoadOf(const std::string& text) {
  Scenario::Load load;
  const size_t colon = text.rfind(" : ");
  std::istringstream names(text.substr(0, colon));
  std::string part[3];
  for (std::string& one : part) {
    std::getline(names, one, '|');
    one = Trimmed(one);
  }
  load.name.subject = part[0];
  load.name.field = part[1];
  load.name.statistic = part[2];
  load.name.signal = part[0] + (part[1].empty() ? "" : " " + part[1]) + " " + part[2];
  bool after = false;
  bool beside = false;
  const std::vector<std::string> words = Words(text.substr(colon + 3));
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (i == 0) {
      load.name.kind = word == "rate"           ? Kind::kRate
                       : word == "mean"         ? Kind::kMean
                       : word == "count"        ? Kind::kCount
                       : word == "quantile"     ? Kind::kQuantile
                       : word == "distribution" ? Kind::kDistribution
                                                : Kind::kMix;
    } else if (word == "documents") {
      (beside ? load.documents_beside : load.documents_after) = std::stod(words[++i]);
      if (!after) load.documents = load.documents_after;
    } else if (word == "ms" || word == "bytes") {
      load.name.unit = word;
    } else if (word == "of_the_time") {
      load.name.unit = kOfTheTime;
    } else if (word == "worse") {
      load.name.polarity = Polarity::kMoreIsWorse;
    } else if (word == "->") {
      after = true;
    } else if (word == "beside") {
      beside = true;
    } else if (word == "stops") {
      load.stops_after = true;
    } else if (word == "starts") {
      load.starts_after = true;
    } else {
      (beside ? load.beside : after ? load.after : load.before).push_back(std::stod(word));
    }
  }
  if (load.after.empty()) load.after = load.before;
  return load;
}

}  // namespace scenario_text

inline Scenario ReadScenario(const std::string& path) {
  using namespace scenario_text;
  Scenario scenario;
  scenario.change.look_s = 60;
  std::ifstream file(path);
  if (!file) scenario.error = "cannot be opened";
  size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    const std::vector<std::string> words = Words(line);
    if (words.empty() || words[0].starts_with('#')) continue;
    const std::string rest = Trimmed(line.substr(line.find(words[0]) + words[0].size()));
    if (words[0] == "timeline") {
      scenario.step_s = Seconds(words.at(1));
      scenario.before_s = Seconds(words.at(2));
      scenario.after_s = Seconds(words.at(3));
    } else if (words[0] == "seed") {
      scenario.seed = std::stoull(rest);
    } else if (words[0] == "look") {
      scenario.change.look_s = Seconds(rest);
    } else if (words[0] == "change_offset") {
      scenario.change_offset_s = Seconds(rest);
    } else if (words[0] == "rhythm") {
      scenario.rhythm = std::stod(words.at(1));
      scenario.rhythm_peak_s = Seconds(words.at(2));
    } else if (words[0] == "clocks_forward") {
      scenario.clocks_forward_s = Seconds(rest);
    } else if (words[0] == "fault_lasts") {
      scenario.fault_lasts_s = Seconds(rest);
    } else if (words[0] == "also_at") {
      for (const std::string& time : Words(rest)) scenario.also_at_s.push_back(Seconds(time));
    } else if (words[0] == "next_look") {
      scenario.change.next_look_unix_s = Seconds(rest);
    } else if (words[0] == "first_version") {
      scenario.change.has_earlier_version = false;
    } else if (words[0] == "known_change") {
      scenario.known_changes.push_back(rest);
    } else if (words[0] == "excluded") {
      scenario.excluded.push_back(rest);
    } else if (words[0] == "signal") {
      scenario.loads.push_back(LoadOf(rest));
    } else if (words[0] == "state") {
      scenario.state = rest;
    } else if (words[0] == "title") {
      scenario.title = rest;
    } else if (words[0] == "sentence") {
      scenario.sentences.push_back(rest);
    } else if (words[0] == "finding") {
      Scenario::Expected expected;
      expected.direction = words.back();
      expected.state = words.at(words.size() - 2);
      expected.signal = Trimmed(rest.substr(0, rest.rfind(expected.state)));
      scenario.findings.push_back(expected);
    } else if (words[0] == "without_fault") {
      scenario.state_without_fault = rest;
    } else if (words[0] == "without_habit") {
      scenario.state_without_habit = rest;
    } else {
      scenario.error = "line " + std::to_string(number) + " begins with an unknown word";
    }
  }
  return scenario;
}

class ScenarioPlayer {
 public:
  ScenarioPlayer(const Scenario& scenario, bool with_fault)
      : scenario_(scenario), with_fault_(with_fault), random_(scenario.seed) {
    timeline_.start_unix_s = 1'767'225'600;  // 2026-01-01T00:00:00Z
    timeline_.step_s = scenario.step_s;
    timeline_.steps = static_cast<size_t>((scenario.before_s + scenario.after_s) / scenario.step_s);
    for (const std::string& time : scenario.known_changes) {
      timeline_.known_changes_unix_s.push_back(ChangeTime() + scenario_text::Seconds(time));
    }
    for (const std::string& stretch : scenario.excluded) {
      const auto words = scenario_text::Words(stretch);
      timeline_.excluded_unix_s.emplace_back(ChangeTime() + scenario_text::Seconds(words.at(0)),
                                             ChangeTime() + scenario_text::Seconds(words.at(1)));
    }
  }

  Verdict Play() {
    Change change = scenario_.change;
    change.at_unix_s = ChangeTime() + scenario_.change_offset_s;
    if (change.next_look_unix_s) *change.next_look_unix_s += ChangeTime();
    Judge judge(timeline_, change);
    for (const Scenario::Load& load : scenario_.loads) judge.Add(SeriesOf(load));
    return judge.Finish();
  }

 private:
  int64_t ChangeTime() const { return timeline_.start_unix_s + scenario_.before_s; }

  // Of the usual traffic, so long after the change.
  double TrafficAt(int64_t since_s) const {
    constexpr double kDayS = 86'400;
    int64_t clock_s = since_s + scenario_.before_s - scenario_.rhythm_peak_s;
    if (scenario_.clocks_forward_s && since_s >= *scenario_.clocks_forward_s) clock_s += 3600;
    return std::exp(scenario_.rhythm * std::cos(2 * std::numbers::pi * static_cast<double>(clock_s) / kDayS));
  }

  bool FaultyAt(int64_t since_s) const {
    const int64_t lasts_s = scenario_.fault_lasts_s;
    if (since_s >= 0) return lasts_s == 0 || since_s < lasts_s;
    const int64_t habit_s = lasts_s > 0 ? lasts_s : scenario_.change.look_s;
    return std::any_of(scenario_.also_at_s.begin(), scenario_.also_at_s.end(),
                       [&](int64_t at_s) { return since_s >= at_s && since_s < at_s + habit_s; });
  }

  Series SeriesOf(const Scenario::Load& load) {
    Series series = load.name;
    for (size_t step = 0; step < timeline_.steps; ++step) {
      const int64_t since_s = static_cast<int64_t>(step) * scenario_.step_s - scenario_.before_s;
      const bool after = since_s >= 0;
      const bool faulty = with_fault_ && FaultyAt(since_s);
      const bool silent = (after && load.stops_after) || (!after && load.starts_after);
      const double traffic = TrafficAt(since_s);
      const double mean = (faulty ? load.documents_after : load.documents) * traffic;
      const auto documents = silent ? 0 : std::poisson_distribution<uint64_t>(mean)(random_);
      AddStep(series, faulty ? load.after : load.before, traffic, documents);
    }
    if (!load.beside.empty() && with_fault_) series.beside = BesideOf(load);
    return series;
  }

  std::shared_ptr<const Series> BesideOf(const Scenario::Load& load) {
    Series beside = load.name;
    for (size_t step = 0; step < timeline_.steps; ++step) {
      const bool after = static_cast<int64_t>(step) * scenario_.step_s >= scenario_.before_s;
      const double mean = after ? load.documents_beside : 0;
      const auto documents = mean > 0 ? std::poisson_distribution<uint64_t>(mean)(random_) : 0;
      AddStep(beside, load.beside, 1, documents);
    }
    return std::make_shared<const Series>(std::move(beside));
  }

  void AddStep(Series& series, const std::vector<double>& parameters, double traffic, uint64_t documents) {
    const auto n = static_cast<double>(documents);
    const double first = parameters.at(0);
    std::normal_distribution<double> normal;
    switch (series.kind) {
      case Kind::kRate: {
        const double share = std::min(1.0, std::max(0.0, first));
        const auto events =
            static_cast<double>(std::binomial_distribution<uint64_t>(documents, share)(random_));
        series.numerators.push_back(events);
        series.weights.push_back(n);
        series.values.push_back(documents > 0 ? events / n : std::nan(""));
        break;
      }
      case Kind::kCount:
        series.values.push_back(
            static_cast<double>(std::poisson_distribution<uint64_t>(first * traffic)(random_)));
        series.weights.push_back(documents > 0 ? 1 : 0);
        break;
      case Kind::kMean:
      case Kind::kQuantile:
        series.values.push_back(first * std::exp(parameters.at(1) * normal(random_)));
        series.weights.push_back(n);
        break;
      case Kind::kDistribution: {
        sketch::Histogram histogram;
        for (uint64_t i = 0; i < documents; ++i)
          histogram.Add(first * std::exp(parameters.at(1) * normal(random_)));
        series.distributions.push_back(histogram);
        series.weights.push_back(n);
        break;
      }
      case Kind::kMix: {
        auto& mix = series.mixes.emplace_back();
        std::discrete_distribution<size_t> draw(parameters.begin(), parameters.end());
        for (uint64_t i = 0; i < documents; ++i) mix["value " + std::to_string(draw(random_))] += 1;
        series.weights.push_back(n);
        break;
      }
    }
  }

  const Scenario& scenario_;
  bool with_fault_;
  Timeline timeline_;
  std::mt19937_64 random_;
};

}  // namespace fieldmark::judge
