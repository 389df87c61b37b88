#include "server/watch/traffic.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace fieldmark::watch {
namespace {

// Merging is most of the work, and nobody asks for these of a whole service.
void MergeRequests(bucket::RequestSummary requests, bucket::RequestSummary& into) {
  requests.first_byte_ms = requests.app_return_ms = {};
  requests.request_bytes = requests.response_bytes = {};
  into.Merge(requests);
}

}  // namespace

bool IsBody(std::string_view subject) {
  if (subject.ends_with(" request")) return true;
  const size_t blank = subject.rfind(' ');
  return blank != std::string_view::npos && subject.substr(0, blank).ends_with(" response");
}

bool IsJob(std::string_view subject) { return subject.starts_with("job "); }

Result<std::map<Minute, Traffic>> TrafficOf(store::Store& store,
                                            const std::vector<store::StreamInfo>& streams,
                                            std::optional<bucket::Source> source, Minute from, Minute to,
                                            store::Step step, std::vector<std::string> subjects,
                                            Families families) {
  std::map<Minute, Traffic> traffic;
  store::Query query;
  for (const store::StreamInfo& info : streams) {
    if (info.last_minute >= from && info.first_minute < to) query.streams.push_back(info.stream);
  }
  if (query.streams.empty()) return traffic;
  if (subjects.empty()) {
    Result<std::vector<std::string>> all = store.Subjects(query.streams);
    if (!all.ok()) return all.error();
    std::copy_if(all->begin(), all->end(), std::back_inserter(subjects), std::not_fn(IsBody));
    if (subjects.empty()) return traffic;
  }
  query.subjects = std::move(subjects);
  query.source = source;
  query.families = std::move(families);
  query.from = from;
  query.to = to;
  query.step = step;
  Result<std::vector<store::Slice>> slices = store.Read(query);
  if (!slices.ok()) return slices.error();
  for (store::Slice& slice : *slices) {
    Traffic& at = traffic[slice.start];
    if (slice.summary.request) MergeRequests(std::move(*slice.summary.request), at.requests);
    if (slice.summary.run) at.runs.Merge(*slice.summary.run);
    if (slice.summary.watch) at.observed_ms += slice.summary.watch->observed_ms;
  }
  return traffic;
}

uint64_t FailedOf(const bucket::RequestSummary& requests) {
  uint64_t failed = 0;
  for (const auto& [status, count] : requests.by_status) {
    if (status == 0 || status >= 500) failed += count;
  }
  return failed;
}

std::optional<Band> BandOf(std::vector<double> values, size_t least) {
  if (values.empty() || values.size() < least) return std::nullopt;
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<size_t>(std::lround(share * static_cast<double>(values.size() - 1)))];
  };
  return Band{at(0.05), at(0.95)};
}

}  // namespace fieldmark::watch
