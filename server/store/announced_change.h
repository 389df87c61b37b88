// A change that somebody announced. Deployments are observed all the same: of those an announcement says what
// nobody can observe.
#pragma once

#include <cstdint>
#include <string>

#include "fieldmark/base/time.h"

namespace fieldmark::store {

struct AnnouncedChange {
  int64_t id = 0;  // given by the store
  std::string environment;
  std::string service;
  std::string kind;  // deployment, migration, cache_rule, job, configuration
  UnixMs at = 0;     // when it is made
  std::string title;
  std::string version;   // of a deployment: the one that it brings
  std::string url;       // where to read more
  std::string owner;     // whom to ask
  std::string expected;  // what it should do
  std::string rollback;  // how to undo it
  UnixMs announced_at = 0;
  UnixMs amended_at = 0;  // 0: never

  bool operator==(const AnnouncedChange&) const = default;
};

// The newest that are kept of one service in one environment; a further one pushes out the oldest.
inline constexpr size_t kAnnouncedChangesMax = 1'000;

}  // namespace fieldmark::store
