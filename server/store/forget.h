// Forgetting on request: everything of a service, or of one field of it, leaves the disk.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>

#include "fieldmark/base/result.h"
#include "server/store/sqlite.h"
#include "server/store/store.h"

namespace fieldmark::store {

struct ForgetRequest {
  std::string service;
  std::optional<std::string> environment;  // none: all of them
  // Only that path and what lies below it goes, in every subject; none: the streams with their subjects,
  // instances, announced changes, incidents, moments and hash key.
  std::optional<std::string> field;
};

// What a field and what lies below it is called: by itself, and by validation of a request and of a response.
std::array<std::string, 3> NamesOf(const std::string& field);
// Whether `path` is `field` or lies below it.
bool IsBelow(const std::string& path, const std::string& field);
// Takes a path and what lies below it out of a summary, with what validation said of it; true when there was
// something of it.
bool EraseField(bucket::SubjectSummary& summary, const std::string& field);

// Runs one step in a transaction, its own or one around all of them. A step takes as long as one subject of
// one version does.
using RunStep = std::function<Status(const std::function<Status()>& step)>;

// The rows go; freed pages and the write-ahead log are the caller's. Nothing else may change parts and chunks
// meanwhile.
Result<Forgotten> ForgetRows(Connection& connection, const ForgetRequest& request, const RunStep& run);

// In the folder of a server that is stopped: one transaction, then the file is written anew without the space
// that they took: it needs room for itself once more. kFailedPrecondition while a server runs on the folder.
Result<Forgotten> Forget(const std::string& folder, const ForgetRequest& request);

}  // namespace fieldmark::store
