#include "server/store/batch_rules.h"

#include <algorithm>

#include "server/store/families.h"
#include "server/store/steps.h"

namespace fieldmark::store {
namespace {

template <class T>
void SortOnce(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

Status CheckBatch(const bucket::Batch& batch) {
  const uint64_t sequence = batch.header.sequence;
  if (sequence == 0 || sequence > static_cast<uint64_t>(INT64_MAX)) {
    return Error{ErrorCode::kInvalidArgument,
                 "appending a batch: its sequence is " + std::to_string(sequence) + "; sequences begin at 1"};
  }
  for (const auto& [minute, bucket] : batch.buckets) {
    if (minute >= 0 && minute < kMinuteMax) continue;
    return Error{ErrorCode::kInvalidArgument, "appending a batch: minute " + std::to_string(minute) +
                                                  " since 1970 is no time; check the clock of the worker"};
  }
  return {};
}

Result<Query> CheckQuery(Query query) {
  if (query.from != StartOf(query.from, query.step) || query.to != StartOf(query.to, query.step)) {
    return Error{ErrorCode::kInvalidArgument,
                 "reading summaries: the range does not begin and end on a step of " +
                     std::to_string(MinutesOf(query.step)) + " minutes"};
  }
  SortOnce(query.streams);
  SortOnce(query.subjects);
  query.families = Normalized(std::move(query.families));
  return query;
}

}  // namespace fieldmark::store
