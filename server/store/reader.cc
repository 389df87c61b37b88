#include "server/store/reader.h"

#include <algorithm>
#include <set>

#include "server/store/batch_rules.h"
#include "server/store/part.h"
#include "server/store/pieces.h"
#include "server/store/steps.h"

namespace fieldmark::store {
namespace {

// A filter on the source as the ends of a range, so that one statement serves every query.
int64_t FirstSource(const Query& query) { return query.source ? static_cast<int64_t>(*query.source) : 0; }
int64_t LastSource(const Query& query) {
  return static_cast<int64_t>(query.source ? *query.source : bucket::Source::kReplay);
}

// The families asked for as bits. Told to SQLite, so that it does not read the bytes of others, which are
// long.
int64_t WantedFamilies(const Query& query) {
  int64_t bits = 0;
  for (const profile::Family family : query.families) bits |= int64_t{1} << static_cast<int>(family);
  return bits;
}

StreamInfo InfoFrom(const Statement& row) {
  StreamInfo info;
  info.stream = {std::string(row.Bytes(0)), std::string(row.Bytes(1)), std::string(row.Bytes(2))};
  info.first_minute = row.Int(3);
  info.last_minute = row.Int(4);
  info.last_received_unix_ms = row.Int(5);
  info.first_live_unix_ms = row.Int(6);
  info.instances = static_cast<uint64_t>(row.Int(7));
  return info;
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::Open(const std::string& path) {
  Result<std::unique_ptr<Connection>> connection = Connection::Open(path, Connection::Mode::kReadWrite);
  if (!connection.ok()) return connection.error();
  FM_RETURN_IF_ERROR((*connection)->RunScript("PRAGMA query_only = 1; PRAGMA cache_size = -8000"));
  return std::unique_ptr<Reader>(new Reader(std::move(*connection)));
}

Result<std::vector<StreamInfo>> Reader::Streams() {
  std::vector<StreamInfo> streams;
  Statement rows = connection_->Use(
      "SELECT environment, service, version, first_minute, last_minute, last_received_unix_ms, "
      "first_live_unix_ms,"
      " (SELECT count(*) FROM instance WHERE instance.stream = stream.id"
      "   AND instance.last_received_unix_ms >= stream.last_received_unix_ms - ?)"
      " FROM stream ORDER BY environment, service, version",
      kInstanceAliveMs);
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok()) return row.error();
    if (!*row) return streams;
    streams.push_back(InfoFrom(rows));
  }
}

Result<std::vector<int64_t>> Reader::StreamIds(const std::vector<bucket::Stream>& streams) {
  std::vector<int64_t> ids;
  for (const bucket::Stream& stream : streams) {
    const Result<int64_t> id =
        connection_->Number("SELECT id FROM stream WHERE environment = ? AND service = ? AND version = ?",
                            std::string_view(stream.environment), std::string_view(stream.service),
                            std::string_view(stream.version));
    if (!id.ok()) return id.error();
    if (*id != 0) ids.push_back(*id);
  }
  return ids;
}

Result<std::vector<std::string>> Reader::Subjects(const std::vector<bucket::Stream>& streams) {
  const Result<Transaction> snapshot = Transaction::Begin(*connection_, Transaction::Kind::kRead);
  if (!snapshot.ok()) return snapshot.error();
  const Result<std::vector<int64_t>> ids = StreamIds(streams);
  if (!ids.ok()) return ids.error();
  std::set<std::string> names;
  for (const int64_t id : *ids) {
    Statement rows = connection_->Use("SELECT name FROM subject WHERE stream = ?", id);
    while (true) {
      const Result<bool> row = rows.Next();
      if (!row.ok()) return row.error();
      if (!*row) break;
      names.emplace(rows.Bytes(0));
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Status Reader::Visit(const Query& query, const PieceVisitor& visit) {
  if (query.from >= query.to) return {};
  const Result<Transaction> snapshot = Transaction::Begin(*connection_, Transaction::Kind::kRead);
  if (!snapshot.ok()) return snapshot.error();
  const Result<std::vector<int64_t>> streams = StreamIds(query.streams);
  if (!streams.ok()) return streams.error();
  for (const int64_t stream : *streams) {
    FM_RETURN_IF_ERROR(VisitSubjects(stream, query, visit));
    FM_RETURN_IF_ERROR(VisitLog(stream, query, visit));
  }
  return {};
}

Status Reader::VisitSubjects(int64_t stream, const Query& query, const PieceVisitor& visit) {
  Statement rows = connection_->Use("SELECT id, name FROM subject WHERE stream = ?", stream);
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok()) return row.error();
    if (!*row) return {};
    const std::string name(rows.Bytes(1));
    if (!WantsSubject(query, name)) continue;
    const Subject subject{rows.Int(0), name};
    FM_RETURN_IF_ERROR(VisitChunks(subject, query, visit));
    FM_RETURN_IF_ERROR(VisitParts(subject, query, visit));
  }
}

Status Reader::VisitChunks(const Subject& subject, const Query& query, const PieceVisitor& visit) {
  Statement rows = connection_->Use(
      "SELECT start_minute, family, bytes, id FROM chunk"
      " WHERE subject = ? AND step = ? AND start_minute BETWEEN ? AND ? AND source BETWEEN ? AND ?"
      " AND (1 << family) & ? ORDER BY start_minute",
      subject.id, static_cast<int64_t>(query.step), ChunkStartOf(query.from, query.step), query.to - 1,
      FirstSource(query), LastSource(query), WantedFamilies(query));
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok()) return row.error();
    if (!*row) return {};
    const auto family = static_cast<profile::Family>(rows.Int(1));
    if (!VisitChunk(subject, rows.Int(0), family, rows.Bytes(2), query, visit))
      damaged_chunks_.push_back(rows.Int(3));
  }
}

bool Reader::VisitChunk(const Subject& subject, Minute start, profile::Family family, std::string_view packed,
                        const Query& query, const PieceVisitor& visit) {
  const Result<std::span<const ChunkEntry>> entries = codec_.Unpack(packed);
  if (!entries.ok()) return false;
  bool whole = true;
  for (const ChunkEntry& entry : *entries) {
    const Minute at = start + entry.index * MinutesOf(query.step);
    if (at < query.from || at >= query.to) continue;
    bucket::SubjectSummary summary;
    fields_.clear();
    ByteReader in(entry.bytes);
    bucket::DecodeSubject(in, family, summary, fields_);
    if (in.Finish("a chunk's entry").ok()) {
      visit({subject.name, at, std::move(summary), fields_});
    } else {
      whole = false;
    }
  }
  return whole;
}

Status Reader::VisitParts(const Subject& subject, const Query& query, const PieceVisitor& visit) {
  Statement rows = connection_->Use(
      "SELECT minute, source, family, bytes, checksum FROM part"
      " WHERE subject = ? AND minute BETWEEN ? AND ? AND source BETWEEN ? AND ? AND (1 << family) & ?",
      subject.id, query.from, query.to - 1, FirstSource(query), LastSource(query), WantedFamilies(query));
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok()) return row.error();
    if (!*row) return {};
    const PartKey key{subject.id, rows.Int(0), static_cast<bucket::Source>(rows.Int(1)),
                      static_cast<profile::Family>(rows.Int(2))};
    bucket::SubjectSummary summary;
    if (DecodePart(key, rows, 3, 4, summary).ok())
      VisitWhole(subject.name, StartOf(key.minute, query.step), std::move(summary), visit);
  }
}

Status Reader::VisitLog(int64_t stream, const Query& query, const PieceVisitor& visit) {
  const int64_t families = WantedFamilies(query);
  bucket::BatchFilter wanted;
  wanted.subject = [&](std::string_view subject) { return WantsSubject(query, subject); };
  wanted.family = [&](profile::Family family) { return (families >> static_cast<int>(family) & 1) != 0; };
  Statement rows = connection_->Use(
      "SELECT bytes FROM batch_log"
      " WHERE stream = ? AND last_minute >= ? AND first_minute < ? AND source BETWEEN ? AND ?",
      stream, query.from, query.to, FirstSource(query), LastSource(query));
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok()) return row.error();
    if (!*row) return {};
    const Result<bucket::Batch> batch = bucket::DecodeBatch(rows.Bytes(0), wanted);
    if (!batch.ok()) continue;
    VisitBuckets(batch->buckets, query, visit);
  }
}

}  // namespace fieldmark::store
