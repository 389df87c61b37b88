// The settings of 'fieldmark serve': from a file, the environment and flags, in that order of weakness. One
// table names them all; an unknown key is an error everywhere.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/base/result.h"
#include "server/watch/incidents.h"
#include "server/watch/verdicts.h"

namespace fieldmark::cli {

inline constexpr std::string_view kTextLog = "text";
inline constexpr std::string_view kJsonLog = "json";

struct ServeSettings {
  std::string data = "fieldmark-data";
  std::string listen = "127.0.0.1";
  int64_t port = 3435;
  std::vector<std::string> looks = {"15m", "1h", "4h", "24h"};
  watch::WatchSettings watch;
  int64_t keep_days = 400;
  int64_t database_gib_max = 64;
  int64_t connections_max = 4096;
  std::vector<std::string> hosts;
  std::vector<std::string> trusted_proxies;
  std::string trusted_header;
  std::string log_format{kTextLog};
};

// "port": `--port` as a flag, FIELDMARK_SERVE_PORT in the environment, port = 3435 in the file.
struct ServeSetting {
  std::string_view key;
  std::string_view help;
  // What was written for it, lists apart: kInvalidArgument when it cannot be that.
  Status (*read)(const std::vector<std::string>& written, ServeSettings& into);
  std::string (*toml)(const ServeSettings& from);  // its value as TOML
};
const std::vector<ServeSetting>& AllServeSettings();
std::string FlagOf(const ServeSetting& setting);         // "--database-gib-max"
std::string EnvironmentOf(const ServeSetting& setting);  // "FIELDMARK_SERVE_DATABASE_GIB_MAX"

struct WrittenSettings {
  std::string config_path;                         // of a TOML file; empty: none
  std::map<std::string, std::string> environment;  // variables of any name
  std::map<std::string, std::string> flags;        // by key; lists with commas
};

struct SettingsInForce {
  ServeSettings settings;
  std::map<std::string_view, std::string> sources;  // by key: "default", "fieldmark.toml, line 3", …

  // As a TOML file, each line with where its value is from.
  std::string ToToml() const;
};

// kInvalidArgument with where it is written and the nearest right name for an unknown key, and for a value
// that cannot be; kNotFound for a file that cannot be read.
Result<SettingsInForce> ReadServeSettings(const WrittenSettings& written);

// When deployments are judged. kInvalidArgument unless they are durations that ascend.
Result<std::vector<watch::Look>> LooksOf(const ServeSettings& settings);

}  // namespace fieldmark::cli
