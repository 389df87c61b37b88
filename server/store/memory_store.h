// MemoryStore: everything merged in memory, by minute, for as long as the store lives. The obvious twin that
// the other stores are tested against, and a store for tests of what stands on one. Safe for use by several
// threads at once.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "server/store/store.h"

namespace fieldmark::store {

class MemoryStore : public Store {
 public:
  static constexpr size_t kNoLimit = SIZE_MAX;
  // Of summaries in memory, about. Above it appends fail with kUnavailable, and Compact forgets to stay
  // below.
  explicit MemoryStore(size_t bytes_max = kNoLimit) : bytes_max_(bytes_max) {}

  Result<Append> AppendBatch(const bucket::Batch& batch, std::string_view bytes, UnixMs received) override;
  Result<std::vector<StreamInfo>> Streams() override;
  Status Visit(const Query& query, const PieceVisitor& visit) override;
  Result<std::vector<std::string>> Subjects(const std::vector<bucket::Stream>& streams) override;
  Result<HashKey> KeyOf(std::string_view environment, std::string_view service) override;
  Result<std::vector<AnnouncedChange>> AnnouncedChanges(std::string_view environment,
                                                        std::string_view service) override;
  Result<int64_t> SaveChange(const AnnouncedChange& change) override;
  Result<std::vector<Incident>> Incidents(std::string_view environment, std::string_view service) override;
  Result<int64_t> SaveIncident(const Incident& incident) override;
  Result<std::vector<Moment>> Moments(std::string_view environment, std::string_view service) override;
  Status SaveMoment(const Moment& moment) override;
  Result<Forgotten> Forget(const std::string& service, const std::optional<std::string>& environment,
                           const std::optional<std::string>& field) override;
  // Nothing to fold, and nothing that is too old.
  Result<bool> Compact(UnixMs now) override;
  Condition condition() override;

 private:
  struct InstanceState {
    bucket::Stream stream;
    uint64_t last_sequence = 0;
    UnixMs last_received_unix_ms = 0;
  };
  struct StreamState {
    StreamInfo info;
    bool has_minutes = false;
    std::map<bucket::Source, bucket::Buckets> buckets;
    std::set<std::string> subjects;
  };

  void Count(StreamState& stream, const bucket::Batch& batch, UnixMs received);
  uint64_t InstancesOf(const StreamInfo& info) const;
  size_t Bytes() const;

  const size_t bytes_max_;
  std::mutex mutex_;
  std::map<bucket::Stream, StreamState> streams_;
  std::map<bucket::Instance, InstanceState> instances_;
  std::map<std::pair<std::string, std::string>, HashKey> keys_;
  std::map<int64_t, AnnouncedChange> changes_;
  int64_t last_change_id_ = 0;
  std::map<int64_t, Incident> incidents_;
  int64_t last_incident_id_ = 0;
  using MomentsOfService = std::map<std::pair<UnixMs, int64_t>, Moment>;     // by when and for how long
  std::map<std::pair<std::string, std::string>, MomentsOfService> moments_;  // by environment and service
  Condition condition_;
};

}  // namespace fieldmark::store
