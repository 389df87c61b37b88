// Prints what the store in the folder named has counted, all versions and times together: a line of
// `subject<TAB>what<TAB>count` for each status of its requests and for the documents of its bodies. Read at
// the step named, or by the minute; nothing is folded or forgotten.
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "server/store/sqlite_store.h"
#include "server/store/steps.h"

namespace {

using namespace fieldmark;

using Counts = std::map<std::pair<std::string, std::string>, uint64_t>;

Result<Counts> CountsOf(store::Store& store, store::Step step) {
  const auto streams = store.Streams();
  if (!streams.ok()) return streams.error();
  Counts counts;
  for (const store::StreamInfo& info : *streams) {
    store::Query query;
    query.streams = {info.stream};
    query.families = {profile::Family::kCounts};
    query.step = step;
    query.from = store::StartOf(info.first_minute, step);
    query.to = store::StartOf(info.last_minute, step) + store::MinutesOf(step);
    const auto slices = store.Read(query);
    if (!slices.ok()) return slices.error();
    for (const store::Slice& slice : *slices) {
      if (slice.summary.request) {
        for (const auto& [status, count] : slice.summary.request->by_status) {
          counts[{slice.subject, std::to_string(status)}] += count;
        }
      }
      if (slice.summary.body) counts[{slice.subject, "documents"}] += slice.summary.body->documents;
      if (slice.summary.watch) counts[{slice.subject, "dropped"}] += slice.summary.watch->dropped_events;
    }
  }
  return counts;
}

const std::map<std::string_view, store::Step> kSteps = {{"minute", store::Step::kMinute},
                                                        {"five_minutes", store::Step::kFiveMinutes},
                                                        {"hour", store::Step::kHour},
                                                        {"day", store::Step::kDay}};

}  // namespace

int main(int argc, char** argv) {
  const auto step = kSteps.find(argc > 2 ? argv[2] : "minute");
  if (argc < 2 || argc > 3 || step == kSteps.end()) {
    std::fprintf(stderr,
                 "counting: expected the data folder of a server that is not running, and minute, "
                 "five_minutes, hour or day\n");
    return 2;
  }
  const auto store = store::SqliteStore::Open(argv[1]);
  const auto counts = store.ok() ? CountsOf(**store, step->second) : store.error();
  if (!counts.ok()) {
    std::fprintf(stderr, "%s\n", counts.error().message.c_str());
    return 2;
  }
  for (const auto& [key, count] : *counts) {
    std::printf("%s\t%s\t%llu\n", key.first.c_str(), key.second.c_str(),
                static_cast<unsigned long long>(count));
  }
  return 0;
}
