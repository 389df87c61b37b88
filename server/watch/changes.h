// Changes of a service: deployments as they were observed, with what somebody announced of them, and
// announced changes of other kinds, which nobody can observe.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/store/announced_change.h"
#include "server/watch/deployments.h"

namespace fieldmark::watch {

inline constexpr std::string_view kDeploymentKind = "deployment";
inline constexpr std::array<std::string_view, 5> kChangeKinds{kDeploymentKind, "migration", "cache_rule",
                                                              "job", "configuration"};

// At least one of the two is there.
struct Change {
  std::optional<Deployment> deployment;             // as it was observed
  std::optional<store::AnnouncedChange> announced;  // what was said of it

  UnixMs at() const;  // observed rather than announced
  // By which a list of them ascends: the newest first.
  std::string sort_key() const;
};

// Pure. Newest first. An announced deployment belongs to the observed one of its version that began nearest
// to it, within a day; what was said nearer to that one is kept, and the other stands alone.
std::vector<Change> ChangesOf(std::vector<Deployment> deployments,
                              std::vector<store::AnnouncedChange> announced);

// kInvalidArgument for what nobody should have announced: no title, a kind that is none, a time years away,
// text that is too long or holds control characters, a link that is none.
Status CheckAnnounced(const store::AnnouncedChange& change, UnixMs now);

// What to go back to, in words; empty when there is nothing.
std::string RollbackAdvice(const Change& change);

}  // namespace fieldmark::watch
