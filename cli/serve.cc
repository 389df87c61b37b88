#include "cli/serve.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/duration.h"
#include "cli/exit_code.h"
#include "cli/server_answers.h"
#include "server/api/api.h"
#include "server/api/http_server.h"
#include "server/ingest/ingest.h"
#include "server/store/sqlite_store.h"
#include "server/watch/answers.h"
#include "server/watch/compactor.h"
#include "server/watch/verdicts.h"

namespace fieldmark::cli {
namespace {

struct ServeOptions {
  std::string data = "fieldmark-data";
  std::string listen = "127.0.0.1";
  uint16_t port = 3435;
  std::vector<std::string> looks;
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
  return signals;
}

void WaitForSignal(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  // A second one ends at once, should closing hang.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

Result<std::vector<watch::Look>> LooksFrom(const std::vector<std::string>& texts) {
  if (texts.empty()) return watch::DefaultLooks();
  std::vector<int64_t> after_s;
  for (const std::string& text : texts) {
    const Result<int64_t> seconds = ParseDuration(text);
    if (!seconds.ok()) return seconds.error();
    after_s.push_back(*seconds);
  }
  return watch::LooksOf(after_s);
}

Status Serve(const ServeOptions& options) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("fieldmark"));
  Result<std::vector<watch::Look>> looks = LooksFrom(options.looks);
  if (!looks.ok()) return looks.error();
  // Checking a large file takes a while; until it is open a signal ends the process at once, which the file
  // withstands as any other end.
  const Result<std::unique_ptr<store::SqliteStore>> store = store::SqliteStore::Open(options.data);
  if (!store.ok()) return store.error();
  const sigset_t signals = BlockSignals();

  ingest::Ingest ingest(**store, WallClock);
  watch::Verdicts verdicts(**store, WallClock, std::move(*looks));
  watch::Answers answers(**store, verdicts, WallClock);
  api::ApiOptions api_options;
  api_options.data_folder = options.data;
  api::Api api(**store, ingest, verdicts, answers, WallClock, std::move(api_options));
  api::HttpOptions http_options;
  http_options.address = options.listen;
  http_options.port = options.port;
  const Result<std::unique_ptr<api::HttpServer>> server = api::HttpServer::Start(http_options, api);
  if (!server.ok()) return server.error();
  const watch::Compactor compactor(**store, WallClock);

  std::error_code ignored;
  const std::string folder = std::filesystem::absolute(options.data, ignored).string();
  std::printf("fieldmark %s is ready at %s, its data in %s\n", FIELDMARK_VERSION, (*server)->url().c_str(),
              folder.c_str());
  std::fflush(stdout);
  WaitForSignal(signals);
  (*server)->Stop();
  return {};
}

}  // namespace

void AddServe(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("serve", "Take batches, judge deployments, show the page");
  const auto options = std::make_shared<ServeOptions>();
  command->add_option("--data", options->data, "The folder that holds everything")->capture_default_str();
  command->add_option("--listen", options->listen, "A loopback address")->capture_default_str();
  command->add_option("--port", options->port, "0 takes any free one")->capture_default_str();
  command
      ->add_option("--looks", options->looks,
                   "When to judge a deployment, as 60s or 15m,1h; they share the budget")
      ->delimiter(',');
  command->callback([options, &exit_code] {
    const Status served = Serve(*options);
    exit_code = served.ok() ? kNothingFound : kCouldNotRun;
    if (!served.ok()) PrintError(served.error().message);
  });
}

}  // namespace fieldmark::cli
