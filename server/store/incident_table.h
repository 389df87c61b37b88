// The table of incidents. For one thread at a time, as its connection.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/store/incident.h"
#include "server/store/sqlite.h"

namespace fieldmark::store {

// Newest first.
Result<std::vector<Incident>> ReadIncidents(Connection& connection, std::string_view environment,
                                            std::string_view service);
// One transaction; the id of what was written. As Store::SaveIncident.
Result<int64_t> WriteIncident(Connection& connection, const Incident& incident);
// Within the caller's transaction. `environment` empty: all of them. `field` empty: whatever they are of;
// else those alone of that path and of what lies below it.
Status DropIncidents(Connection& connection, std::string_view service, std::string_view environment,
                     std::string_view field);

// kNotFound.
Error NoSuchIncident(const Incident& incident);

}  // namespace fieldmark::store
