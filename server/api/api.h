// The endpoints of openapi.yaml, and the page. No sockets: a request in, a response out. Safe for use by
// several threads at once.
#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "server/access/gate.h"
#include "server/api/http.h"
#include "server/ingest/ingest.h"
#include "server/store/store.h"
#include "server/watch/answers.h"
#include "server/watch/shortfalls.h"
#include "server/watch/verdicts.h"

namespace fieldmark::api {

struct ApiOptions {
  std::string data_folder;  // empty: none on disk
  HostRules hosts;
};

class Api : public Handler {
 public:
  // All must outlive it.
  Api(store::Store& store, ingest::Ingest& ingest, watch::Verdicts& verdicts, watch::Answers& answers,
      access::Gate& gate, watch::Clock clock, ApiOptions options = {});

  Lane LaneOf(const Request& request) const override;
  Response Handle(const Request& request) override;

 private:
  struct Call;
  struct Endpoint;
  static const std::vector<Endpoint>& Endpoints();

  Response Route(const Request& request);
  access::Credentials CredentialsOf(const Request& request) const;
  Response LogIn(const Call& call);
  Response LogOut(const Call& call);
  void Audit(std::string_view action, std::string_view who, const Request& request);
  Response Hello(const Call& call);
  Response AppendBatch(const Call& call);
  Response ListServices(const Call& call);
  Response GetStatus(const Call& call);
  Response ListChanges(const Call& call);
  Response GetVerdict(const Call& call);
  Response GetSeries(const Call& call);
  Response GetHealth(const Call& call);
  Response GetMetrics(const Call& call);
  Response GetLive(const Call& call);
  Response GetReady(const Call& call);
  // What everybody who looks should know of this server itself, in words; empty when it is well.
  boost::json::array Notices() const;

  store::Store& store_;
  ingest::Ingest& ingest_;
  watch::Verdicts& verdicts_;
  watch::Answers& answers_;
  access::Gate& gate_;
  const watch::Clock clock_;
  watch::Shortfalls shortfalls_;
  const ApiOptions options_;
  const UnixMs started_;
};

}  // namespace fieldmark::api
