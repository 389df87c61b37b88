// What every store asks of a batch and of a query, so that all refuse the same.
#pragma once

#include "server/store/store.h"

namespace fieldmark::store {

// Minutes outside of [0, kMinuteMax) are no times of this program: about the years 1970 to 9999.
inline constexpr Minute kMinuteMax = 4'223'376'000;

// An instance counts as alive when it was heard of so shortly before its stream was heard of last.
inline constexpr UnixMs kInstanceAliveMs = 5 * kMsPerMinute;

// kInvalidArgument for a sequence or a minute out of range.
Status CheckBatch(const bucket::Batch& batch);

// The query with duplicates gone and families spelled out; kInvalidArgument when from or to are not multiples
// of the step.
Result<Query> CheckQuery(Query query);

}  // namespace fieldmark::store
