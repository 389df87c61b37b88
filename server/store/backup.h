// Copies of the database: made while a server runs, put in place while none does.
#pragma once

#include <string>

#include "fieldmark/base/result.h"

namespace fieldmark::store {

// Writes what the folder's database holds at one moment into a new file, which appears at `target` only when
// it is whole, checked and durable. A server may run on the folder; it is not held up. kNotFound without a
// database, kAlreadyExists when there is something at `target`.
Status BackUp(const std::string& folder, const std::string& target);

// The same from a backup, or any copy of a database with its log beside it, into a folder without one, which
// is made when there is none. kFailedPrecondition when a server runs there.
Status Restore(const std::string& source, const std::string& folder);

}  // namespace fieldmark::store
