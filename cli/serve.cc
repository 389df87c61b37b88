#include "cli/serve.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "cli/log_lines.h"
#include "cli/serve_settings.h"
#include "cli/server_answers.h"
#include "server/api/api.h"
#include "server/api/http_server.h"
#include "server/ingest/ingest.h"
#include "server/store/sqlite_store.h"
#include "server/watch/answers.h"
#include "server/watch/compactor.h"
#include "server/watch/verdicts.h"
#include "server/watch/watchman.h"

namespace fieldmark::cli {
namespace {

struct ServeOptions {
  WrittenSettings written;
  bool check = false;
};

UnixMs WallClock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// Blocked before any thread starts, so that all inherit it and only WaitForSignal sees one.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files is told as a full disk is
  return signals;
}

void WaitForSignal(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  // A second one ends at once, should closing hang.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

store::SqliteSettings StoreSettingsOf(const ServeSettings& settings) {
  store::SqliteSettings result;
  result.database_bytes_max = settings.database_gib_max << 30;
  for (auto& by_steps : result.retention.kept) {
    by_steps[static_cast<size_t>(store::Step::kDay)] = settings.keep_days * store::Retention::kDay;
  }
  return result;
}

bool IsLoopback(const std::string& address) { return address == "::1" || api::IsLoopbackHost(address); }

// A connection is a descriptor, and the usual soft limit is 1 024 of them. Where no more are to be had,
// further connections wait.
void AllowDescriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Status Serve(const ServeSettings& settings) {
  LogTo(settings.log_format == kJsonLog ? LogFormat::kJson : LogFormat::kText);
  Result<std::vector<watch::Look>> looks = LooksOf(settings);
  if (!looks.ok()) return looks.error();
  access::Gate gate(
      {settings.data, !IsLoopback(settings.listen), settings.trusted_header, settings.trusted_proxies},
      WallClock);
  FM_RETURN_IF_ERROR(gate.Open());
  // Checking a large file takes a while; until it is open a signal ends the process at once, which the file
  // withstands as any other end.
  const Result<std::unique_ptr<store::SqliteStore>> store =
      store::SqliteStore::Open(settings.data, StoreSettingsOf(settings));
  if (!store.ok()) return store.error();
  const sigset_t signals = BlockSignals();

  ingest::Ingest ingest(**store, WallClock);
  watch::Verdicts verdicts(**store, WallClock, std::move(*looks));
  watch::Answers answers(**store, verdicts, WallClock);
  watch::Watch watch(**store, verdicts, WallClock, settings.watch);
  api::ApiOptions api_options;
  api_options.data_folder = settings.data;
  api_options.hosts = {!IsLoopback(settings.listen), settings.hosts};
  api::HttpOptions http_options;
  api_options.limits_met = http_options.met;
  api::Api api(**store, ingest, verdicts, answers, watch, gate, WallClock, std::move(api_options));
  http_options.address = settings.listen;
  http_options.beyond_loopback = gate.guarded();
  http_options.port = static_cast<uint16_t>(settings.port);
  http_options.limits.connections_max = static_cast<size_t>(settings.connections_max);
  AllowDescriptors();
  const Result<std::unique_ptr<api::HttpServer>> server = api::HttpServer::Start(http_options, api);
  if (!server.ok()) return server.error();
  const watch::Compactor compactor(**store, WallClock);
  const watch::Watchman watchman(watch);

  std::error_code ignored;
  const std::string folder = std::filesystem::absolute(settings.data, ignored).string();
  std::printf("fieldmark %s is ready at %s, its data in %s\n", FIELDMARK_VERSION, (*server)->url().c_str(),
              folder.c_str());
  std::fflush(stdout);
  spdlog::info("fieldmark {} is ready at {}", FIELDMARK_VERSION, (*server)->url());
  WaitForSignal(signals);
  spdlog::info("stopping: requests under way are answered first");
  (*server)->Stop();
  verdicts.End();
  spdlog::info("stopped");
  return {};
}

Status Run(ServeOptions options) {
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      options.written.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  const Result<SettingsInForce> read = ReadServeSettings(options.written);
  if (!read.ok()) return read.error();
  if (!options.check) return Serve(read->settings);
  std::fputs(read->ToToml().c_str(), stdout);
  return {};
}

}  // namespace

void AddServe(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("serve", "Take batches, judge deployments, show the page");
  const auto options = std::make_shared<ServeOptions>();
  command->add_option("--config", options->written.config_path, "A TOML file of the settings below");
  for (const ServeSetting& setting : AllServeSettings()) {
    const std::string help = std::string(setting.help) + " [" + setting.toml(ServeSettings()) + "]";
    command->add_option_function<std::string>(
        FlagOf(setting),
        [options, &setting](const std::string& value) {
          options->written.flags[std::string(setting.key)] = value;
        },
        help);
  }
  command->add_flag("--check-config", options->check, "Print what is in force and from where, and end");
  command->footer("Flags beat the environment (FIELDMARK_SERVE_PORT and so on), which beats the file");
  command->callback([options, &exit_code] {
    const Status served = Run(*options);
    exit_code = served.ok() ? kNothingFound : kCouldNotRun;
    if (!served.ok()) PrintError(served.error().message);
  });
}

}  // namespace fieldmark::cli
