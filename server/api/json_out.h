// What watch/ and ingest/ say, as the JSON of openapi.yaml.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "server/ingest/ingest.h"
#include "server/watch/answers.h"
#include "server/watch/charts.h"
#include "server/watch/contents.h"

namespace fieldmark::api {

boost::json::object ChangeJson(const watch::Change& change);
// At most kFindingsShown of the findings, the worst first.
inline constexpr size_t kFindingsShown = 500;
boost::json::object VerdictJson(const watch::DeploymentVerdict& verdict);
// At most kIncidentsShown of the incidents, the newest.
inline constexpr size_t kIncidentsShown = 20;
boost::json::object StatusJson(const watch::ServiceStatus& status);
boost::json::object ServiceSummaryJson(const watch::ServiceStatus& status);
boost::json::object IncidentJson(const store::Incident& incident);
boost::json::object SeriesJson(const watch::Chart& chart);
boost::json::object FieldJson(const watch::FieldContents& field);
boost::json::object HelloJson(const ingest::Introduction& introduction, UnixMs now);
boost::json::object BatchJson(const ingest::Reply& reply);

}  // namespace fieldmark::api
