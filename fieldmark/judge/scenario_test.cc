// Every scenario of tests/scenarios holds, and where it plants a fault, stops holding without it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

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

INSTANTIATE_TEST_SUITE_P(Files, Scenarios, testing::ValuesIn(ScenarioFiles()), [](const auto& file) {
  std::string name = std::filesystem::path(file.param).stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace fieldmark::judge
