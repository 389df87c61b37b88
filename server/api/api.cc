#include "server/api/api.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/json.hpp>
#include <boost/url.hpp>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <limits>
#include <optional>

#include "fieldmark/base/utf8.h"
#include "server/access/audit.h"
#include "server/api/change_in.h"
#include "server/api/etag.h"
#include "server/api/json_out.h"
#include "server/api/metrics.h"
#include "server/api/page.h"
#include "server/api/paging.h"
#include "server/watch/charts.h"
#include "server/watch/words.h"

namespace fieldmark::api {
namespace {

namespace json = boost::json;

// The sender's clock at this attempt, in milliseconds since the epoch.
constexpr std::string_view kClockHeader = "Fieldmark-Clock";
constexpr size_t kHelloBytesMax = 4096;
constexpr size_t kChangeBytesMax = 16u << 10;
// Of whoever asks for a verdict and nothing else; shorter than any client waits for an answer.
constexpr std::chrono::milliseconds kVerdictPatience{5000};
// For so long after the last of it went: at the limit some goes every hour.
constexpr int64_t kForgottenEarlyToldMs = 24LL * 3600 * 1000;

Response Json(const json::object& object, int status = 200) {
  return {status, "application/json", json::serialize(object), {{"Cache-Control", "no-store"}}};
}

Response ProblemOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return Problem(400, error.message);
    case ErrorCode::kNotFound:
      return Problem(404, error.message);
    case ErrorCode::kUnavailable:
      return ProblemRetryLater(503, error.message, 5);
    default:
      return Problem(500, error.message);
  }
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Response RefusalResponse(const access::Refusal& refusal) {
  if (refusal.status == 429) return ProblemRetryLater(429, refusal.detail, 60);
  Response response = Problem(refusal.status, refusal.detail);
  if (refusal.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"fieldmark\"");
  return response;
}

Response OtherService(const access::Caller& caller) {
  return Problem(403, "taking data in: this token is for " + caller.token->service + " in " +
                          caller.token->environment +
                          "; make one for this service with 'fieldmark token create'");
}

std::string SessionCookie(std::string_view value, int64_t seconds, bool secure) {
  return std::string(access::Gate::kCookie) + "=" + std::string(value) +
         "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(seconds) +
         (secure ? "; Secure" : "");
}

// By which a list of incidents ascends: the newest first. Ids of so many digits less are as long as each
// other.
std::string IncidentKey(const store::Incident& incident) {
  return std::to_string(std::numeric_limits<int64_t>::max() - incident.id);
}

uint64_t FolderBytes(const std::string& folder) {
  uint64_t bytes = 0;
  std::error_code failed;
  std::filesystem::directory_iterator files(folder, failed);
  for (; !failed && files != std::filesystem::directory_iterator(); files.increment(failed)) {
    std::error_code gone;
    const auto size = files->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

}  // namespace

struct Api::Call {
  const Request& request;
  access::Caller caller;
  std::vector<std::string> names;  // what the pattern's {} stood for
  std::vector<std::pair<std::string, std::string>> parameters;

  std::optional<std::string_view> Parameter(std::string_view name) const {
    for (const auto& [key, value] : parameters) {
      if (key == name) return value;
    }
    return std::nullopt;
  }

  // None when left out; an error when it is no integer within the limits.
  Result<std::optional<int64_t>> Integer(std::string_view name, int64_t least, int64_t most) const {
    const std::optional<std::string_view> text = Parameter(name);
    if (!text) return std::optional<int64_t>();
    const std::optional<int64_t> value = ParseInteger(*text);
    if (value && *value >= least && *value <= most) return value;
    return Error{ErrorCode::kInvalidArgument, "reading the parameter " + std::string(name) +
                                                  ": it is no whole number from " + std::to_string(least) +
                                                  " to " + std::to_string(most) + "; give one"};
  }

  Result<PageRequest> Page() const {
    PageRequest page;
    const Result<std::optional<int64_t>> limit = Integer("limit", 1, kPageEntriesMax);
    if (!limit.ok()) return limit.error();
    if (*limit) page.limit = static_cast<size_t>(**limit);
    const std::optional<std::string_view> cursor = Parameter("cursor");
    if (!cursor) return page;
    const std::optional<std::string> after = KeyOf(*cursor);
    if (!after) {
      return Error{
          ErrorCode::kInvalidArgument,
          "reading the parameter cursor: it is none of this server's; give the next of the page before"};
    }
    page.after = *after;
    return page;
  }
};

struct Api::Endpoint {
  std::string_view method;
  std::vector<std::string_view> path;  // "{}" stands for any one segment
  Response (Api::*handle)(const Call&);
  std::optional<access::Purpose> purpose;  // none: anybody may ask

  bool Matches(const std::vector<std::string>& segments, std::vector<std::string>& names) const {
    if (segments.size() != path.size()) return false;
    names.clear();
    for (size_t i = 0; i < path.size(); ++i) {
      if (path[i] == "{}") {
        names.push_back(segments[i]);
      } else if (path[i] != segments[i]) {
        return false;
      }
    }
    return true;
  }
};

const std::vector<Api::Endpoint>& Api::Endpoints() {
  static const std::vector<Endpoint> endpoints{
      {"POST", {"api", "v1", "hello"}, &Api::Hello, access::Purpose::kIngest},
      {"POST", {"api", "v1", "batches"}, &Api::AppendBatch, access::Purpose::kIngest},
      {"GET", {"api", "v1", "session"}, &Api::GetSession, std::nullopt},
      {"POST", {"api", "v1", "session"}, &Api::LogIn, std::nullopt},
      {"DELETE", {"api", "v1", "session"}, &Api::LogOut, std::nullopt},
      {"GET", {"api", "v1", "services"}, &Api::ListServices, access::Purpose::kRead},
      {"GET", {"api", "v1", "services", "{}", "{}", "status"}, &Api::GetStatus, access::Purpose::kRead},
      {"GET", {"api", "v1", "services", "{}", "{}", "changes"}, &Api::ListChanges, access::Purpose::kRead},
      {"POST",
       {"api", "v1", "services", "{}", "{}", "changes"},
       &Api::AnnounceChange,
       access::Purpose::kAnnounce},
      {"PATCH",
       {"api", "v1", "services", "{}", "{}", "changes", "{}"},
       &Api::AmendChange,
       access::Purpose::kAnnounce},
      {"GET", {"api", "v1", "services", "{}", "{}", "subjects"}, &Api::ListSubjects, access::Purpose::kRead},
      {"GET", {"api", "v1", "services", "{}", "{}", "fields"}, &Api::ListFields, access::Purpose::kRead},
      {"GET",
       {"api", "v1", "services", "{}", "{}", "incidents"},
       &Api::ListIncidents,
       access::Purpose::kRead},
      {"GET", {"api", "v1", "services", "{}", "{}", "verdict"}, &Api::GetVerdict, access::Purpose::kRead},
      {"GET", {"api", "v1", "services", "{}", "{}", "series"}, &Api::GetSeries, access::Purpose::kRead},
      {"DELETE", {"api", "v1", "services", "{}"}, &Api::Forget, access::Purpose::kErase},
      {"GET", {"health"}, &Api::GetHealth, access::Purpose::kRead},
      {"GET", {"health", "live"}, &Api::GetLive, std::nullopt},
      {"GET", {"health", "ready"}, &Api::GetReady, std::nullopt},
      {"GET", {"metrics"}, &Api::GetMetrics, access::Purpose::kRead},
  };
  return endpoints;
}

Api::Api(store::Store& store, ingest::Ingest& ingest, watch::Verdicts& verdicts, watch::Answers& answers,
         const watch::Watch& watch, access::Gate& gate, watch::Clock clock, ApiOptions options)
    : store_(store),
      ingest_(ingest),
      verdicts_(verdicts),
      answers_(answers),
      watch_(watch),
      gate_(gate),
      clock_(std::move(clock)),
      shortfalls_(store, clock_),
      options_(std::move(options)),
      started_(clock_()) {}

std::vector<std::string> Api::Routes() {
  std::vector<std::string> routes;
  for (const Endpoint& endpoint : Endpoints()) {
    std::string route = std::string(endpoint.method) + " ";
    for (const std::string_view segment : endpoint.path) route += "/" + std::string(segment);
    routes.push_back(std::move(route));
  }
  return routes;
}

Lane Api::LaneOf(const Request& request) const {
  return request.method == "POST" || request.method == "PATCH" || request.target.starts_with("/health")
             ? Lane::kWrite
             : Lane::kRead;
}

access::Credentials Api::CredentialsOf(const Request& request) const {
  const std::string& trusted = gate_.settings().trusted_header;
  return {request.peer, request.Header("Authorization"), request.Header("Cookie"),
          trusted.empty() ? std::string_view() : request.Header(trusted)};
}

Response Api::Handle(const Request& request) {
  if (request.Count("Host") > 1)
    return Problem(400, "reading a request: it has several Host headers, which may differ; send one");
  if (!IsOurHost(request.Header("Host"), options_.hosts)) {
    return Problem(
        421,
        "answering a request: its Host header names another machine; ask for localhost or 127.0.0.1, or "
        "add the name to the setting hosts");
  }
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (!reads && !IsOfOurPage(request, options_.hosts)) {
    return Problem(403,
                   "answering a request: another site's page sent it; send it from this server's own page");
  }
  return Route(request);
}

Response Api::Route(const Request& request) {
  const auto target = boost::urls::parse_origin_form(request.target);
  if (!target)
    return Problem(400, "reading a request: its target is no path; ask for one that starts with a slash");
  Call call{request, {}, {}, {}};
  std::vector<std::string> segments;
  for (const auto segment : target->segments()) segments.push_back(segment);
  for (const auto& parameter : target->params()) call.parameters.emplace_back(parameter.key, parameter.value);

  const auto is_text = [](const auto& pair) { return IsUtf8(pair.first) && IsUtf8(pair.second); };
  const bool text = std::all_of(segments.begin(), segments.end(), IsUtf8) &&
                    std::all_of(call.parameters.begin(), call.parameters.end(), is_text);
  if (!text) return Problem(400, "reading a request: its target is not UTF-8; encode names as that");

  const std::string_view method = request.method == "HEAD" ? std::string_view("GET") : request.method;
  std::string allowed;
  for (const Endpoint& endpoint : Endpoints()) {
    if (!endpoint.Matches(segments, call.names)) continue;
    if (endpoint.method == method) {
      if (endpoint.purpose) {
        access::Admission admission = gate_.Admit(CredentialsOf(request), *endpoint.purpose);
        if (!admission.caller) return RefusalResponse(admission.refusal);
        call.caller = std::move(*admission.caller);
      }
      return (this->*endpoint.handle)(call);
    }
    allowed +=
        (allowed.empty() ? "" : ", ") + std::string(endpoint.method == "GET" ? "GET, HEAD" : endpoint.method);
  }
  const bool of_api = !segments.empty() && segments[0] == "api";
  if (allowed.empty() && of_api) {
    return Problem(404, "looking up an endpoint: this server has none there; see server/api/openapi.yaml");
  }
  if (allowed.empty() && method == "GET") return PageResponse(request, target->path());
  Response response =
      Problem(405, "answering a request: this method is not for that path; use the one in Allow");
  response.headers.emplace_back("Allow", allowed.empty() ? "GET, HEAD" : allowed);
  return response;
}

Response Api::Hello(const Call& call) {
  if (MediaType(call.request.Header("Content-Type")) != "application/json") {
    return Problem(415, "reading an introduction: its content type is not application/json; send it as that");
  }
  if (call.request.body.size() > kHelloBytesMax) {
    return Problem(
        413, "reading an introduction: it is longer than 4096 bytes; send service and environment alone");
  }
  json::error_code failed;
  const json::value value = json::parse(call.request.body, failed);
  const json::object* object = failed ? nullptr : value.if_object();
  const auto text = [&](std::string_view name) -> const json::string* {
    const json::value* member = object == nullptr ? nullptr : object->if_contains(name);
    return member == nullptr ? nullptr : member->if_string();
  };
  const json::string* service = text("service");
  const json::string* environment = text("environment");
  if (service == nullptr || environment == nullptr) {
    return Problem(400,
                   "reading an introduction: it is no JSON object with the texts service and environment");
  }
  if (!call.caller.MayIngest(*service, *environment)) return OtherService(call.caller);
  const Result<ingest::Introduction> introduction = ingest_.Hello(*service, *environment);
  return introduction.ok() ? Json(HelloJson(*introduction, clock_())) : ProblemOf(introduction.error());
}

Response Api::AppendBatch(const Call& call) {
  if (call.caller.token) {
    const Result<bucket::BatchHeader> header = bucket::DecodeBatchHeader(call.request.body);
    // One that cannot be read is refused below for what is wrong with it.
    if (header.ok() && !call.caller.MayIngest(header->stream.service, header->stream.environment))
      return OtherService(call.caller);
  }
  const ingest::Reply reply =
      ingest_.Append(MediaType(call.request.Header("Content-Type")), call.request.body,
                     ParseInteger(call.request.Header(kClockHeader)));
  if (reply.status == 200) return Json(BatchJson(reply));
  if (reply.retry_after_s > 0) return ProblemRetryLater(reply.status, reply.detail, reply.retry_after_s);
  return Problem(reply.status, reply.detail);
}

Response Api::GetSession(const Call& call) {
  const access::Admission admission = gate_.Admit(CredentialsOf(call.request), access::Purpose::kRead);
  if (admission.refusal.status == 429) return RefusalResponse(admission.refusal);
  return Json({{"kind", admission.caller ? access::CallerCode(admission.caller->kind) : "nobody"}});
}

// The cookie is Secure when a proxy of ours says that the browser speaks TLS to it; on plain HTTP a browser
// would not send such a one back.
Response Api::LogIn(const Call& call) {
  if (MediaType(call.request.Header("Content-Type")) != "application/json") {
    return Problem(415, "logging in: its content type is not application/json; send it as that");
  }
  json::error_code failed;
  const json::value value = json::parse(call.request.body.substr(0, kHelloBytesMax), failed);
  const json::object* object = failed ? nullptr : value.if_object();
  const json::value* token = object == nullptr ? nullptr : object->if_contains("token");
  if (token == nullptr || !token->is_string())
    return Problem(400, "logging in: it is no JSON object with the text token");
  const access::Gate::Session session = gate_.LogIn(CredentialsOf(call.request), token->get_string());
  if (session.cookie.empty()) return RefusalResponse(session.refusal);
  Audit("logged in", session.name, call.request);
  const auto& proxies = gate_.settings().trusted_proxies;
  const bool secure = std::find(proxies.begin(), proxies.end(), call.request.peer) != proxies.end() &&
                      call.request.Header("X-Forwarded-Proto") == "https";
  Response response{204, {}, {}, {{"Cache-Control", "no-store"}}};
  response.headers.emplace_back("Set-Cookie",
                                SessionCookie(session.cookie, access::Gate::kSessionMs / 1000, secure));
  return response;
}

Response Api::LogOut(const Call& call) {
  const std::string name = gate_.LogOut(CredentialsOf(call.request));
  if (!name.empty()) Audit("logged out", name, call.request);
  return {204, {}, {}, {{"Cache-Control", "no-store"}, {"Set-Cookie", SessionCookie("", 0, false)}}};
}

void Api::Audit(std::string_view action, std::string_view who, const Request& request, AuditDetails more) {
  if (options_.data_folder.empty()) return;
  more.emplace_back("token", who);
  more.emplace_back("from", request.peer);
  const Status written = access::Audit(options_.data_folder, clock_(), action, more);
  if (!written.ok()) spdlog::error("{}", written.error().message);
}

Response Api::Repeating(const Call& call, const json::object& object, bool with_time) const {
  std::string body = json::serialize(object);
  const std::string etag = "W/" + EtagOf(body);
  const bool known = HasEtag(call.request.Header("If-None-Match"), std::string_view(etag).substr(2));
  Response response{known ? 304 : 200, "", "", {{"Cache-Control", "private, no-cache"}, {"ETag", etag}}};
  if (known) return response;
  if (with_time) body.insert(body.size() - 1, ",\"server_time\":\"" + watch::UtcTime(clock_()) + "\"");
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

Response Api::ListServices(const Call& call) {
  const Result<PageRequest> page = call.Page();
  if (!page.ok()) return ProblemOf(page.error());
  const Result<watch::Answers::List> services = answers_.All();
  if (!services.ok()) return ProblemOf(services.error());
  json::object list = PageOf(
      "services", **services, *page, [](const watch::ServiceStatus& status) { return status.sort_key(); },
      ServiceSummaryJson);
  list["notices"] = Notices();
  return Repeating(call, list, true);
}

Response Api::GetStatus(const Call& call) {
  const Result<watch::ServiceStatus> status = answers_.Of(call.names[0], call.names[1]);
  if (!status.ok()) return ProblemOf(status.error());
  const Result<std::vector<std::string>> shortfalls = shortfalls_.Of(call.names[0], call.names[1]);
  if (!shortfalls.ok()) return ProblemOf(shortfalls.error());
  json::object object = StatusJson(*status);
  json::array notices = Notices();
  for (const std::string& sentence : *shortfalls) notices.emplace_back(sentence);
  object["notices"] = std::move(notices);
  return Repeating(call, object, true);
}

Response Api::ListChanges(const Call& call) {
  const Result<PageRequest> page = call.Page();
  if (!page.ok()) return ProblemOf(page.error());
  const Result<std::vector<watch::Change>> changes = verdicts_.ChangesOf(call.names[0], call.names[1]);
  if (!changes.ok()) return ProblemOf(changes.error());
  return Repeating(call, PageOf(
                             "changes", *changes, *page,
                             [](const watch::Change& change) { return change.sort_key(); }, ChangeJson));
}

Response Api::AnnounceChange(const Call& call) {
  store::AnnouncedChange change;
  change.kind = watch::kDeploymentKind;
  change.at = clock_();
  change.announced_at = change.at;
  return SaveChange(call, std::move(change));
}

Response Api::AmendChange(const Call& call) {
  if (!call.caller.MayAnnounce(call.names[0], call.names[1])) return OtherService(call.caller);
  const std::optional<int64_t> id = ParseInteger(call.names[2]);
  const Result<std::vector<store::AnnouncedChange>> all =
      store_.AnnouncedChanges(call.names[1], call.names[0]);
  if (!all.ok()) return ProblemOf(all.error());
  const auto found = std::find_if(all->begin(), all->end(), [&](const auto& one) { return one.id == id; });
  if (found == all->end()) {
    return Problem(
        404, "amending a change: the service has none of that id; the list of its changes has their ids");
  }
  store::AnnouncedChange change = *found;
  change.amended_at = clock_();
  return SaveChange(call, std::move(change));
}

// With what the body says of it.
Response Api::SaveChange(const Call& call, store::AnnouncedChange change) {
  change.service = call.names[0];
  change.environment = call.names[1];
  if (!call.caller.MayAnnounce(change.service, change.environment)) return OtherService(call.caller);
  if (MediaType(call.request.Header("Content-Type")) != "application/json")
    return Problem(415, "reading a change: its content type is not application/json; send it as that");
  if (call.request.body.size() > kChangeBytesMax)
    return Problem(413, "reading a change: it is longer than 16 KiB; write less, and link to the rest");
  for (const std::string* name : {&change.service, &change.environment}) {
    if (const Status named = ingest::CheckName("name of a service or environment", *name); !named.ok())
      return ProblemOf(named.error());
  }
  if (const Status read = ReadChange(call.request.body, change); !read.ok()) return ProblemOf(read.error());
  if (const Status checked = watch::CheckAnnounced(change, clock_()); !checked.ok())
    return ProblemOf(checked.error());
  const bool is_new = change.id == 0;
  const Result<int64_t> id = store_.SaveChange(change);
  if (!id.ok()) return ProblemOf(id.error());
  change.id = *id;
  Audit(is_new ? "change announced" : "change amended", call.caller.name, call.request,
        {{"service", change.service}, {"environment", change.environment}, {"change", std::to_string(*id)}});
  return Json(ChangeJson({std::nullopt, std::move(change)}), is_new ? 201 : 200);
}

Response Api::Forget(const Call& call) {
  const auto given = [&](std::string_view name) {
    const std::optional<std::string_view> text = call.Parameter(name);
    return text ? std::optional<std::string>(*text) : std::nullopt;
  };
  const std::optional<std::string> environment = given("environment"), field = given("field");
  const bool empty = (environment && environment->empty()) || (field && field->empty());
  if (empty)
    return Problem(400, "forgetting: environment or field is empty; leave it out to mean all of them");
  const Result<store::Forgotten> forgotten = store_.Forget(call.names[0], environment, field);
  // What went before it failed is gone too.
  if (forgotten.ok() || forgotten.error().code != ErrorCode::kNotFound) {
    Audit("forgotten", call.caller.name, call.request,
          {{"service", call.names[0]},
           {"environment", environment.value_or("")},
           {"field", field.value_or("")},
           {"outcome", forgotten.ok() ? "whole" : "failed"}});
  }
  if (!forgotten.ok()) return ProblemOf(forgotten.error());
  ingest_.Forget(call.names[0], environment);
  return Json({{"streams", forgotten->streams}, {"rows", forgotten->rows}});
}

Response Api::ListSubjects(const Call& call) {
  const Result<PageRequest> page = call.Page();
  if (!page.ok()) return ProblemOf(page.error());
  const auto subjects = watch::SubjectsOf(store_, call.names[0], call.names[1]);
  if (!subjects.ok()) return ProblemOf(subjects.error());
  return Repeating(call, PageOf(
                             "subjects", *subjects, *page, [](const std::string& name) { return name; },
                             [](const std::string& name) { return json::value(name); }));
}

Response Api::ListIncidents(const Call& call) {
  const Result<PageRequest> page = call.Page();
  if (!page.ok()) return ProblemOf(page.error());
  const Result<std::vector<store::StreamInfo>> all = store_.Streams();
  if (!all.ok()) return ProblemOf(all.error());
  if (watch::StreamsOf(*all, call.names[0], call.names[1]).empty())
    return ProblemOf(watch::UnknownService(call.names[0], call.names[1]));
  const Result<std::vector<store::Incident>> incidents = store_.Incidents(call.names[1], call.names[0]);
  if (!incidents.ok()) return ProblemOf(incidents.error());
  return Repeating(call, PageOf("incidents", *incidents, *page, IncidentKey, IncidentJson));
}

Response Api::ListFields(const Call& call) {
  const Result<PageRequest> page = call.Page();
  if (!page.ok()) return ProblemOf(page.error());
  const Result<std::optional<int64_t>> minutes =
      call.Integer("minutes", watch::kContentMinutesMin, watch::kContentMinutesMax);
  if (!minutes.ok()) return ProblemOf(minutes.error());
  const std::optional<std::string_view> subject = call.Parameter("subject");
  if (!subject) return Problem(400, "reading the parameters of fields: subject is missing; give it");
  const auto contents = watch::ContentsOf(store_, call.names[0], call.names[1], *subject,
                                          minutes->value_or(watch::kContentMinutes), clock_());
  if (!contents.ok()) return ProblemOf(contents.error());
  json::object list = PageOf(
      "fields", contents->fields, *page, [](const watch::FieldContents& field) { return "." + field.path; },
      FieldJson);
  list["since"] = watch::UtcTime(contents->since);
  list["documents"] = contents->documents;
  return Repeating(call, list);
}

Response Api::GetVerdict(const Call& call) {
  const Result<std::optional<int64_t>> look_s = call.Integer("look_s", watch::kLookMinS, watch::kLookMaxS);
  if (!look_s.ok()) return ProblemOf(look_s.error());
  // One at a time is waited for at length: there are few threads for all who read.
  const std::unique_lock waiting(verdict_mutex_, std::try_to_lock);
  const Result<watch::DeploymentVerdict> verdict =
      verdicts_.Of(call.names[0], call.names[1], call.Parameter("change"), *look_s,
                   waiting ? kVerdictPatience : watch::kPagePatience);
  return verdict.ok() ? Repeating(call, VerdictJson(*verdict)) : ProblemOf(verdict.error());
}

Response Api::GetSeries(const Call& call) {
  const Result<std::optional<int64_t>> minutes =
      call.Integer("minutes", watch::kChartMinutesMin, watch::kChartMinutesMax);
  if (!minutes.ok()) return ProblemOf(minutes.error());
  const std::optional<std::string_view> subject = call.Parameter("subject");
  const std::optional<std::string_view> statistic = call.Parameter("statistic");
  if (!subject || !statistic) {
    return Problem(400, "reading the parameters of a series: subject or statistic is missing; give both");
  }
  watch::ChartQuery query;
  query.service = call.names[0];
  query.environment = call.names[1];
  query.subject = *subject;
  query.field = call.Parameter("field").value_or("");
  query.statistic = *statistic;
  if (*minutes) query.minutes = **minutes;
  const Result<watch::Chart> chart = watch::ChartOf(store_, verdicts_, query, clock_());
  return chart.ok() ? Repeating(call, SeriesJson(*chart)) : ProblemOf(chart.error());
}

json::array Api::Notices() const {
  json::array notices;
  if (!ingest_.counters().writable) {
    notices.emplace_back(
        "Nothing new can be stored: see the server's log. Workers keep what they count and send it later.");
  }
  if (ingest_.fold_lag_ms() > ingest::kFoldLagMsMax) {
    notices.emplace_back(
        "Folding is more than five minutes behind. Workers keep what they count and send it later.");
  }
  const store::Condition condition = store_.condition();
  if (condition.forgotten_early_unix_ms > clock_() - kForgottenEarlyToldMs) {
    notices.emplace_back(
        "The database is at its limit of size: the oldest history is forgotten before its time. Raise "
        "database_gib_max, or shorten keep_days.");
  }
  const int64_t damaged = condition.damaged_rows;
  if (damaged > 0) {
    notices.emplace_back(std::to_string(damaged) + (damaged == 1 ? " stored row is" : " stored rows are") +
                         " damaged and left out of what is shown. Check the server's disk.");
  }
  return notices;
}

Response Api::GetMetrics(const Call&) {
  OwnHealth health;
  health.uptime_s = static_cast<double>(clock_() - started_) / 1000;
  health.fold_lag_s = static_cast<double>(ingest_.fold_lag_ms()) / 1000;
  health.data_folder_bytes = options_.data_folder.empty() ? 0 : FolderBytes(options_.data_folder);
  health.batches = ingest_.counters();
  health.store = store_.condition();
  health.gate = gate_.counters();
  health.watch = watch_.counts();
  return {200,
          kMetricsType,
          MetricsText(health, *options_.limits_met, ingest_.totals()),
          {{"Cache-Control", "no-store"}}};
}

// For whoever restarts a process that hangs: it answers.
Response Api::GetLive(const Call&) { return Json({{"status", "live"}}); }

// For whoever sends traffic: new batches are taken.
Response Api::GetReady(const Call&) {
  if (!ingest_.counters().writable)
    return ProblemRetryLater(
        503, "answering whether it is ready: the last batch could not be stored; see its log", 5);
  if (ingest_.fold_lag_ms() > ingest::kFoldLagMsMax) {
    return ProblemRetryLater(503, "answering whether it is ready: folding is more than five minutes behind",
                             30);
  }
  return Json({{"status", "ready"}});
}

Response Api::GetHealth(const Call&) {
  const ingest::Counters counters = ingest_.counters();
  const store::Condition condition = store_.condition();
  return Json({{"status", counters.writable ? "ready" : "read_only"},
               {"version", FIELDMARK_VERSION},
               {"uptime_s", static_cast<double>(clock_() - started_) / 1000},
               {"batches_applied", counters.applied},
               {"batches_duplicate", counters.duplicate},
               {"batches_rejected", counters.rejected},
               {"batches_postponed", counters.postponed},
               {"batches_clock_shifted", counters.clock_shifted},
               {"batches_clock_bad", counters.clock_bad},
               {"log_bytes", condition.log_bytes},
               {"fold_lag_s", static_cast<double>(ingest_.fold_lag_ms()) / 1000},
               {"damaged_rows", condition.damaged_rows},
               {"data_folder_bytes", options_.data_folder.empty() ? 0 : FolderBytes(options_.data_folder)}});
}

}  // namespace fieldmark::api
