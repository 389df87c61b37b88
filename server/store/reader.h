// Reader: answers from one snapshot of the tables, on a connection of its own, so that it never waits for a
// writer nor makes one wait. For one thread at a time.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "server/store/change_table.h"
#include "server/store/chunk.h"
#include "server/store/incident_table.h"
#include "server/store/moment_table.h"
#include "server/store/sqlite.h"
#include "server/store/store.h"

namespace fieldmark::store {

class Reader {
 public:
  static Result<std::unique_ptr<Reader>> Open(const std::string& path);

  Result<std::vector<StreamInfo>> Streams();
  // `query` as CheckQuery returns it. Rows that are damaged are left out.
  Status Visit(const Query& query, const PieceVisitor& visit);
  // Ids of the chunks that reads since the last call left out. Damaged parts and log rows need no note: the
  // next round of folding comes to them.
  std::vector<int64_t> TakeDamagedChunks() { return std::exchange(damaged_chunks_, {}); }
  Result<std::vector<std::string>> Subjects(const std::vector<bucket::Stream>& streams);
  Result<std::vector<AnnouncedChange>> AnnouncedChanges(std::string_view environment,
                                                        std::string_view service) {
    return ReadChanges(*connection_, environment, service);
  }
  Result<std::vector<Incident>> Incidents(std::string_view environment, std::string_view service) {
    return ReadIncidents(*connection_, environment, service);
  }
  Result<std::vector<Moment>> Moments(std::string_view environment, std::string_view service) {
    return ReadMoments(*connection_, environment, service);
  }

 private:
  explicit Reader(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}

  Result<std::vector<int64_t>> StreamIds(const std::vector<bucket::Stream>& streams);
  struct Subject {
    int64_t id;
    std::string_view name;
  };
  Status VisitSubjects(int64_t stream, const Query& query, const PieceVisitor& visit);
  Status VisitChunks(const Subject& subject, const Query& query, const PieceVisitor& visit);
  // False when it is damaged.
  bool VisitChunk(const Subject& subject, Minute start, profile::Family family, std::string_view packed,
                  const Query& query, const PieceVisitor& visit);
  Status VisitParts(const Subject& subject, const Query& query, const PieceVisitor& visit);
  Status VisitLog(int64_t stream, const Query& query, const PieceVisitor& visit);

  std::unique_ptr<Connection> connection_;
  ChunkCodec codec_;
  std::vector<profile::NamedField> fields_;  // of the piece that is visited; kept for its memory
  std::vector<int64_t> damaged_chunks_;
};

}  // namespace fieldmark::store
