// The table of moments. For one thread at a time, as its connection.
#pragma once

#include <string_view>
#include <vector>

#include "server/store/moment.h"
#include "server/store/sqlite.h"

namespace fieldmark::store {

// Newest first.
Result<std::vector<Moment>> ReadMoments(Connection& connection, std::string_view environment,
                                        std::string_view service);
// One transaction.
Status WriteMoment(Connection& connection, const Moment& moment);
// Within the caller's transaction. `environment` empty: all of them.
Status DropMoments(Connection& connection, std::string_view service, std::string_view environment);
// Within the caller's transaction, of all services.
Status DropMomentsBefore(Connection& connection, UnixMs at);

}  // namespace fieldmark::store
