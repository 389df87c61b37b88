// The tables of fieldmark.db; SCHEMA.md says what they hold.
#pragma once

#include "server/store/sqlite.h"

namespace fieldmark::store {

inline constexpr int64_t kSchemaVersion = 6;

// Creates the tables in an empty database, or checks that they are ours, whole, and of a version that this
// build reads: kDataLoss when damaged, kFailedPrecondition when another program's or newer. Changes nothing
// then; of an earlier version it becomes one of this.
Status PrepareSchema(Connection& connection);

// Those that the first releases did not have, and that none minds. For a connection in write-ahead mode.
Status AddIndexes(Connection& connection);

}  // namespace fieldmark::store
