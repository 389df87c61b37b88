// Timelines: what a read gathers, by subject and by step.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/store/store.h"

namespace fieldmark::store {

using Timeline = std::map<Minute, bucket::SubjectSummary>;
using Timelines = std::map<std::string, Timeline, std::less<>>;

// A query here is as CheckQuery returns it.
bool WantsSubject(const Query& query, std::string_view name);
// Merges what the query asks for of `buckets`, of whatever stream and source they are.
void Collect(const bucket::Buckets& buckets, const Query& query, Timelines& into);

std::vector<Slice> SlicesOf(Timelines timelines);

}  // namespace fieldmark::store
