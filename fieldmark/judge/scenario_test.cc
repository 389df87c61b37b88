// Every scenario of tests/scenarios holds, and where it plants a fault, stops holding without it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "fieldmark/judge/sample_scenario.h"

namespace fieldmark::judge {
namespace {

std::vector<std::string> ScenarioFiles() {
  std::vector<std::string> files;
  const auto folder = std::filesystem::path(FIELDMARK_SOURCE_DIR) / "tests" / "scenarios";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".scenario") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// What does not hold, one line each; empty when all does.
std::vector<std::string> Broken(const Scenario& scenario, const Verdict& verdict) {
  std::vector<std::string> broken;
  if (StateCode(verdict.state) != scenario.state) {
    broken.push_back("state is " + std::string(StateCode(verdict.state)) + ", expected " + scenario.state);
  }
  if (!scenario.title.empty() && verdict.title != scenario.title) {
    broken.push_back("title is \"" + verdict.title + "\", expected \"" + scenario.title + "\"");
  }
  std::string all = verdict.sentence;
  for (const Finding& finding : verdict.findings) all += "\n" + finding.sentence;
  for (const std::string& sentence : scenario.sentences) {
    if (all.find(sentence) == std::string::npos)
      broken.push_back("\"" + sentence + "\" is not said in:\n" + all);
  }
  for (const Scenario::Expected& expected : scenario.findings) {
    const bool found =
        std::any_of(verdict.findings.begin(), verdict.findings.end(), [&](const Finding& finding) {
          return finding.signal == expected.signal && StateCode(finding.state) == expected.state &&
                 DirectionCode(finding.direction) == expected.direction;
        });
    if (!found)
      broken.push_back("no finding " + expected.signal + " " + expected.state + " " + expected.direction +
                       " in:\n" + all);
  }
  if (verdict.findings.size() != scenario.findings.size()) {
    broken.push_back(std::to_string(verdict.findings.size()) + " findings, expected " +
                     std::to_string(scenario.findings.size()) + ":\n" + all);
  }
  return broken;
}

class Scenarios : public testing::TestWithParam<std::string> {};

TEST_P(Scenarios, Hold) {
  const Scenario scenario = ReadScenario(GetParam());
  ASSERT_EQ(scenario.error, "");
  EXPECT_THAT(Broken(scenario, ScenarioPlayer(scenario, true).Play()), testing::IsEmpty());
}

TEST_P(Scenarios, WithAFaultFailWithoutIt) {
  const Scenario scenario = ReadScenario(GetParam());
  if (scenario.state_without_fault.empty()) GTEST_SKIP() << "plants no fault";
  const Verdict verdict = ScenarioPlayer(scenario, false).Play();
  EXPECT_EQ(StateCode(verdict.state), scenario.state_without_fault)
      << verdict.title << ": " << verdict.sentence;
  EXPECT_THAT(Broken(scenario, verdict), testing::Not(testing::IsEmpty()));
}

TEST_P(Scenarios, WithAHabitFailWithoutIt) {
  Scenario scenario = ReadScenario(GetParam());
  if (scenario.state_without_habit.empty()) GTEST_SKIP() << "has no habit";
  scenario.also_at_s.clear();
  const Verdict verdict = ScenarioPlayer(scenario, true).Play();
  EXPECT_EQ(StateCode(verdict.state), scenario.state_without_habit)
      << verdict.title << ": " << verdict.sentence;
  EXPECT_THAT(Broken(scenario, verdict), testing::Not(testing::IsEmpty()));
}

// What the expectations of all scenarios say, which the tests above hold the judge to.
std::string AllThatIsShown() {
  std::string shown;
  for (const std::string& file : ScenarioFiles()) {
    const Scenario scenario = ReadScenario(file);
    shown += scenario.state + "\n" + scenario.title + "\n";
    for (const std::string& sentence : scenario.sentences) shown += sentence + "\n";
    for (const Scenario::Expected& expected : scenario.findings)
      shown += expected.state + " " + expected.direction + "\n";
  }
  return shown;
}

// Texts in quotes of a source, without its includes and comments, that hold a word.
std::vector<std::string> WordsInQuotes(const std::filesystem::path& source) {
  static const std::regex quoted(R"re("((?:[^"\\]|\\.)*)")re"), word("[a-z]{3}");
  std::vector<std::string> texts;
  std::ifstream file(source);
  for (std::string line; std::getline(file, line);) {
    line = line.substr(0, line.find("//"));
    if (line.starts_with("#")) continue;
    for (std::sregex_iterator at(line.begin(), line.end(), quoted), end; at != end; ++at) {
      const std::string text = scenario_text::Trimmed((*at)[1]);
      if (std::regex_search(text, word)) texts.push_back(text);
    }
  }
  return texts;
}

// States, directions, qualifiers and wordings: whatever is written into these files to be said, a scenario
// shows.
TEST(ScenarioFiles, ShowEveryStateQualifierAndWording) {
  // Names of statistics, by which it is chosen what to say.
  const std::set<std::string> not_said{"missing", "type", "freshness"};
  const std::string shown = AllThatIsShown();
  const auto folder = std::filesystem::path(FIELDMARK_SOURCE_DIR) / "fieldmark" / "judge";
  size_t texts = 0;
  for (const char* source : {"judge.cc", "dating.h", "words.cc", "alike.cc"}) {
    for (const std::string& text : WordsInQuotes(folder / source)) {
      ++texts;
      const bool is_shown = shown.find(text) != std::string::npos || not_said.contains(text);
      EXPECT_TRUE(is_shown) << "\"" << text << "\" of " << source << " is shown by no scenario";
    }
  }
  EXPECT_GE(texts, 50u);
}

INSTANTIATE_TEST_SUITE_P(Files, Scenarios, testing::ValuesIn(ScenarioFiles()), [](const auto& file) {
  std::string name = std::filesystem::path(file.param).stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace fieldmark::judge
