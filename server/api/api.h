// The endpoints of openapi.yaml, and the page. No sockets: a request in, a response out. Safe for use by
// several threads at once.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/access/gate.h"
#include "server/api/http.h"
#include "server/api/limits_met.h"
#include "server/ingest/ingest.h"
#include "server/store/store.h"
#include "server/watch/answers.h"
#include "server/watch/shortfalls.h"
#include "server/watch/verdicts.h"
#include "server/watch/watchman.h"

namespace fieldmark::api {

struct ApiOptions {
  std::string data_folder;  // empty: none on disk
  HostRules hosts;
  std::shared_ptr<const LimitsMet> limits_met = std::make_shared<LimitsMet>();  // those of the HTTP server
};

class Api : public Handler {
 public:
  // All must outlive it.
  Api(store::Store& store, ingest::Ingest& ingest, watch::Verdicts& verdicts, watch::Answers& answers,
      const watch::Watch& watch, access::Gate& gate, watch::Clock clock, ApiOptions options = {});

  // "GET /api/v1/services/{}/{}/status" and so on: what openapi.yaml describes, no more and no less.
  static std::vector<std::string> Routes();

  Lane LaneOf(const Request& request) const override;
  Response Handle(const Request& request) override;

 private:
  struct Call;
  struct Endpoint;
  static const std::vector<Endpoint>& Endpoints();

  Response Route(const Request& request);
  access::Credentials CredentialsOf(const Request& request) const;
  Response GetSession(const Call& call);
  Response LogIn(const Call& call);
  Response LogOut(const Call& call);
  using AuditDetails = std::vector<std::pair<std::string_view, std::string>>;
  void Audit(std::string_view action, std::string_view who, const Request& request, AuditDetails more = {});
  Response Hello(const Call& call);
  Response AppendBatch(const Call& call);
  Response ListServices(const Call& call);
  Response GetStatus(const Call& call);
  Response ListChanges(const Call& call);
  Response AnnounceChange(const Call& call);
  Response AmendChange(const Call& call);
  Response SaveChange(const Call& call, store::AnnouncedChange change);
  Response Forget(const Call& call);
  Response ListSubjects(const Call& call);
  Response ListIncidents(const Call& call);
  Response ListFields(const Call& call);
  Response GetVerdict(const Call& call);
  Response GetSeries(const Call& call);
  Response GetHealth(const Call& call);
  Response GetMetrics(const Call& call);
  Response GetLive(const Call& call);
  Response GetReady(const Call& call);
  // An answer that may be the one that the client has already. `server_time` is left out of the comparison.
  Response Repeating(const Call& call, const boost::json::object& object, bool with_time = false) const;
  // What everybody who looks should know of this server itself, in words; empty when it is well.
  boost::json::array Notices() const;

  store::Store& store_;
  ingest::Ingest& ingest_;
  watch::Verdicts& verdicts_;
  watch::Answers& answers_;
  const watch::Watch& watch_;
  access::Gate& gate_;
  const watch::Clock clock_;
  watch::Shortfalls shortfalls_;
  const ApiOptions options_;
  std::mutex verdict_mutex_;  // of whoever waits for a verdict
  const UnixMs started_;
};

}  // namespace fieldmark::api
