// Every endpoint against openapi.yaml: statuses, and the keys that each schema requires.
#include "server/api/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <map>
#include <sstream>

#include "server/api/json_out.h"
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
  Response Announce(const std::string& body, const std::string& method = "POST", const std::string& id = "") {
    return Ask(method, base_ + "/changes" + id, body);
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
  watch::Answers answers_{store_, verdicts_, clock_, std::nullopt};
  access::Gate gate_{{}, clock_};
  watch::Watch watch_{store_, verdicts_, clock_};
  Api api_{store_, ingest_, verdicts_, answers_, watch_, gate_, clock_};
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
  EXPECT_TRUE(status.at("verdict").at("moments").is_null());
  for (int64_t hours = 2; hours < 32; ++hours)
    ASSERT_TRUE(
        store_.SaveMoment({"pro duction", "or/ders", (kNoon - hours * 60) * kMsPerMinute, 3600, 100}).ok());
  const json::value moments = MustGet(base_ + "/verdict", "Verdict").at("moments");
  ExpectShape(moments, "Moments");
  EXPECT_EQ(moments.at("asked"), 28) << "two are near the beginning of the first version";
  EXPECT_EQ(moments.at("flagged"), 0);
  EXPECT_EQ(status.at("last_data_at").as_string(), "2026-02-02T12:00:00Z");
}

TEST_F(ApiTest, ListsIncidentsAndGivesThoseOfADayWithTheStatus) {
  watch::FabricatedService(store_, "or/ders", "pro duction").Run("good", kNoon - 60, kNoon);
  for (const UnixMs over_at : {(kNoon - 2000) * kMsPerMinute, (kNoon - 90) * kMsPerMinute, UnixMs{0}}) {
    store::Incident incident;
    incident.service = "or/ders";
    incident.environment = "pro duction";
    incident.signal = "POST /orders latency";
    incident.direction = "worse";
    incident.also = {"GET /orders latency"};
    incident.found_at = incident.seen_at = (kNoon - 100) * kMsPerMinute;
    incident.over_at = over_at;
    incident.settled = over_at == (kNoon - 90) * kMsPerMinute;
    ASSERT_TRUE(store_.SaveIncident(incident).ok());
  }
  const json::value list = MustGet(base_ + "/incidents", "IncidentList");
  ASSERT_EQ(list.at("incidents").as_array().size(), 3u);
  for (const json::value& incident : list.at("incidents").as_array()) ExpectShape(incident, "Incident");
  EXPECT_EQ(list.at("incidents").at(0).at("state").as_string(), "lasts");
  EXPECT_TRUE(list.at("incidents").at(0).at("over_at").is_null());
  EXPECT_EQ(list.at("incidents").at(0).at("also").at(0).as_string(), "GET /orders latency");
  EXPECT_EQ(list.at("incidents").at(1).at("state").as_string(), "settled");
  EXPECT_EQ(list.at("incidents").at(2).at("state").as_string(), "over");
  const json::value second = MustGet(base_ + "/incidents?limit=1", "IncidentList").at("next");
  const json::value page =
      MustGet(base_ + "/incidents?limit=1&cursor=" + std::string(second.as_string()), "IncidentList");
  EXPECT_EQ(page.at("incidents").at(0), list.at("incidents").at(1));
  const json::value status = MustGet(base_ + "/status", "Status");
  EXPECT_EQ(status.at("incidents").as_array().size(), 2u);
  EXPECT_EQ(status.at("incidents_total").to_number<int>(), 2);
  ExpectProblem(Ask("GET", "/api/v1/services/nobody/here/incidents"), 404);
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

TEST_F(ApiTest, WhatIsAnnouncedOfADeploymentStandsWithIt) {
  RunBadDeployment();
  const Response announced =
      Announce(R"({"title":"release 2","version":"bad","at":"2026-02-02T11:48:00Z","owner":"ada",)"
               R"("url":"https://ci.example.org/7","rollback":"helm rollback 41","expected":"nothing"})");
  ASSERT_EQ(announced.status, 201) << announced.body;
  const json::value kept = json::parse(announced.body);
  ExpectShape(kept, "Change");
  EXPECT_TRUE(kept.at("first_seen_at").is_null());
  const json::value first = MustGet(base_ + "/changes", "ChangeList").at("changes").at(0);
  EXPECT_EQ(first.at("id"), kept.at("id"));
  EXPECT_EQ(first.at("title").as_string(), "release 2");
  EXPECT_EQ(first.at("at").as_string(), "2026-02-02T11:50:00Z") << "as it was observed";
  EXPECT_EQ(first.at("rollback").as_string(), "helm rollback 41");
  now_ += 11'000;  // what was read of the service is kept for ten seconds
  EXPECT_EQ(MustGet(base_ + "/verdict", "Verdict").at("change").at("title").as_string(), "release 2");
  EXPECT_EQ(MustGet(base_ + "/status", "Status").at("verdict").at("change").at("owner").as_string(), "ada");
}

TEST_F(ApiTest, AmendsWhatWasAnnouncedAndLeavesTheRest) {
  ASSERT_EQ(Announce(R"({"title":"add an index","kind":"migration","owner":"ada"})").status, 201);
  now_ += 60'000;
  const Response amended = Announce(R"({"expected":"orders are faster","owner":""})", "PATCH", "/1");
  ASSERT_EQ(amended.status, 200) << amended.body;
  const json::value change = MustGet(base_ + "/changes", "ChangeList").at("changes").at(0);
  EXPECT_EQ(change, json::parse(amended.body));
  EXPECT_EQ(change.at("title").as_string(), "add an index");
  EXPECT_EQ(change.at("expected").as_string(), "orders are faster");
  EXPECT_EQ(change.at("owner").as_string(), "");
  EXPECT_EQ(change.at("kind").as_string(), "migration");
  EXPECT_EQ(change.at("announced_at").as_string(), "2026-02-02T12:00:00Z");
  EXPECT_EQ(change.at("amended_at").as_string(), "2026-02-02T12:01:00Z");
  ExpectProblem(Announce("{}", "PATCH", "/2"), 404);
  ExpectProblem(Announce("{}", "PATCH", "/one"), 404);
}

TEST_F(ApiTest, RefusesAnAnnouncementThatIsNone) {
  for (const char* body :
       {"", "[]", "{}", R"({"title":1})", R"({"title":"x","tilte":"y"})", R"({"title":"x","at":"now"})",
        R"({"title":"x","kind":"party"})", R"({"title":"x","url":"javascript:x"})", R"({"title":"a\nb"})"}) {
    ExpectProblem(Announce(body), 400);
  }
  ExpectProblem(Announce(R"({"title":")" + std::string(17'000, 'x') + "\"}"), 413);
  ExpectProblem(Ask("POST", base_ + "/changes", "{}", "text/plain"), 415);
  ExpectProblem(Ask("POST", "/api/v1/services/a%0Ab/x/changes", R"({"title":"x"})"), 400);
  ExpectProblem(Ask("GET", base_ + "/changes"), 404);
}

TEST_F(ApiTest, AnAnnouncedMigrationIsDrawnIntoCharts) {
  RunBadDeployment();
  ASSERT_EQ(Announce(R"({"title":"add an index","kind":"migration","at":"2026-02-02T11:45:00Z"})").status,
            201);
  const json::value series = MustGet(base_ + "/series?subject=&statistic=requests", "SeriesReply");
  ASSERT_EQ(series.at("changes").as_array().size(), 2u);
  EXPECT_EQ(series.at("changes").at(1).at("title").as_string(), "add an index");
  EXPECT_TRUE(series.at("changes").at(1).at("to_version").is_null());
}

TEST_F(ApiTest, GivesListsInPagesThatMissNothing) {
  for (int i = 0; i < 7; ++i) {
    ASSERT_EQ(Announce(R"({"kind":"job","title":"run )" + std::to_string(i) + "\"}").status, 201);
    watch::FabricatedService(store_, "service " + std::to_string(i)).Run("a", kNoon - 1, kNoon);
  }
  for (const auto& [target, name] : {std::pair<std::string, const char*>{"/api/v1/services", "services"},
                                     {base_ + "/changes", "changes"}}) {
    SCOPED_TRACE(name);
    const json::array whole = json::parse(Ask("GET", target).body).at(name).as_array();
    json::array seen;
    std::string query = "?limit=3";
    for (int pages = 0; pages < 4 && !query.empty(); ++pages) {
      const json::value page = json::parse(Ask("GET", target + query).body);
      EXPECT_LE(page.at(name).as_array().size(), 3u);
      EXPECT_EQ(page.at("total").to_number<int>(), 7);
      for (const json::value& entry : page.at(name).as_array()) seen.push_back(entry);
      query = page.at("next").is_null() ? "" : "?limit=3&cursor=" + std::string(page.at("next").as_string());
    }
    EXPECT_EQ(seen, whole);
    for (const char* wrong :
         {"?limit=0", "?limit=501", "?limit=x", "?limit=", "?cursor=xyz", "?cursor=", "?cursor=616"})
      ExpectProblem(Ask("GET", target + wrong), 400);
  }
}

TEST_F(ApiTest, ListsWhatAServiceHas) {
  RunBadDeployment();
  const json::value subjects = MustGet(base_ + "/subjects", "SubjectList");
  EXPECT_EQ(subjects.at("subjects"), json::value(json::array({"POST /orders", "POST /orders request"})));
  const std::string fields = base_ + "/fields?subject=POST%20/orders%20request";
  const json::value list = MustGet(fields + "&limit=2", "FieldList");
  EXPECT_GT(list.at("documents").to_number<int>(), 100'000);
  ASSERT_EQ(list.at("fields").as_array().size(), 2u);
  ExpectShape(list.at("fields").at(0), "Field");
  EXPECT_EQ(list.at("fields").at(0).at("path").as_string(), "");
  const json::value rest =
      MustGet(fields + "&cursor=" + std::string(list.at("next").as_string()), "FieldList");
  bool found = false;
  for (const json::value& field : rest.at("fields").as_array()) {
    if (field.at("path").as_string() != "customer.phone") continue;
    found = true;
    EXPECT_GT(field.at("nulls").to_number<int>(), 500);
    EXPECT_EQ(field.at("missing_max").to_number<int>(), 0);
  }
  EXPECT_TRUE(found);
  ExpectProblem(Ask("GET", base_ + "/fields"), 400);
  ExpectProblem(Ask("GET", base_ + "/fields?subject=never"), 404);
  ExpectProblem(Ask("GET", fields + "&minutes=59"), 400);
  ExpectProblem(Ask("GET", "/api/v1/services/nobody/here/subjects"), 404);
}

TEST_F(ApiTest, SaysThatNothingIsNewToWhomHasIt) {
  RunBadDeployment();
  for (const std::string& target :
       {std::string("/api/v1/services"), base_ + "/status", base_ + "/changes", base_ + "/verdict",
        base_ + "/subjects", base_ + "/fields?subject=POST%20/orders%20request",
        base_ + "/series?subject=POST%20/orders%20request&field=customer.phone&statistic=null"}) {
    SCOPED_TRACE(target);
    const auto etag_of = [](const Response& response) {
      for (const auto& [name, value] : response.headers) {
        if (name == "ETag") return value;
      }
      return std::string();
    };
    const Response first = Ask("GET", target);
    const std::string etag = etag_of(first);
    ASSERT_TRUE(etag.starts_with("W/\"")) << etag;
    now_ += 1000;  // the time is another one, and nothing else
    const Response again = api_.Handle(
        {"GET", target, {{"Host", "localhost"}, {"If-None-Match", "\"other\", " + etag}}, "", {}});
    EXPECT_EQ(again.status, 304) << again.body << "\n" << first.body;
    EXPECT_TRUE(again.body.empty());
    EXPECT_EQ(etag_of(again), etag);
    now_ -= 1000;
  }
  const Response before = Ask("GET", base_ + "/changes");
  ASSERT_EQ(Announce(R"({"title":"x"})").status, 201);
  EXPECT_NE(Ask("GET", base_ + "/changes").headers, before.headers);
}

TEST_F(ApiTest, ForgetsAFieldAndAService) {
  RunBadDeployment();
  const Response field =
      Ask("DELETE", "/api/v1/services/or%2Fders?field=customer.phone&environment=pro%20duction");
  ASSERT_EQ(field.status, 200) << field.body;
  ExpectShape(json::parse(field.body), "Forgotten");
  EXPECT_THAT(Ask("GET", base_ + "/fields?subject=POST%20/orders%20request").body,
              testing::Not(HasSubstr("customer.phone")));
  ExpectProblem(Ask("DELETE", "/api/v1/services/or%2Fders?environment=elsewhere"), 404);
  ExpectProblem(Ask("DELETE", "/api/v1/services/or%2Fders?environment="), 400);
  EXPECT_EQ(Ask("GET", base_ + "/status").status, 200);
  ASSERT_EQ(Ask("DELETE", "/api/v1/services/or%2Fders").status, 200);
  ExpectProblem(Ask("GET", base_ + "/status"), 404);
  ExpectProblem(Ask("DELETE", "/api/v1/services/or%2Fders"), 404);
}

// "GET /api/v1/services/{}/{}/status" of the contract: two blanks and a slash open a path, four and a method
// an operation.
std::vector<std::string> RoutesOfTheContract() {
  std::vector<std::string> routes;
  std::ifstream file(std::string(FIELDMARK_SOURCE_DIR) + "/server/api/openapi.yaml");
  std::string line, path;
  while (std::getline(file, line) && line != "components:") {
    if (line.starts_with("  /")) {
      path.clear();
      bool in_name = false;
      for (const char c : line.substr(2, line.size() - 3)) {
        if (c == '}') in_name = false;
        if (!in_name) path += c;
        if (c == '{') in_name = true;
      }
    }
    for (const char* method : {"get", "post", "patch", "put", "delete"}) {
      if (line != std::string("    ") + method + ":") continue;
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
      routes.push_back(upper + " " + path);
    }
  }
  return routes;
}

TEST(ContractTest, NamesEveryRouteThatIsServedAndNoOther) {
  EXPECT_GE(RoutesOfTheContract().size(), 19u);
  EXPECT_THAT(Api::Routes(), testing::UnorderedElementsAreArray(RoutesOfTheContract()));
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

TEST_F(ApiTest, SaysOfAVerdictThatIsBeingMadeThatItIs) {
  watch::DeploymentVerdict verdict;
  verdict.judging = true;
  const json::object shown = VerdictJson(verdict);
  ExpectShape(shown, "Verdict");
  EXPECT_EQ(shown.at("state").as_string(), "judging");
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
        "fieldmark_request_duration_seconds_bucket" + labels + "le=\"0.0009765625\"} 0",
        "fieldmark_request_duration_seconds_bucket" + labels + "le=\"0.001953125\"} 1",
        "fieldmark_request_duration_seconds_bucket" + labels + "le=\"0.00390625\"} 2",
        "fieldmark_request_duration_seconds_bucket" + labels + "le=\"0.125\"} 3",
        "fieldmark_request_duration_seconds_bucket" + labels + "le=\"+Inf\"} 3"}) {
    EXPECT_THAT(response.body, HasSubstr("\n" + line + "\n"));
  }
}

TEST_F(ApiTest, KnowsItsPathsAndMethods) {
  ExpectProblem(Ask("GET", "/api/v1/nothing"), 404);
  ExpectProblem(Ask("GET", "/api"), 404);
  ExpectProblem(Ask("GET", "no path"), 400);
  ExpectProblem(Ask("GET", "/%zz"), 400);
  ExpectProblem(Ask("GET", "/api/v1/services/%ff%fe/c/status"), 400);
  ExpectProblem(Ask("GET", base_ + "/fields?subject=%ff"), 400);
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

  std::string AuditLog() const {
    std::ifstream log(folder_.path() + "/audit.log");
    return {std::istreambuf_iterator<char>(log), {}};
  }

  store::TemporaryFolder folder_;
  access::Gate guard_{{folder_.path(), false, "X-User", {"10.0.0.9"}}, clock_};
  Api guarded_{store_, ingest_, verdicts_, answers_, watch_, guard_, clock_, {folder_.path(), {}}};
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
  const std::string audit = AuditLog();
  EXPECT_THAT(audit, HasSubstr("logged in"));
  EXPECT_THAT(audit, HasSubstr("logged out"));
  EXPECT_THAT(audit, testing::Not(HasSubstr(read_.substr(12))));
}

TEST_F(GuardedApiTest, AChangeIsAnnouncedByWhoWritesForTheService) {
  const auto announce = [&](Headers headers, const std::string& service) {
    headers.emplace_back("Content-Type", "application/json");
    return StatusOf("POST", "/api/v1/services/" + service + "/production/changes", std::move(headers),
                    R"({"title":"secret-plan"})");
  };
  const std::string admin = Make({{}, access::TokenKind::kAdmin, {}, {}, {}, 0, {}});
  EXPECT_EQ(announce({}, "orders"), 401);
  EXPECT_EQ(announce(Bearer(read_), "orders"), 403);
  EXPECT_EQ(announce(Bearer(write_), "payments"), 403);
  EXPECT_EQ(announce({{"X-User", "ada"}}, "orders"), 401) << "a proxy's person reads alone";
  EXPECT_EQ(announce(Bearer(write_), "orders"), 201);
  EXPECT_EQ(announce(Bearer(admin), "payments"), 201);
  const auto amend = [&](const std::string& token) {
    return StatusOf("PATCH", "/api/v1/services/orders/production/changes/1",
                    {{"Authorization", "Bearer " + token}, {"Content-Type", "application/json"}}, "{}");
  };
  EXPECT_EQ(amend(read_), 403);
  EXPECT_EQ(amend(write_), 200);
  const std::string audit = AuditLog();
  for (const char* part : {"change announced", "change amended", "\"change\":\"1\"", "10.0.0.9"})
    EXPECT_THAT(audit, HasSubstr(part));
  EXPECT_THAT(audit, testing::Not(HasSubstr("secret-plan")));
}

TEST_F(GuardedApiTest, OnlyAnAdminErases) {
  const std::string admin = Make({{}, access::TokenKind::kAdmin, {}, {}, {}, 0, {}});
  watch::FabricatedService(store_).Run("a", kNoon - 2, kNoon);
  const auto erase = [&](Headers headers) {
    return StatusOf("DELETE", "/api/v1/services/orders?field=customer.phone", std::move(headers));
  };
  EXPECT_EQ(erase({}), 401);
  EXPECT_EQ(erase({{"X-User", "ada"}}), 401);
  EXPECT_EQ(erase(Bearer(read_)), 403);
  EXPECT_EQ(erase(Bearer(write_)), 403);
  Headers crossed = Bearer(admin);
  crossed.emplace_back("Origin", "http://evil.example");
  EXPECT_EQ(erase(crossed), 403);
  EXPECT_THAT(AuditLog(), testing::Not(HasSubstr("forgotten")));
  EXPECT_EQ(erase(Bearer(admin)), 200);
  EXPECT_THAT(
      AuditLog(),
      HasSubstr(R"("action":"forgotten","service":"orders","environment":"","field":"customer.phone")"));
  EXPECT_EQ(StatusOf("GET", "/api/v1/services", Bearer(admin)), 200);
  const Headers batch = {{"Authorization", "Bearer " + admin},
                         {"Content-Type", std::string(ingest::kBatchType)}};
  EXPECT_EQ(StatusOf("POST", "/api/v1/batches", batch, BatchOf("orders")), 403);
}

TEST_F(GuardedApiTest, SaysWhoAsks) {
  const auto kind = [&](Headers headers) {
    EXPECT_EQ(StatusOf("GET", "/api/v1/session", std::move(headers)), 200);
    return std::string(json::parse(last_.body).at("kind").as_string());
  };
  EXPECT_EQ(kind({}), "nobody");
  EXPECT_EQ(kind(Bearer(read_)), "token");
  EXPECT_EQ(kind({{"X-User", "ada"}}), "proxy");
  ASSERT_EQ(StatusOf("POST", "/api/v1/session", {{"Content-Type", "application/json"}},
                     R"({"token":")" + read_ + "\"}"),
            204);
  const std::string cookie = Cookie();
  EXPECT_EQ(kind({{"Cookie", cookie.substr(0, cookie.find(';'))}}), "session");
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
  ExpectProblem(api_.Handle({"GET", "/health", {{"Host", "localhost"}, {"host", "rebound.example"}}, "", {}}),
                400);
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
