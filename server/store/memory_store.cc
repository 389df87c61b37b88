#include "server/store/memory_store.h"

#include <algorithm>
#include <tuple>

#include "server/store/batch_rules.h"
#include "server/store/change_table.h"
#include "server/store/forget.h"
#include "server/store/incident_table.h"
#include "server/store/pieces.h"
#include "server/store/random_key.h"
#include "server/store/retention.h"

namespace fieldmark::store {
Result<Append> MemoryStore::AppendBatch(const bucket::Batch& batch, std::string_view bytes, UnixMs received) {
  FM_RETURN_IF_ERROR(CheckBatch(batch));
  Result<bucket::Batch> whole = bucket::DecodeBatch(bytes);
  if (!whole.ok()) return whole.error();
  const std::lock_guard lock(mutex_);
  if (bytes_max_ != kNoLimit && Bytes() >= bytes_max_)
    return Error{ErrorCode::kUnavailable,
                 "appending a batch: the store is at its limit; send it again later"};
  InstanceState& instance = instances_[batch.header.instance];
  if (batch.header.sequence <= instance.last_sequence) return Append::kDuplicate;
  instance = {batch.header.stream, batch.header.sequence, received};

  StreamState& stream = streams_[batch.header.stream];
  Count(stream, batch, received);
  bucket::AbsorbBuckets(stream.buckets[batch.header.source], std::move(whole->buckets));
  return Append::kApplied;
}

void MemoryStore::Count(StreamState& stream, const bucket::Batch& batch, UnixMs received) {
  StreamInfo& info = stream.info;
  info.stream = batch.header.stream;
  info.last_received_unix_ms = std::max(info.last_received_unix_ms, received);
  if (batch.header.source == bucket::Source::kLive &&
      (info.first_live_unix_ms == 0 || received < info.first_live_unix_ms)) {
    info.first_live_unix_ms = received;
  }
  if (batch.buckets.empty()) return;
  const Minute first = batch.buckets.begin()->first;
  const Minute last = batch.buckets.rbegin()->first;
  info.first_minute = stream.has_minutes ? std::min(info.first_minute, first) : first;
  info.last_minute = stream.has_minutes ? std::max(info.last_minute, last) : last;
  stream.has_minutes = true;
  for (const auto& [minute, bucket] : batch.buckets) {
    for (const auto& [name, summary] : bucket) stream.subjects.insert(name);
  }
}

uint64_t MemoryStore::InstancesOf(const StreamInfo& info) const {
  return static_cast<uint64_t>(std::count_if(instances_.begin(), instances_.end(), [&](const auto& entry) {
    return entry.second.stream == info.stream &&
           entry.second.last_received_unix_ms >= info.last_received_unix_ms - kInstanceAliveMs;
  }));
}

Result<std::vector<StreamInfo>> MemoryStore::Streams() {
  const std::lock_guard lock(mutex_);
  std::vector<StreamInfo> streams;
  for (const auto& [key, stream] : streams_) {
    streams.push_back(stream.info);
    streams.back().instances = InstancesOf(stream.info);
  }
  return streams;
}

Status MemoryStore::Visit(const Query& asked, const PieceVisitor& visit) {
  const Result<Query> query = CheckQuery(asked);
  if (!query.ok()) return query.error();
  const std::lock_guard lock(mutex_);
  for (const bucket::Stream& key : query->streams) {
    const auto stream = streams_.find(key);
    if (stream == streams_.end()) continue;
    for (const auto& [source, buckets] : stream->second.buckets) {
      if (!query->source || *query->source == source) VisitBuckets(buckets, *query, visit);
    }
  }
  return {};
}

Result<std::vector<std::string>> MemoryStore::Subjects(const std::vector<bucket::Stream>& streams) {
  const std::lock_guard lock(mutex_);
  std::set<std::string> names;
  for (const bucket::Stream& key : streams) {
    const auto stream = streams_.find(key);
    if (stream != streams_.end())
      names.insert(stream->second.subjects.begin(), stream->second.subjects.end());
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Result<HashKey> MemoryStore::KeyOf(std::string_view environment, std::string_view service) {
  const std::lock_guard lock(mutex_);
  const auto [entry, made] = keys_.try_emplace({std::string(environment), std::string(service)});
  if (!made) return entry->second;
  const Result<HashKey> key = RandomKey();
  if (!key.ok()) {
    keys_.erase(entry);
    return key.error();
  }
  return entry->second = *key;
}

Result<std::vector<AnnouncedChange>> MemoryStore::AnnouncedChanges(std::string_view environment,
                                                                   std::string_view service) {
  const std::lock_guard lock(mutex_);
  std::vector<AnnouncedChange> changes;
  for (const auto& [id, change] : changes_) {
    if (change.environment == environment && change.service == service) changes.push_back(change);
  }
  std::sort(changes.begin(), changes.end(), [](const AnnouncedChange& a, const AnnouncedChange& b) {
    return std::tie(a.at, a.id) > std::tie(b.at, b.id);
  });
  return changes;
}

Result<int64_t> MemoryStore::SaveChange(const AnnouncedChange& change) {
  {
    const std::lock_guard lock(mutex_);
    if (change.id != 0) {
      const auto kept = changes_.find(change.id);
      if (kept == changes_.end() || kept->second.environment != change.environment ||
          kept->second.service != change.service) {
        return NoSuchChange(change);
      }
      kept->second = change;
      return change.id;
    }
    changes_[++last_change_id_] = change;
    changes_[last_change_id_].id = last_change_id_;
  }
  const Result<std::vector<AnnouncedChange>> all = AnnouncedChanges(change.environment, change.service);
  const std::lock_guard lock(mutex_);
  for (size_t i = kAnnouncedChangesMax; i < all->size(); ++i) changes_.erase((*all)[i].id);
  return last_change_id_;
}

Result<std::vector<Incident>> MemoryStore::Incidents(std::string_view environment, std::string_view service) {
  const std::lock_guard lock(mutex_);
  std::vector<Incident> incidents;
  for (const auto& [id, incident] : incidents_) {
    if (incident.environment == environment && incident.service == service) incidents.push_back(incident);
  }
  std::sort(incidents.begin(), incidents.end(), [](const Incident& a, const Incident& b) {
    return std::tie(a.found_at, a.id) > std::tie(b.found_at, b.id);
  });
  return incidents;
}

Result<int64_t> MemoryStore::SaveIncident(const Incident& incident) {
  if (incident.id != 0) {
    const std::lock_guard lock(mutex_);
    const auto kept = incidents_.find(incident.id);
    const bool known = kept != incidents_.end() && kept->second.environment == incident.environment &&
                       kept->second.service == incident.service;
    if (!known) return NoSuchIncident(incident);
    kept->second.seen_at = incident.seen_at;
    kept->second.over_at = incident.over_at;
    kept->second.settled = incident.settled;
    return incident.id;
  }
  {
    const std::lock_guard lock(mutex_);
    incidents_[++last_incident_id_] = incident;
    incidents_[last_incident_id_].id = last_incident_id_;
  }
  const Result<std::vector<Incident>> all = Incidents(incident.environment, incident.service);
  const std::lock_guard lock(mutex_);
  for (size_t i = kIncidentsMax; i < all->size(); ++i) incidents_.erase((*all)[i].id);
  return last_incident_id_;
}

Result<std::vector<Moment>> MemoryStore::Moments(std::string_view environment, std::string_view service) {
  const std::lock_guard lock(mutex_);
  std::vector<Moment> moments;
  const auto kept = moments_.find({std::string(environment), std::string(service)});
  if (kept == moments_.end()) return moments;
  for (const auto& [key, moment] : kept->second) moments.push_back(moment);
  std::reverse(moments.begin(), moments.end());
  return moments;
}

Status MemoryStore::SaveMoment(const Moment& moment) {
  const std::lock_guard lock(mutex_);
  MomentsOfService& kept = moments_[{moment.environment, moment.service}];
  kept[{moment.at, moment.look_s}] = moment;
  if (kept.size() > kMomentsMax) kept.erase(kept.begin());
  return {};
}

Result<Forgotten> MemoryStore::Forget(const std::string& service,
                                      const std::optional<std::string>& environment,
                                      const std::optional<std::string>& field) {
  const std::lock_guard lock(mutex_);
  const auto asked = [&](const auto& of) {
    return of.service == service && (!environment || of.environment == *environment);
  };
  Forgotten forgotten;
  bool announced = false;
  for (const auto& [id, change] : changes_) announced = announced || asked(change);
  for (auto& [key, stream] : streams_) {
    if (!asked(key)) continue;
    ++forgotten.streams;
    for (auto& [source, buckets] : stream.buckets) {
      for (auto& [minute, bucket] : buckets) {
        for (auto& [name, summary] : bucket) {
          if (!field || EraseField(summary, *field)) ++forgotten.rows;
        }
      }
    }
  }
  if (forgotten.streams == 0 && !announced) {
    return Error{ErrorCode::kNotFound, "forgetting " + service + ": nothing of that name is kept there"};
  }
  std::erase_if(incidents_, [&](const auto& entry) {
    if (!asked(entry.second)) return false;
    const auto names = field ? NamesOf(*field) : std::array<std::string, 3>();
    return !field || std::any_of(names.begin(), names.end(),
                                 [&](const std::string& name) { return IsBelow(entry.second.field, name); });
  });
  if (field) return forgotten;
  std::erase_if(streams_, [&](const auto& entry) { return asked(entry.first); });
  for (auto& [id, instance] : instances_) {
    if (asked(instance.stream)) instance.stream = {};
  }
  std::erase_if(changes_, [&](const auto& entry) { return asked(entry.second); });
  const auto is_of_asked = [&](const auto& entry) {
    return entry.first.second == service && (!environment || entry.first.first == *environment);
  };
  std::erase_if(keys_, is_of_asked);
  std::erase_if(moments_, is_of_asked);
  return forgotten;
}

size_t MemoryStore::Bytes() const {
  size_t bytes = 0;
  for (const auto& [key, stream] : streams_) {
    for (const auto& [source, buckets] : stream.buckets) {
      for (const auto& [minute, bucket] : buckets) {
        for (const auto& [name, summary] : bucket) bytes += bucket::MemoryBytes(summary);
      }
    }
  }
  return bytes;
}

// The oldest minute of all.
Result<bool> MemoryStore::Compact(UnixMs now) {
  const std::lock_guard lock(mutex_);
  if (bytes_max_ == kNoLimit || Bytes() <= bytes_max_ - bytes_max_ / kRoomShare) return false;
  bucket::Buckets* oldest = nullptr;
  for (auto& [key, stream] : streams_) {
    for (auto& [source, buckets] : stream.buckets) {
      if (buckets.empty() || buckets.begin()->first >= MinuteOf(now)) continue;
      if (oldest == nullptr || buckets.begin()->first < oldest->begin()->first) oldest = &buckets;
    }
  }
  if (oldest == nullptr) return false;
  oldest->erase(oldest->begin());
  ++condition_.forgotten_early;
  condition_.forgotten_early_unix_ms = now;
  return true;
}

Condition MemoryStore::condition() {
  const std::lock_guard lock(mutex_);
  return condition_;
}

}  // namespace fieldmark::store
