#include "server/api/metrics.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace fieldmark::api {
namespace {

class Text {
 public:
  void Family(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <class Value>
  void Sample(std::string_view name, std::string_view labels, Value value) {
    fmt::format_to(std::back_inserter(text_), "{}{} {}\n", name, labels, value);
  }
  template <class Value>
  void One(std::string_view name, std::string_view type, std::string_view help, Value value) {
    Family(name, type, help);
    Sample(name, "", value);
  }
  std::string Take() && { return std::move(text_); }

 private:
  std::string text_;
};

std::string Escaped(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\\' || c == '"') escaped += '\\';
    if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string LabelsOf(const ingest::RequestTotals::Name& name, std::string_view more = "") {
  return fmt::format("{{service=\"{}\",environment=\"{}\"{}}}", Escaped(name.first), Escaped(name.second),
                     more);
}

void AddOwnHealth(const OwnHealth& health, Text& text) {
  text.One("fieldmark_uptime_seconds", "gauge", "Since this server began.", health.uptime_s);
  text.One("fieldmark_writable", "gauge",
           "1 when the last batch could be stored, 0 when the store refused it.",
           health.batches.writable ? 1 : 0);
  constexpr std::string_view kBatches = "fieldmark_batches_total";
  text.Family(kBatches, "counter", "Batches by what became of them.");
  text.Sample(kBatches, "{outcome=\"applied\"}", health.batches.applied);
  text.Sample(kBatches, "{outcome=\"duplicate\"}", health.batches.duplicate);
  text.Sample(kBatches, "{outcome=\"rejected\"}", health.batches.rejected);
  text.Sample(kBatches, "{outcome=\"postponed\"}", health.batches.postponed);
  text.One("fieldmark_batches_clock_shifted_total", "counter", "From a clock 30 s to 24 h off.",
           health.batches.clock_shifted);
  text.One("fieldmark_batches_clock_bad_total", "counter", "From a clock further off; kept apart.",
           health.batches.clock_bad);
  text.One("fieldmark_batches_unhashed_total", "counter",
           "Hashed with another key; those summaries were left out.", health.batches.unhashed);
  text.One("fieldmark_log_bytes", "gauge", "Of batches not yet folded.", health.store.log_bytes);
  text.One("fieldmark_fold_lag_seconds", "gauge", "How far folding is behind; over 300 batches are refused.",
           health.fold_lag_s);
  text.One("fieldmark_damaged_rows", "gauge", "Stored rows that cannot be read and are left out.",
           health.store.damaged_rows);
  text.One("fieldmark_chunks_forgotten_early_total", "counter",
           "Gone before their time, so that the database stays within its limit.",
           health.store.forgotten_early);
  text.One("fieldmark_data_folder_bytes", "gauge", "On disk.", health.data_folder_bytes);
  text.One("fieldmark_requests_refused_total", "counter", "With a token that is not one of ours.",
           health.gate.refused);
  text.One("fieldmark_requests_limited_total", "counter", "Not looked at, after too many of those.",
           health.gate.limited);
  text.One("fieldmark_sessions", "gauge", "Of people on the page.", health.gate.sessions);
}

void AddLimitsMet(const LimitsMet& met, Text& text) {
  constexpr std::string_view kMet = "fieldmark_http_limits_met_total";
  text.Family(kMet, "counter", "Requests and connections that were refused, by the limit that they met.");
  for (size_t i = 0; i < kHttpLimitNames.size(); ++i) {
    text.Sample(kMet, fmt::format("{{limit=\"{}\"}}", kHttpLimitNames[i]),
                met.times(static_cast<HttpLimit>(i)));
  }
}

void AddIncidents(const watch::Watch::Counts& watch, Text& text) {
  text.One("fieldmark_watch_looks_total", "counter", "At a service between its changes.", watch.looks);
  constexpr std::string_view kIncidents = "fieldmark_incidents";
  text.Family(kIncidents, "gauge", "What moved between changes and lasts, of each service that is watched.");
  size_t services = 0;
  size_t others = 0;
  for (const auto& [name, open] : watch.open) {
    if (++services > ingest::RequestTotals::kServicesMax) {
      others += open;
    } else {
      text.Sample(kIncidents, LabelsOf(name), open);
    }
  }
  if (services > ingest::RequestTotals::kServicesMax)
    text.Sample(kIncidents, LabelsOf({"(other)", "(other)"}), others);
}

void AddLatency(const ingest::RequestTotals::Name& name, const ingest::RequestTotal& total, Text& text) {
  uint64_t below = 0;
  for (size_t i = 0; i < ingest::kLatencyBuckets; ++i) {
    below += total.by_latency[i];
    text.Sample("fieldmark_request_duration_seconds_bucket",
                LabelsOf(name, fmt::format(",le=\"{}\"",
                                           std::ldexp(1.0, ingest::kLatencyEdgeMin + static_cast<int>(i)))),
                below);
  }
  text.Sample("fieldmark_request_duration_seconds_bucket", LabelsOf(name, ",le=\"+Inf\""), total.answered);
  text.Sample("fieldmark_request_duration_seconds_sum", LabelsOf(name), total.latency_sum_ms / 1000);
  text.Sample("fieldmark_request_duration_seconds_count", LabelsOf(name), total.answered);
}

}  // namespace

std::string MetricsText(const OwnHealth& health, const LimitsMet& met, const ingest::RequestTotals& totals) {
  Text text;
  AddOwnHealth(health, text);
  AddLimitsMet(met, text);
  AddIncidents(health.watch, text);
  const auto all = totals.All();
  constexpr std::string_view kRequests = "fieldmark_requests_total";
  text.Family(kRequests, "counter",
              "Requests of a watched service since this server began, by class of status.");
  for (const auto& [name, total] : all) {
    for (const auto& [status_class, times] : total.by_class)
      text.Sample(kRequests, LabelsOf(name, fmt::format(",status=\"{}\"", status_class)), times);
  }
  text.Family("fieldmark_request_duration_seconds", "histogram",
              "From a request's beginning to the last byte of its response, since this server began.");
  for (const auto& [name, total] : all) AddLatency(name, total, text);
  return std::move(text).Take();
}

}  // namespace fieldmark::api
