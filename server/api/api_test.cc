// Every endpoint against openapi.yaml: statuses, and the keys that each schema requires.
#include "server/api/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <map>
#include <sstream>

#include "server/store/memory_store.h"
#include "server/store/temporary_folder.h"
#include "server/watch/fabricated_service.h"

namespace fieldmark::api {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using watch::kNoon;

// Schema → its required keys, read from the contract itself: four blanks and a name open a schema, six and
// "required: [" list its keys.
const std::map<std::string, std::vector<std::string>>& RequiredKeys() {
  static const auto required = [] {
    std::map<std::string, std::vector<std::string>> keys;
    std::ifstream file(std::string(FIELDMARK_SOURCE_DIR) + "/server/api/openapi.yaml");
    std::string line, schema;
    bool in_schemas = false;
    while (std::getline(file, line)) {
      if (line == "  schemas:") in_schemas = true;
      if (!in_schemas) continue;
      if (line.size() > 5 && line.starts_with("    ") && line[4] != ' ')
        schema = line.substr(4, line.find(':') - 4);
      constexpr std::string_view kRequired = "      required: [";
      if (!line.starts_with(kRequired)) continue;
      std::istringstream names(line.substr(kRequired.size(), line.find(']') - kRequired.size()));
      for (std::string name; std::getline(names >> std::ws, name, ',');) keys[schema].push_back(name);
    }
    return keys;
  }();
  return required;
}

void ExpectShape(const json::value& value, const std::string& schema) {
  ASSERT_TRUE(RequiredKeys().contains(schema)) << schema;
  ASSERT_TRUE(value.is_object()) << schema;
  for (const std::string& key : RequiredKeys().at(schema)) {
    EXPECT_TRUE(value.get_object().contains(key)) << schema << " lacks " << key;
  }
}

class ApiTest : public testing::Test {
 protected:
  Response Ask(const std::string& method, const std::string& target, std::string body = "",
               const std::string& content_type = "application/json",
               const std::string& host = "localhost:3435") {
    return api_.Handle(
        {method, target, {{"Host", host}, {"Content-Type", content_type}}, std::move(body), {}});
  }
  json::value MustGet(const std::string& target, const std::string& schema) {
    const Response response = Ask("GET", target);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.content_type, "application/json");
    json::value value = json::parse(response.body);
    ExpectShape(value, schema);
    return value;
  }
  void ExpectProblem(const Response& response, int status) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(response.content_type, "application/problem+json");
    const json::value problem = json::parse(response.body);
    ExpectShape(problem, "Problem");
    EXPECT_EQ(problem.at("status").as_int64(), status);
  }
  // A deployment ten minutes ago that broke a field.
  void RunBadDeployment() {
    watch::FabricatedService service(store_, "or/ders", "pro duction");
    service.Run("good", kNoon - 600, kNoon - 10);
    service.Run("bad", kNoon - 10, kNoon, {.null_share = 0.4});
  }

  const std::string base_ = "/api/v1/services/or%2Fders/pro%20duction";
  store::MemoryStore store_;
  UnixMs now_ = kNoon * kMsPerMinute;
  watch::Clock clock_ = [this] { return now_; };
  ingest::Ingest ingest_{store_, clock_};
  watch::Verdicts verdicts_{store_, clock_, *watch::LooksOf({300})};
  watch::Answers answers_{store_, verdicts_, clock_};
  access::Gate gate_{{}, clock_};
  Api api_{store_, ingest_, verdicts_, answers_, gate_, clock_};
};

TEST_F(ApiTest, ReadsTheContract) {
  EXPECT_THAT(RequiredKeys().at("Problem"), testing::ElementsAre("title", "status", "detail"));
  EXPECT_GE(RequiredKeys().size(), 14u);
}

TEST_F(ApiTest, IntroducesItselfToWorkers) {
  const Response response =
      Ask("POST", "/api/v1/hello", R"({"service":"orders","environment":"production"})");
  ASSERT_EQ(response.status, 200) << response.body;
  const json::value hello = json::parse(response.body);
  ExpectShape(hello, "HelloReply");
  EXPECT_EQ(hello.at("hash_key").as_string().size(), 32u);
  EXPECT_EQ(hello.at("formats"), json::value(json::array{2, 1}));
}

TEST_F(ApiTest, RefusesAnIntroductionThatIsNone) {
  for (const char* body :
       {"", "{", "[]", "{}", R"({"service":1,"environment":"x"})", R"({"service":"","environment":"x"})"}) {
    ExpectProblem(Ask("POST", "/api/v1/hello", body), 400);
  }
  ExpectProblem(Ask("POST", "/api/v1/hello", "{}", "text/plain"), 415);
  ExpectProblem(Ask("POST", "/api/v1/hello", std::string(5000, ' ')), 413);
}

TEST_F(ApiTest, AppendsABatchOnce) {
  bucket::Batch batch;
  batch.header.stream = {"production", "orders", "v1"};
  batch.header.sequence = 1;
  batch.header.sent_at_unix_ms = now_;
  batch.buckets[kNoon - 1]["GET /"].request.emplace().by_status[200] = 1;
  for (const char* outcome : {"applied", "duplicate"}) {
    const Response response =
        Ask("POST", "/api/v1/batches", bucket::EncodeBatch(batch), "application/vnd.fieldmark.batch");
    ASSERT_EQ(response.status, 200) << response.body;
    const json::value reply = json::parse(response.body);
    ExpectShape(reply, "BatchReply");
    EXPECT_EQ(reply.at("outcome").as_string(), outcome);
  }
  ExpectProblem(Ask("POST", "/api/v1/batches", "damaged", "application/vnd.fieldmark.batch"), 400);
  ExpectProblem(Ask("POST", "/api/v1/batches", bucket::EncodeBatch(batch)), 415);
}

TEST_F(ApiTest, ReadsTheSendersClock) {
  bucket::Batch batch;
  batch.header.stream = {"production", "orders", "v1"};
  batch.header.sequence = 1;
  batch.header.sent_at_unix_ms = now_ - 7'200'000;
  batch.buckets[kNoon - 120]["GET /"].request.emplace().by_status[200] = 1;
  const Request request{"POST",
                        "/api/v1/batches",
                        {{"Host", "localhost"},
                         {"Content-Type", "application/vnd.fieldmark.batch"},
                         {"Fieldmark-Clock", std::to_string(now_)}},
                        bucket::EncodeBatch(batch)};
  EXPECT_EQ(api_.Handle(request).status, 200);
  EXPECT_EQ((*store_.Streams())[0].first_minute, kNoon - 120);
}

TEST_F(ApiTest, ListsServices) {
  EXPECT_TRUE(MustGet("/api/v1/services", "ServiceList").at("services").as_array().empty());
  RunBadDeployment();
  const json::value list = MustGet("/api/v1/services", "ServiceList");
  ASSERT_EQ(list.at("services").as_array().size(), 1u);
  const json::value& service = list.at("services").as_array()[0];
  ExpectShape(service, "ServiceSummary");
  EXPECT_EQ(service.at("service").as_string(), "or/ders");
  EXPECT_EQ(service.at("state").as_string(), "bad");
  EXPECT_EQ(service.at("version").as_string(), "bad");
  EXPECT_GT(service.at("findings").to_number<int>(), 0);
}

TEST_F(ApiTest, GivesTheFourAnswersAndTheVerdict) {
  RunBadDeployment();
  const json::value status = MustGet(base_ + "/status", "Status");
  ASSERT_EQ(status.at("answers").as_array().size(), 4u);
  for (const json::value& answer : status.at("answers").as_array()) ExpectShape(answer, "Answer");
  ExpectShape(status.at("verdict"), "Verdict");
  EXPECT_EQ(status.at("last_data_at").as_string(), "2026-02-02T12:00:00Z");
}

TEST_F(ApiTest, ListsChangesNewestFirst) {
  RunBadDeployment();
  const json::value list = MustGet(base_ + "/changes", "ChangeList");
  const json::array& changes = list.at("changes").as_array();
  ASSERT_EQ(changes.size(), 2u);
  for (const json::value& change : changes) ExpectShape(change, "Change");
  EXPECT_EQ(changes[0].at("to_version").as_string(), "bad");
  EXPECT_EQ(changes[0].at("from_version").as_string(), "good");
  EXPECT_EQ(changes[0].at("first_seen_at").as_string(), "2026-02-02T11:50:00Z");
  EXPECT_EQ(changes[0].at("rollback").as_string(), "go back to good");
  EXPECT_TRUE(changes[1].at("from_version").is_null());
}

TEST_F(ApiTest, JudgesAChange) {
  RunBadDeployment();
  const json::value verdict = MustGet(base_ + "/verdict?change=bad&look_s=300", "Verdict");
  EXPECT_EQ(verdict.at("state").as_string(), "changed");
  EXPECT_EQ(verdict.at("look_s").to_number<int>(), 300);
  ExpectShape(verdict.at("change"), "Change");
  ASSERT_FALSE(verdict.at("findings").as_array().empty());
  for (const json::value& finding : verdict.at("findings").as_array()) {
    ExpectShape(finding, "Finding");
    EXPECT_EQ(finding.at("since").as_array().size(), 2u);
  }
}

TEST_F(ApiTest, ChecksParameters) {
  RunBadDeployment();
  for (const char* query : {"/verdict?look_s=29", "/verdict?look_s=86401", "/verdict?look_s=1h",
                            "/verdict?look_s=", "/series?subject=&statistic=requests&minutes=4",
                            "/series?subject=&statistic=requests&minutes=20161", "/series?statistic=requests",
                            "/series?subject=x", "/series?subject=&statistic=null"}) {
    ExpectProblem(Ask("GET", base_ + query), 400);
  }
  ExpectProblem(Ask("GET", base_ + "/verdict?change=nothing"), 404);
  ExpectProblem(Ask("GET", "/api/v1/services/nobody/here/status"), 404);
}

TEST_F(ApiTest, DrawsASignalWhoseNameIsEncodedEitherWay) {
  RunBadDeployment();
  for (const char* subject : {"POST+%2Forders+request", "POST%20/orders%20request"}) {
    const json::value series =
        MustGet(base_ + "/series?subject=" + subject + "&field=customer.phone&statistic=null&minutes=30",
                "SeriesReply");
    EXPECT_EQ(series.at("signal").as_string(), "POST /orders request customer.phone null");
    ASSERT_EQ(series.at("values").as_array().size(), 30u);
    EXPECT_TRUE(series.at("values").as_array()[29].is_double());
    EXPECT_EQ(series.at("changes").as_array().size(), 1u);
  }
}

TEST_F(ApiTest, ReportsItsHealth) {
  EXPECT_TRUE(MustGet("/api/v1/services", "ServiceList").at("notices").as_array().empty());
  const json::value health = MustGet("/health", "Health");
  EXPECT_EQ(health.at("status").as_string(), "ready");
}

TEST_F(ApiTest, SaysWhetherItLivesAndIsReady) {
  EXPECT_EQ(MustGet("/health/live", "Alive").at("status").as_string(), "live");
  EXPECT_EQ(MustGet("/health/ready", "Alive").at("status").as_string(), "ready");
  EXPECT_EQ(api_.LaneOf({"GET", "/health/live", {}, "", {}}), Lane::kWrite) << "not behind what is judged";
}

TEST_F(ApiTest, CountsForPrometheus) {
  bucket::Batch batch;
  batch.header.stream = {"production", "or\"ders\\", "v1"};
  batch.header.instance = {1};
  batch.header.sequence = 1;
  batch.header.sent_at_unix_ms = clock_();
  bucket::RequestSummary& request = batch.buckets[MinuteOf(clock_())]["GET /"].request.emplace();
  request.by_status[200] = 3;
  for (const double latency_ms : {1.5, 3.0, 100.0}) request.last_byte_ms.Add(latency_ms);
  ASSERT_EQ(ingest_.Append(ingest::kBatchType, bucket::EncodeBatch(batch)).status, 200);
  ASSERT_EQ(ingest_.Append(ingest::kBatchType, bucket::EncodeBatch(batch)).outcome,
            store::Append::kDuplicate);
  const Response response = Ask("GET", "/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.content_type, HasSubstr("version=0.0.4"));
  const std::string labels = R"({service="or\"ders\\",environment="production",)";
  for (const std::string& line :
       {std::string("fieldmark_batches_total{outcome=\"applied\"} 1"),
        std::string("fieldmark_batches_total{outcome=\"duplicate\"} 1"), std::string("fieldmark_writable 1"),
        "fieldmark_requests_total" + labels + "status=\"2xx\"} 3",
        "fieldmark_request_duration_seconds_bucket" + labels + "le=\"0.001\"} 0",
        "fieldmark_request_duration_seconds_bucket" + labels + "le=\"0.002\"} 1",
        "fieldmark_request_duration_seconds_bucket" + labels + "le=\"0.004\"} 2",
        "fieldmark_request_duration_seconds_bucket" + labels + "le=\"0.128\"} 3",
        "fieldmark_request_duration_seconds_bucket" + labels + "le=\"+Inf\"} 3"}) {
    EXPECT_THAT(response.body, HasSubstr("\n" + line + "\n"));
  }
}

TEST_F(ApiTest, KnowsItsPathsAndMethods) {
  ExpectProblem(Ask("GET", "/api/v1/nothing"), 404);
  ExpectProblem(Ask("GET", "/api"), 404);
  ExpectProblem(Ask("GET", "no path"), 400);
  ExpectProblem(Ask("GET", "/%zz"), 400);
  const Response response = Ask("DELETE", "/api/v1/services");
  ExpectProblem(response, 405);
  EXPECT_THAT(response.headers, testing::Contains(std::pair<std::string, std::string>("Allow", "GET, HEAD")));
  ExpectProblem(Ask("GET", "/api/v1/batches"), 405);
  ExpectProblem(Ask("POST", "/"), 405);
  EXPECT_EQ(Ask("HEAD", "/health").status, 200);
}

// The same API behind tokens.
class GuardedApiTest : public ApiTest {
 protected:
  GuardedApiTest() {
    EXPECT_TRUE(guard_.Open().ok());
    read_ = Make({}), write_ = Make({{}, access::TokenKind::kIngest, "orders", "production", {}, 0, {}});
  }
  std::string Make(const access::Token& wanted) {
    const auto made = access::CreateToken(folder_.path(), wanted, 0);
    EXPECT_TRUE(made.ok());
    return made->text;
  }
  using Headers = std::vector<std::pair<std::string, std::string>>;
  int StatusOf(const std::string& method, const std::string& target, Headers headers, std::string body = "") {
    headers.emplace_back("Host", "localhost");
    last_ = guarded_.Handle({method, target, std::move(headers), std::move(body), "10.0.0.9"});
    return last_.status;
  }
  static Headers Bearer(const std::string& token) { return {{"Authorization", "Bearer " + token}}; }
  std::string Cookie() {
    for (const auto& [name, value] : last_.headers) {
      if (name == "Set-Cookie") return value;
    }
    return "";
  }
  std::string BatchOf(const std::string& service) {
    bucket::Batch batch;
    batch.header.stream = {"production", service, "v1"};
    batch.header.instance = {1};
    batch.header.sequence = 1;
    batch.header.sent_at_unix_ms = clock_();
    return bucket::EncodeBatch(batch);
  }

  store::TemporaryFolder folder_;
  access::Gate guard_{{folder_.path(), false, "X-User", {"10.0.0.9"}}, clock_};
  Api guarded_{store_, ingest_, verdicts_, answers_, guard_, clock_, {folder_.path(), {}}};
  std::string read_, write_;
  Response last_;
};

TEST_F(GuardedApiTest, NeedsATokenOfTheRightKindEverywhereButForThePage) {
  for (const char* target :
       {"/api/v1/services", "/api/v1/services/orders/production/status", "/health", "/metrics",
        "/api/v1/services/orders/production/changes", "/api/v1/services/orders/production/verdict",
        "/api/v1/services/orders/production/series?subject=&statistic=requests"}) {
    SCOPED_TRACE(target);
    EXPECT_EQ(StatusOf("GET", target, {}), 401);
    ExpectProblem(last_, 401);
    EXPECT_THAT(last_.headers, testing::Contains(testing::Pair("WWW-Authenticate", HasSubstr("Bearer"))));
    EXPECT_EQ(StatusOf("HEAD", target, {}), 401);
    EXPECT_EQ(StatusOf("GET", target, Bearer(write_)), 403);
    EXPECT_EQ(StatusOf("GET", target, Bearer("fm_00000000_x")), 401);
    EXPECT_THAT(StatusOf("GET", target, Bearer(read_)), testing::AnyOf(200, 404));
  }
  EXPECT_EQ(StatusOf("GET", "/health/live", {}), 200);
  EXPECT_EQ(StatusOf("GET", "/health/ready", {}), 200);
  EXPECT_NE(StatusOf("GET", "/", {}), 401) << "the page has no data in it, and asks for the token";
}

TEST_F(GuardedApiTest, AnIngestTokenWritesForItsServiceAlone) {
  const auto batch = [&](Headers headers, const std::string& service) {
    headers.emplace_back("Content-Type", std::string(ingest::kBatchType));
    return StatusOf("POST", "/api/v1/batches", std::move(headers), BatchOf(service));
  };
  EXPECT_EQ(batch({}, "orders"), 401);
  EXPECT_EQ(batch(Bearer(read_), "orders"), 403);
  EXPECT_EQ(batch(Bearer(write_), "payments"), 403);
  EXPECT_TRUE(store_.Streams()->empty());
  EXPECT_EQ(batch(Bearer(write_), "orders"), 200);
  Headers json = Bearer(write_);
  json.emplace_back("Content-Type", "application/json");
  EXPECT_EQ(StatusOf("POST", "/api/v1/hello", json, R"({"service":"payments","environment":"production"})"),
            403);
  EXPECT_EQ(StatusOf("POST", "/api/v1/hello", json, R"({"service":"orders","environment":"production"})"),
            200);
}

TEST_F(GuardedApiTest, APersonLogsInAndOut) {
  const Headers json = {{"Content-Type", "application/json"}};
  EXPECT_EQ(StatusOf("POST", "/api/v1/session", {}, "{}"), 415);
  EXPECT_EQ(StatusOf("POST", "/api/v1/session", json, "{}"), 400);
  EXPECT_EQ(StatusOf("POST", "/api/v1/session", json, R"({"token":")" + write_ + "\"}"), 403);
  ASSERT_EQ(StatusOf("POST", "/api/v1/session", json, R"({"token":")" + read_ + "\"}"), 204);
  const std::string cookie = Cookie();
  for (const char* part : {"fieldmark_session=", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=604800"}) {
    EXPECT_THAT(cookie, HasSubstr(part));
  }
  EXPECT_THAT(cookie, testing::Not(HasSubstr("Secure")));
  const Headers session = {{"Cookie", "other=1; " + cookie.substr(0, cookie.find(';'))}};
  EXPECT_EQ(StatusOf("GET", "/api/v1/services", session), 200);
  EXPECT_EQ(StatusOf("POST", "/api/v1/batches", session, BatchOf("orders")), 401) << "a cookie only reads";
  EXPECT_EQ(StatusOf("DELETE", "/api/v1/session", session), 204);
  EXPECT_EQ(StatusOf("GET", "/api/v1/services", session), 401);

  Headers over_tls = json;
  over_tls.emplace_back("X-Forwarded-Proto", "https");
  ASSERT_EQ(StatusOf("POST", "/api/v1/session", over_tls, R"({"token":")" + read_ + "\"}"), 204);
  EXPECT_THAT(Cookie(), HasSubstr("; Secure"));
  std::ifstream log(folder_.path() + "/audit.log");
  const std::string audit{std::istreambuf_iterator<char>(log), {}};
  EXPECT_THAT(audit, HasSubstr("logged in"));
  EXPECT_THAT(audit, HasSubstr("logged out"));
  EXPECT_THAT(audit, testing::Not(HasSubstr(read_.substr(12))));
}

TEST_F(GuardedApiTest, AProxyOfOursNamesWhoReads) {
  EXPECT_EQ(StatusOf("GET", "/api/v1/services", {{"X-User", "ada"}}), 200);
  EXPECT_EQ(
      guarded_.Handle({"GET", "/api/v1/services", {{"Host", "localhost"}, {"X-User", "ada"}}, "", "10.0.0.8"})
          .status,
      401);
}

TEST_F(ApiTest, ChangesNothingForAnotherSitesPage) {
  const auto with = [&](const char* name, const char* value) {
    return api_.Handle({"DELETE", "/api/v1/session", {{"Host", "localhost:3435"}, {name, value}}, "", ""})
        .status;
  };
  EXPECT_EQ(with("Accept", "*/*"), 204);
  EXPECT_EQ(with("Origin", "http://localhost:3435"), 204);
  EXPECT_EQ(with("Sec-Fetch-Site", "same-origin"), 204);
  EXPECT_EQ(with("Origin", "http://evil.example"), 403);
  EXPECT_EQ(with("Origin", "http://localhost:8000"), 403);
  EXPECT_EQ(with("Origin", "null"), 403);
  EXPECT_EQ(with("Sec-Fetch-Site", "cross-site"), 403);
  EXPECT_EQ(with("Sec-Fetch-Site", "same-site"), 403);
}

TEST_F(ApiTest, AnswersNoHostButThisMachine) {
  ExpectProblem(Ask("GET", "/health", "", "", "rebound.example:3435"), 421);
  ExpectProblem(Ask("POST", "/api/v1/hello", "{}", "application/json", ""), 421);
}

TEST_F(ApiTest, ServesThePageForItsOwnRoutes) {
  const Response index = Ask("GET", "/");
  EXPECT_EQ(index.status, 200);
  EXPECT_EQ(index.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(index.headers,
              testing::Contains(testing::Pair("Content-Security-Policy", HasSubstr("script-src 'self'"))));
  EXPECT_EQ(Ask("GET", "/s/or%2Fders/production").body, index.body);
  ExpectProblem(Ask("GET", "/assets/no-such.js"), 404);

  const auto etag = std::find_if(index.headers.begin(), index.headers.end(),
                                 [](const auto& header) { return header.first == "ETag"; });
  ASSERT_NE(etag, index.headers.end());
  const Response again =
      api_.Handle({"GET", "/", {{"Host", "localhost"}, {"If-None-Match", etag->second}}, ""});
  EXPECT_EQ(again.status, 304);
  EXPECT_TRUE(again.body.empty());
}

TEST_F(ApiTest, RunsWritesApartFromReads) {
  EXPECT_EQ(api_.LaneOf({"POST", "/api/v1/batches", {}, ""}), Lane::kWrite);
  EXPECT_EQ(api_.LaneOf({"GET", "/api/v1/services", {}, ""}), Lane::kRead);
}

}  // namespace
}  // namespace fieldmark::api
