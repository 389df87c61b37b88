#include "cli/serve_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace fieldmark::cli {
namespace {

using testing::HasSubstr;

class ServeSettingsTest : public testing::Test {
 protected:
  ~ServeSettingsTest() override { std::remove(path_.c_str()); }
  // A file of its own, also beside tests that run at the same time.
  void WriteFile(const std::string& text) {
    std::ofstream(path_, std::ios::trunc) << text;
    written_.config_path = path_;
  }
  SettingsInForce MustRead() {
    Result<SettingsInForce> read = ReadServeSettings(written_);
    EXPECT_TRUE(read.ok()) << read.error().message;
    return read.ok() ? *read : SettingsInForce();
  }

  const std::string path_ = testing::TempDir() + "fieldmark-settings-" + std::to_string(::getpid()) + ".toml";
  WrittenSettings written_;
};

TEST_F(ServeSettingsTest, FlagsBeatTheEnvironmentAndThatTheFile) {
  WriteFile("port = 1\nlisten = \"::1\"\nkeep_days = 100\nlooks = [\"60s\", \"5m\"]\n");
  written_.environment = {
      {"FIELDMARK_SERVE_PORT", "2"}, {"FIELDMARK_SERVE_LISTEN", "localhost"}, {"PATH", "/"}};
  written_.flags = {{"port", "3"}};
  const SettingsInForce read = MustRead();
  EXPECT_EQ(read.settings.port, 3);
  EXPECT_EQ(read.settings.listen, "localhost");
  EXPECT_EQ(read.settings.keep_days, 100);
  EXPECT_EQ(read.settings.looks, (std::vector<std::string>{"60s", "5m"}));
  EXPECT_EQ(read.settings.data, "fieldmark-data");
  const std::string toml = read.ToToml();
  EXPECT_THAT(toml, HasSubstr("port = 3  # flag --port\n"));
  EXPECT_THAT(toml, HasSubstr("listen = 'localhost'  # environment FIELDMARK_SERVE_LISTEN\n"));
  EXPECT_THAT(toml, HasSubstr("keep_days = 100  # " + path_ + ", line 3\n"));
  EXPECT_THAT(toml, HasSubstr("data = 'fieldmark-data'  # default\n"));

  // What it prints is a file that says the same.
  WriteFile(toml);
  written_.environment.clear();
  written_.flags.clear();
  EXPECT_EQ(MustRead().settings.port, 3);
}

TEST_F(ServeSettingsTest, EverySettingCanBeWrittenInEveryPlace) {
  const std::map<std::string, std::string> values = {{"data", "d"},
                                                     {"listen", "::1"},
                                                     {"port", "1"},
                                                     {"looks", "60s,5m"},
                                                     {"watch_alarms_a_week", "5"},
                                                     {"watch_effect_percent_min", "20"},
                                                     {"watch_mute", "GET /health,GET /ping"},
                                                     {"keep_days", "50"},
                                                     {"database_gib_max", "7"},
                                                     {"connections_max", "9"},
                                                     {"hosts", "a.example,b.example"},
                                                     {"trusted_proxies", "10.0.0.1"},
                                                     {"trusted_header", "X-User"},
                                                     {"log_format", "json"}};
  ASSERT_EQ(values.size(), AllServeSettings().size());
  WrittenSettings by_flag, by_environment;
  for (const ServeSetting& setting : AllServeSettings()) {
    ASSERT_TRUE(values.contains(std::string(setting.key))) << setting.key;
    by_flag.flags[std::string(setting.key)] = values.at(std::string(setting.key));
    by_environment.environment[EnvironmentOf(setting)] = values.at(std::string(setting.key));
  }
  const auto toml_of = [](const WrittenSettings& written) {
    std::string toml;
    const Result<SettingsInForce> read = ReadServeSettings(written);
    EXPECT_TRUE(read.ok()) << read.error().message;
    for (const ServeSetting& setting : AllServeSettings()) {
      EXPECT_NE(setting.toml(read->settings), setting.toml(ServeSettings())) << setting.key;
      toml += std::string(setting.key) + " = " + setting.toml(read->settings) + "\n";
    }
    return toml;
  };
  const std::string toml = toml_of(by_flag);
  EXPECT_EQ(toml_of(by_environment), toml);
  WriteFile(toml);
  EXPECT_EQ(toml_of(written_), toml);
}

TEST_F(ServeSettingsTest, WhatIsWrongIsSaidWithItsPlaceAndTheNearestName) {
  struct Case {
    const char* file;
    std::map<std::string, std::string> environment;
    std::map<std::string, std::string> flags;
    std::vector<std::string> said;
  };
  const Case cases[] = {
      {"\nprot = 1", {}, {}, {"line 2", "no setting prot", "did you mean port"}},
      {"[server]\nport = 1", {}, {}, {"no setting server"}},
      {"port = ", {}, {}, {"line 1", "no TOML"}},
      {"port = 1.5", {}, {}, {"setting port", "line 1", "no text, whole number"}},
      {"port = \"many\"", {}, {}, {"setting port", "whole number from 0 to 65535"}},
      {"port = [1, 2]", {}, {}, {"setting port", "whole number"}},
      {"data = \"\"", {}, {}, {"setting data", "not one text"}},
      {"",
       {{"FIELDMARK_SERVE_LISTN", "x"}},
       {},
       {"FIELDMARK_SERVE_LISTN", "did you mean FIELDMARK_SERVE_LISTEN"}},
      {"", {{"FIELDMARK_SERVE_PORT", "-1"}}, {}, {"environment FIELDMARK_SERVE_PORT", "whole number"}},
      {"", {}, {{"port", "70000"}}, {"flag --port", "whole number"}},
      {"", {}, {{"looks", "soon"}}, {"flag --looks", "like 60s"}},
      {"", {}, {{"looks", "1h,15m"}}, {"flag --looks", "order them"}},
      {"trusted_header = 'X-User'", {}, {}, {"only one of them"}},
      {"", {}, {{"log_format", "xml"}}, {"flag --log-format", "neither text nor json"}},
      {"", {}, {{"keep_days", "3"}}, {"flag --keep-days", "from 35"}},
      {"", {}, {{"watch_alarms_a_week", "-1"}}, {"flag --watch-alarms-a-week", "from 0 to 100"}},
  };
  for (const Case& each : cases) {
    WriteFile(each.file);
    written_.environment = each.environment;
    written_.flags = each.flags;
    const Result<SettingsInForce> read = ReadServeSettings(written_);
    ASSERT_FALSE(read.ok()) << each.file;
    for (const std::string& part : each.said) EXPECT_THAT(read.error().message, HasSubstr(part));
  }
}

TEST_F(ServeSettingsTest, AFileThatIsNotThereIsAnError) {
  written_.config_path = path_ + ".not-there";
  const Result<SettingsInForce> read = ReadServeSettings(written_);
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.error().message, HasSubstr(written_.config_path));
}

}  // namespace
}  // namespace fieldmark::cli
