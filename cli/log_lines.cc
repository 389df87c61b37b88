#include "cli/log_lines.h"

#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "fieldmark/base/utc_time.h"

namespace fieldmark::cli {
namespace {

class JsonFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& event, spdlog::memory_buf_t& into) override {
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(event.time.time_since_epoch());
    std::string at = TimeText(since.count() / 1000);
    char milliseconds[8];
    std::snprintf(milliseconds, sizeof milliseconds, ".%03d", static_cast<int>(since.count() % 1000));
    at.insert(at.size() - 1, milliseconds);
    const auto level = spdlog::level::to_string_view(event.level);
    const boost::json::object line{{"at", at},
                                   {"level", std::string_view(level.data(), level.size())},
                                   {"message", std::string_view(event.payload.data(), event.payload.size())}};
    const std::string text = boost::json::serialize(line) + "\n";
    into.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

}  // namespace

void LogTo(LogFormat format) {
  auto logger = spdlog::stderr_logger_mt("fieldmark");
  if (format == LogFormat::kJson) logger->set_formatter(std::make_unique<JsonFormatter>());
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace fieldmark::cli
