#include "server/watch/contents.h"

#include <algorithm>

#include "server/watch/deployments.h"

namespace fieldmark::watch {
namespace {

Result<std::vector<bucket::Stream>> KeysOf(store::Store& store, std::string_view service,
                                           std::string_view environment) {
  const Result<std::vector<store::StreamInfo>> all = store.Streams();
  if (!all.ok()) return all.error();
  std::vector<bucket::Stream> keys;
  for (const store::StreamInfo& info : StreamsOf(*all, service, environment)) keys.push_back(info.stream);
  if (keys.empty()) return UnknownService(service, environment);
  return keys;
}

}  // namespace

Result<std::vector<std::string>> SubjectsOf(store::Store& store, std::string_view service,
                                            std::string_view environment) {
  const Result<std::vector<bucket::Stream>> keys = KeysOf(store, service, environment);
  if (!keys.ok()) return keys.error();
  Result<std::vector<std::string>> subjects = store.Subjects(*keys);
  if (subjects.ok()) std::erase(*subjects, "");  // the service itself
  return subjects;
}

Result<Contents> ContentsOf(store::Store& store, std::string_view service, std::string_view environment,
                            std::string_view subject, int64_t minutes, UnixMs now) {
  Result<std::vector<bucket::Stream>> keys = KeysOf(store, service, environment);
  if (!keys.ok()) return keys.error();
  constexpr Minute kHour = store::MinutesOf(store::Step::kHour);
  store::Query query;
  query.streams = std::move(*keys);
  query.subjects = {std::string(subject)};
  query.families = {profile::Family::kCounts};
  query.step = store::Step::kHour;
  query.to = MinuteOf(now) - MinuteOf(now) % kHour + kHour;
  query.from = query.to - (minutes + kHour - 1) / kHour * kHour;
  const Result<std::vector<store::Slice>> slices = store.Read(query);
  if (!slices.ok()) return slices.error();
  if (slices->empty()) {
    const Result<std::vector<std::string>> known = store.Subjects(query.streams);
    if (!known.ok()) return known.error();
    if (std::find(known->begin(), known->end(), subject) == known->end()) {
      return Error{ErrorCode::kNotFound,
                   "looking up the subject " + std::string(subject) +
                       ": it was never seen; the subjects of the service list those that were"};
    }
  }
  bucket::BodySummary body;
  for (const store::Slice& slice : *slices) {
    if (slice.summary.body) body.Merge(*slice.summary.body);
  }
  Contents contents;
  contents.since = query.from * kMsPerMinute;
  contents.documents = body.documents;
  for (const auto& [path, field] : body.fields)
    contents.fields.push_back({path, field.counts, profile::MissingOf(body.fields, path)});
  return contents;
}

}  // namespace fieldmark::watch
