// The table of announced changes. For one thread at a time, as its connection.
#pragma once

#include <string_view>
#include <vector>

#include "server/store/announced_change.h"
#include "server/store/sqlite.h"

namespace fieldmark::store {

// Newest first.
Result<std::vector<AnnouncedChange>> ReadChanges(Connection& connection, std::string_view environment,
                                                 std::string_view service);
// One transaction; the id of what was written. As Store::SaveChange.
Result<int64_t> WriteChange(Connection& connection, const AnnouncedChange& change);

// kNotFound.
Error NoSuchChange(const AnnouncedChange& change);

}  // namespace fieldmark::store
