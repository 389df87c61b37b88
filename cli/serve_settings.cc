#include "cli/serve_settings.h"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "cli/duration.h"
#include "cli/nearest_name.h"

namespace fieldmark::cli {
namespace {

constexpr std::string_view kPrefix = "FIELDMARK_SERVE_";

using Written = std::vector<std::string>;

Error Wrong(const std::string& found) { return {ErrorCode::kInvalidArgument, found}; }

// ---- values

Status ReadText(const Written& written, std::string& into) {
  if (written.size() != 1 || written[0].empty()) return Wrong("it is not one text; write one");
  into = written[0];
  return {};
}

Status ReadInteger(const Written& written, int64_t least, int64_t most, int64_t& into) {
  int64_t value = 0;
  const std::string text = written.size() == 1 ? written[0] : "";
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed == std::errc() && end == text.data() + text.size() && value >= least && value <= most) {
    into = value;
    return {};
  }
  return Wrong("it is no whole number from " + std::to_string(least) + " to " + std::to_string(most) +
               "; write one");
}

Status ReadLooks(const Written& written, ServeSettings& into) {
  into.looks = written;
  const auto looks = LooksOf(into);
  return looks.ok() ? Status() : looks.error();
}

Status ReadLogFormat(const Written& written, ServeSettings& into) {
  FM_RETURN_IF_ERROR(ReadText(written, into.log_format));
  if (into.log_format == kTextLog || into.log_format == kJsonLog) return {};
  return Wrong("it is neither text nor json; write one of them");
}

std::string Quoted(std::string_view text) {
  std::ostringstream out;
  out << toml::value<std::string>(std::string(text));
  return out.str();
}

std::string QuotedList(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) list += (list.size() == 1 ? "" : ", ") + Quoted(text);
  return list + "]";
}

// ---- where they are written

const ServeSetting* Find(std::string_view key) {
  for (const ServeSetting& setting : AllServeSettings()) {
    if (setting.key == key) return &setting;
  }
  return nullptr;
}

Written SplitAtCommas(const std::string& text) {
  Written parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) {
    const size_t first = part.find_first_not_of(" \t");
    const size_t last = part.find_last_not_of(" \t");
    parts.push_back(first == std::string::npos ? "" : part.substr(first, last - first + 1));
  }
  return parts;
}

Status Take(const ServeSetting& setting, const Written& written, const std::string& where,
            SettingsInForce& into) {
  if (const Status read = setting.read(written, into.settings); !read.ok()) {
    return Wrong("reading the setting " + std::string(setting.key) + " (" + where +
                 "): " + read.error().message);
  }
  into.sources[setting.key] = where;
  return {};
}

bool AddText(const toml::node& node, Written& into) {
  if (const auto* text = node.as_string()) {
    into.push_back(text->get());
  } else if (const auto* integer = node.as_integer()) {
    into.push_back(std::to_string(integer->get()));
  } else {
    return false;
  }
  return true;
}

Result<Written> TextsOf(const toml::node& node) {
  Written texts;
  const toml::array* list = node.as_array();
  bool plain = list != nullptr || AddText(node, texts);
  if (list != nullptr) {
    for (const toml::node& one : *list) plain = plain && AddText(one, texts);
  }
  if (plain) return texts;
  return Wrong("it is no text, whole number or list of them; write one");
}

// Debian builds the library to throw.
Result<toml::table> ParseToml(const std::string& text, const std::string& path) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& failed) {
    return Wrong("reading the settings in " + path + ", line " + std::to_string(failed.source().begin.line) +
                 ": it is no TOML; write lines like port = 3435, texts in quotes");
  }
}

Status TakeFile(const std::string& path, SettingsInForce& into) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file || file.bad()) {
    return Error{ErrorCode::kNotFound,
                 "reading the settings in " + path + ": it cannot be read; correct --config or leave it out"};
  }
  const Result<toml::table> parsed = ParseToml(text, path);
  if (!parsed.ok()) return parsed.error();
  for (const auto& [name, node] : *parsed) {
    const std::string key(name.str());
    const std::string where = path + ", line " + std::to_string(name.source().begin.line);
    const ServeSetting* setting = Find(key);
    if (setting == nullptr) {
      std::vector<std::string> keys;
      for (const ServeSetting& one : AllServeSettings()) keys.emplace_back(one.key);
      return Wrong("reading the settings in " + where + ": there is no setting " + key +
                   NearestWords(key, keys));
    }
    const Result<Written> written = TextsOf(node);
    if (!written.ok()) {
      return Wrong("reading the setting " + key + " (" + where + "): " + written.error().message);
    }
    FM_RETURN_IF_ERROR(Take(*setting, *written, where, into));
  }
  return {};
}

Status TakeEnvironment(const std::map<std::string, std::string>& environment, SettingsInForce& into) {
  for (auto at = environment.lower_bound(std::string(kPrefix));
       at != environment.end() && at->first.starts_with(kPrefix); ++at) {
    const ServeSetting* found = nullptr;
    std::vector<std::string> names;
    for (const ServeSetting& setting : AllServeSettings()) {
      names.push_back(EnvironmentOf(setting));
      if (names.back() == at->first) found = &setting;
    }
    if (found == nullptr) {
      return Wrong("reading the environment: there is no setting " + at->first +
                   NearestWords(at->first, names));
    }
    FM_RETURN_IF_ERROR(Take(*found, SplitAtCommas(at->second), "environment " + at->first, into));
  }
  return {};
}

}  // namespace

const std::vector<ServeSetting>& AllServeSettings() {
  static const std::vector<ServeSetting> settings{
      {"data", "The folder that holds everything",
       [](const Written& written, ServeSettings& into) { return ReadText(written, into.data); },
       [](const ServeSettings& from) { return Quoted(from.data); }},
      {"listen", "An address; one that others can reach needs tokens",
       [](const Written& written, ServeSettings& into) { return ReadText(written, into.listen); },
       [](const ServeSettings& from) { return Quoted(from.listen); }},
      {"port", "0 takes any free one",
       [](const Written& written, ServeSettings& into) { return ReadInteger(written, 0, 65'535, into.port); },
       [](const ServeSettings& from) { return std::to_string(from.port); }},
      {"looks", "When to judge a deployment, as 60s or 15m,1h; they share the budget of false alarms",
       ReadLooks, [](const ServeSettings& from) { return QuotedList(from.looks); }},
      {"watch_alarms_a_week",
       "How many false alarms a service may raise in a week without a change; 0 watches changes alone",
       [](const Written& written, ServeSettings& into) {
         return ReadInteger(written, 0, 100, into.watch.alarms_a_week);
       },
       [](const ServeSettings& from) { return std::to_string(from.watch.alarms_a_week); }},
      {"watch_effect_percent_min", "How far something must have moved for such an alarm, in percent",
       [](const Written& written, ServeSettings& into) {
         return ReadInteger(written, 0, 1000, into.watch.effect_percent_min);
       },
       [](const ServeSettings& from) { return std::to_string(from.watch.effect_percent_min); }},
      {"watch_mute", "Signals that raise no such alarm, by how their names begin, as GET /health",
       [](const Written& written, ServeSettings& into) {
         into.watch.mute = written;
         std::erase(into.watch.mute, "");  // would mute everything
         return Status();
       },
       [](const ServeSettings& from) { return QuotedList(from.watch.mute); }},
      {"keep_days", "How long days are kept; finer steps go sooner",
       [](const Written& written, ServeSettings& into) {
         return ReadInteger(written, 35, 10'000, into.keep_days);
       },
       [](const ServeSettings& from) { return std::to_string(from.keep_days); }},
      {"database_gib_max",
       "How large the database may grow, in GiB; near it, the oldest history is forgotten early",
       [](const Written& written, ServeSettings& into) {
         return ReadInteger(written, 1, 16'384, into.database_gib_max);
       },
       [](const ServeSettings& from) { return std::to_string(from.database_gib_max); }},
      {"connections_max", "How many connections may be open",
       [](const Written& written, ServeSettings& into) {
         return ReadInteger(written, 8, 100'000, into.connections_max);
       },
       [](const ServeSettings& from) { return std::to_string(from.connections_max); }},
      {"hosts", "Names that browsers and workers reach this server by, as fieldmark.example.org",
       [](const Written& written, ServeSettings& into) {
         into.hosts = written;
         return Status();
       },
       [](const ServeSettings& from) { return QuotedList(from.hosts); }},
      {"trusted_proxies", "Addresses of proxies whose trusted_header is believed",
       [](const Written& written, ServeSettings& into) {
         into.trusted_proxies = written;
         return Status();
       },
       [](const ServeSettings& from) { return QuotedList(from.trusted_proxies); }},
      {"trusted_header", "In which such a proxy names the person who reads, as X-Forwarded-User",
       [](const Written& written, ServeSettings& into) {
         if (written.size() == 1 && written[0].empty()) return Status();
         return ReadText(written, into.trusted_header);
       },
       [](const ServeSettings& from) { return Quoted(from.trusted_header); }},
      {"log_format", "How it logs to standard error: text, or json for one object a line", ReadLogFormat,
       [](const ServeSettings& from) { return Quoted(from.log_format); }},
  };
  return settings;
}

std::string FlagOf(const ServeSetting& setting) {
  std::string flag = "--" + std::string(setting.key);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string EnvironmentOf(const ServeSetting& setting) {
  std::string name(kPrefix);
  for (const char c : setting.key) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

std::string SettingsInForce::ToToml() const {
  std::string text;
  for (const ServeSetting& setting : AllServeSettings()) {
    text +=
        std::string(setting.key) + " = " + setting.toml(settings) + "  # " + sources.at(setting.key) + "\n";
  }
  return text;
}

Result<SettingsInForce> ReadServeSettings(const WrittenSettings& written) {
  SettingsInForce in_force;
  for (const ServeSetting& setting : AllServeSettings()) in_force.sources[setting.key] = "default";
  if (!written.config_path.empty()) FM_RETURN_IF_ERROR(TakeFile(written.config_path, in_force));
  FM_RETURN_IF_ERROR(TakeEnvironment(written.environment, in_force));
  for (const auto& [key, value] : written.flags) {
    const ServeSetting* setting = Find(key);
    FM_DCHECK(setting != nullptr);
    FM_RETURN_IF_ERROR(Take(*setting, SplitAtCommas(value), "flag " + FlagOf(*setting), in_force));
  }
  if (in_force.settings.trusted_header.empty() != in_force.settings.trusted_proxies.empty()) {
    return Wrong(
        "reading the settings trusted_header and trusted_proxies: only one of them is set; set both, so that "
        "nobody "
        "but the proxy can name who reads");
  }
  return in_force;
}

Result<std::vector<watch::Look>> LooksOf(const ServeSettings& settings) {
  // Those share the budget unequally, as measured for them.
  if (settings.looks == ServeSettings().looks) return watch::DefaultLooks();
  std::vector<int64_t> after_s;
  for (const std::string& text : settings.looks) {
    const Result<int64_t> seconds = ParseDuration(text);
    if (!seconds.ok()) return seconds.error();
    after_s.push_back(*seconds);
  }
  return watch::LooksOf(after_s);
}

}  // namespace fieldmark::cli
