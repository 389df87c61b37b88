// New errors: what a version logs as an error, or raises, and the versions before it never did.
#pragma once

#include <string>
#include <vector>

#include "fieldmark/judge/signals.h"
#include "server/watch/timelines.h"

namespace fieldmark::watch {

struct NewError {
  std::string subject;  // "log shop.payments", or the route that raised: "POST /orders"
  std::string kind;     // "ERROR charging %s failed · Timeout in shop.pay"; of a route "KeyError"
  uint64_t count = 0;   // since the change, in the window that is looked at
  UnixMs first_seen_at = 0;
  sketch::TraceIds traces{};  // of requests that raised it

  bool operator==(const NewError&) const = default;
};

inline constexpr size_t kNewErrorsMax = 20;

// Of one subject. Kinds are compared as judge::ComparedKind has it. None when the earlier versions were
// watched for a shorter time than the new one: they had no chance to log it.
std::vector<NewError> NewErrorsOf(const judge::SubjectHistory& history, const Plan& plan);

// The commonest first, kNewErrorsMax at the most.
void SortAndCut(std::vector<NewError>& errors);

}  // namespace fieldmark::watch
