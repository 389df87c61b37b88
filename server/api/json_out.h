// What watch/ and ingest/ say, as the JSON of openapi.yaml.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "server/ingest/ingest.h"
#include "server/watch/answers.h"
#include "server/watch/charts.h"

namespace fieldmark::api {

boost::json::object ChangeJson(const watch::Deployment& deployment);
boost::json::object VerdictJson(const watch::DeploymentVerdict& verdict);
boost::json::object StatusJson(const watch::ServiceStatus& status);
boost::json::object ServiceSummaryJson(const watch::ServiceStatus& status);
boost::json::object SeriesJson(const watch::Chart& chart);
boost::json::object HelloJson(const ingest::Introduction& introduction, UnixMs now);
boost::json::object BatchJson(const ingest::Reply& reply);

}  // namespace fieldmark::api
