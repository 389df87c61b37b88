#include "server/api/json_out.h"

#include <boost/json.hpp>
#include <cmath>

#include "server/watch/words.h"

namespace fieldmark::api {
namespace {

namespace json = boost::json;
using watch::UtcTime;

json::value Number(double value) { return std::isfinite(value) ? json::value(value) : json::value(nullptr); }
// Where the contract has no null.
double Finite(double value) { return std::isfinite(value) ? value : 0; }

template <class T>
json::value OrNull(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::value TimeOrNull(const std::optional<UnixMs>& time) {
  return time ? json::value(UtcTime(*time)) : json::value(nullptr);
}

json::array Numbers(const std::vector<double>& values) {
  json::array array;
  array.reserve(values.size());
  for (const double value : values) array.push_back(Number(value));
  return array;
}

json::array TextsJson(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

std::string_view KindCode(judge::Kind kind) {
  switch (kind) {
    case judge::Kind::kRate:
      return "rate";
    case judge::Kind::kMean:
      return "mean";
    case judge::Kind::kCount:
      return "count";
    case judge::Kind::kQuantile:
      return "quantile";
    case judge::Kind::kDistribution:
      return "distribution";
    case judge::Kind::kMix:
      return "mix";
  }
  return "rate";
}

json::array TracesJson(const sketch::TraceIds& traces) {
  json::array array;
  for (const sketch::TraceId& id : traces.ids()) array.push_back(json::value(sketch::ToHex(id)));
  return array;
}

json::object FindingJson(const judge::Finding& finding, const watch::SignalTraces& traces) {
  const auto of_signal = traces.find(finding.signal);
  return {
      {"signal", finding.signal},
      {"subject", finding.subject},
      {"field", finding.field},
      {"statistic", finding.statistic},
      {"category", finding.category.empty() ? json::value(nullptr) : json::value(finding.category)},
      {"kind", KindCode(finding.kind)},
      {"state", judge::StateCode(finding.state)},
      {"direction", judge::DirectionCode(finding.direction)},
      {"qualifier", finding.qualifier.empty() ? json::value(nullptr) : json::value(finding.qualifier)},
      {"from", Number(finding.from)},
      {"to", Number(finding.to)},
      {"unit", finding.unit},
      {"effect", Finite(finding.effect)},
      {"since", {UtcTime(finding.since_unix_s.first * 1000), UtcTime(finding.since_unix_s.second * 1000)}},
      {"n_before", Finite(finding.n_before)},
      {"n_after", Finite(finding.n_after)},
      {"q_value", Finite(finding.q_value)},
      {"could_have_seen", Finite(finding.could_have_seen)},
      {"also", TextsJson(finding.also)},
      {"traces", of_signal == traces.end() ? json::array() : TracesJson(of_signal->second)},
      {"sentence", finding.sentence}};
}

json::array NewErrorsJson(const std::vector<watch::NewError>& errors) {
  json::array array;
  for (const watch::NewError& error : errors) {
    array.push_back({{"subject", error.subject},
                     {"kind", error.kind},
                     {"count", error.count},
                     {"first_seen_at", UtcTime(error.first_seen_at)},
                     {"traces", TracesJson(error.traces)}});
  }
  return array;
}

json::object AnswerJson(const watch::Answer& answer) {
  return {{"question", answer.question},
          {"state", watch::AnswerCode(answer.state)},
          {"word", answer.word},
          {"detail", answer.detail},
          {"usual", answer.usual}};
}

void AddTerms(const ingest::Terms& terms, json::object& into) {
  json::array formats;
  for (const int format : terms.formats) formats.push_back(format);
  into["formats"] = std::move(formats);
  into["interval_s"] = terms.interval_s;
  into["paused"] = terms.paused;
}

json::value MomentsJson(const std::optional<watch::MomentCount>& moments) {
  if (!moments) return nullptr;
  return json::object{
      {"asked", moments->asked}, {"flagged", moments->flagged}, {"sentence", watch::SentenceOf(*moments)}};
}

}  // namespace

json::object ChangeJson(const watch::Change& change) {
  const watch::Deployment* seen = change.deployment ? &*change.deployment : nullptr;
  const store::AnnouncedChange* said = change.announced ? &*change.announced : nullptr;
  const auto text = [&](std::string store::AnnouncedChange::*member) {
    return said == nullptr ? json::value("") : json::value(said->*member);
  };
  const auto time = [](bool known, UnixMs at) {
    return TimeOrNull(known ? std::optional(at) : std::nullopt);
  };
  const bool announced_version = said != nullptr && !said->version.empty();
  return {
      {"id", said == nullptr ? json::value(nullptr) : json::value(said->id)},
      {"kind", seen != nullptr ? watch::kDeploymentKind : std::string_view(said->kind)},
      {"at", UtcTime(change.at())},
      {"title", text(&store::AnnouncedChange::title)},
      {"from_version", seen == nullptr ? json::value(nullptr) : OrNull(seen->from_version)},
      {"to_version", seen != nullptr     ? json::value(seen->to_version)
                     : announced_version ? json::value(said->version)
                                         : json::value(nullptr)},
      {"first_seen_at", time(seen != nullptr, change.at())},
      {"last_old_at", time(seen != nullptr && seen->last_old,
                           seen != nullptr ? seen->last_old.value_or(0) * kMsPerMinute : 0)},
      {"url", text(&store::AnnouncedChange::url)},
      {"owner", text(&store::AnnouncedChange::owner)},
      {"expected", text(&store::AnnouncedChange::expected)},
      {"rollback", watch::RollbackAdvice(change)},
      {"announced_at", time(said != nullptr, said != nullptr ? said->announced_at : 0)},
      {"amended_at", time(said != nullptr && said->amended_at != 0, said != nullptr ? said->amended_at : 0)}};
}

json::object VerdictJson(const watch::DeploymentVerdict& verdict) {
  const judge::Verdict& judged = verdict.verdict;
  json::array findings;
  for (const judge::Finding& finding : judged.findings) {
    if (findings.size() < kFindingsShown) findings.push_back(FindingJson(finding, verdict.traces));
  }
  return {{"change", ChangeJson({verdict.deployment, verdict.announced})},
          {"look_s", verdict.look_s},
          {"looked_at", UtcTime(verdict.looked_at)},
          {"new_errors", NewErrorsJson(verdict.new_errors)},
          {"state", verdict.judging ? "judging" : judge::StateCode(judged.state)},
          {"title", judged.title},
          {"sentence", judged.sentence},
          {"next_look_at", TimeOrNull(verdict.next_look_at)},
          {"judged", judged.judged},
          {"not_enough", judged.not_enough},
          {"cannot_compare", judged.cannot_compare},
          {"could_have_seen", Finite(judged.could_have_seen)},
          {"moments", MomentsJson(verdict.moments)},
          {"findings_total", judged.findings.size()},
          {"findings", std::move(findings)}};
}

json::object IncidentJson(const store::Incident& incident) {
  const std::string_view state = incident.over_at == 0 ? "lasts" : incident.settled ? "settled" : "over";
  return {{"id", incident.id},
          {"state", state},
          {"signal", incident.signal},
          {"subject", incident.subject},
          {"field", incident.field},
          {"statistic", incident.statistic},
          {"direction", incident.direction},
          {"since", {UtcTime(incident.since_first), UtcTime(incident.since_last)}},
          {"found_at", UtcTime(incident.found_at)},
          {"seen_at", UtcTime(incident.seen_at)},
          {"over_at", TimeOrNull(incident.over_at == 0 ? std::nullopt : std::optional(incident.over_at))},
          {"also", TextsJson(incident.also)},
          {"sentence", incident.sentence}};
}

json::object StatusJson(const watch::ServiceStatus& status) {
  json::array answers;
  for (const watch::Answer& answer : status.answers) answers.push_back(AnswerJson(answer));
  json::array incidents;
  for (const store::Incident& incident : status.incidents) {
    if (incidents.size() < kIncidentsShown) incidents.push_back(IncidentJson(incident));
  }
  return {{"service", status.service},
          {"environment", status.environment},
          {"version", status.version},
          {"last_data_at", TimeOrNull(status.last_data_at)},
          {"answers", std::move(answers)},
          {"incidents", std::move(incidents)},
          {"incidents_total", status.incidents.size()},
          {"verdict", status.verdict ? json::value(VerdictJson(*status.verdict)) : json::value(nullptr)}};
}

json::object ServiceSummaryJson(const watch::ServiceStatus& status) {
  return {{"service", status.service},
          {"environment", status.environment},
          {"version", status.version},
          {"state", watch::AnswerCode(status.state())},
          {"headline", status.headline()},
          {"last_data_at", TimeOrNull(status.last_data_at)},
          {"requests_per_s", Finite(status.requests_per_s)},
          {"findings", status.verdict ? status.verdict->verdict.findings.size() : size_t{0}}};
}

json::object SeriesJson(const watch::Chart& chart) {
  json::array changes;
  for (const watch::Change& change : chart.changes) changes.push_back(ChangeJson(change));
  return {{"signal", chart.signal},          {"unit", chart.unit},
          {"step_s", chart.step_s},          {"start", UtcTime(chart.start)},
          {"values", Numbers(chart.values)}, {"lower", Numbers(chart.lower)},
          {"upper", Numbers(chart.upper)},   {"changes", std::move(changes)}};
}

json::object FieldJson(const watch::FieldContents& field) {
  const profile::FieldCounts& counts = field.counts;
  return {{"path", field.path},
          {"documents", counts.documents},
          {"seen", counts.seen},
          {"missing_min", field.missing.min},
          {"missing_max", field.missing.max},
          {"nulls", counts.nulls},
          {"booleans", counts.falses + counts.trues},
          {"integers", counts.integers},
          {"floats", counts.floats},
          {"strings", counts.strings},
          {"objects", counts.objects},
          {"arrays", counts.arrays}};
}

json::object HelloJson(const ingest::Introduction& introduction, UnixMs now) {
  json::object object{{"hash_key", introduction.hash_key}, {"server_time", UtcTime(now)}};
  AddTerms(introduction.terms, object);
  return object;
}

json::object BatchJson(const ingest::Reply& reply) {
  json::object object{{"outcome", reply.outcome == store::Append::kApplied ? "applied" : "duplicate"}};
  AddTerms(reply.terms, object);
  return object;
}

}  // namespace fieldmark::api
