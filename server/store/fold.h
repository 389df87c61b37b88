// Fold: merges summaries of many batches in memory, then says what parts and chunks become of them. It reads
// the tables to merge with what is there, and writes nothing: that is for one short transaction of the
// compactor. Not safe for use by several threads at once.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "server/store/chunk.h"
#include "server/store/retention.h"
#include "server/store/sqlite.h"
#include "server/store/store.h"

namespace fieldmark::store {

using Timeline = std::map<Minute, bucket::SubjectSummary>;

struct PartRow {
  int64_t subject;
  Minute minute;
  bucket::Source source;
  profile::Family family;
  std::string bytes;
};

struct ChunkRow {
  int64_t subject;
  Step step;
  Minute start;
  bucket::Source source;
  profile::Family family;
  std::string bytes;
};

// A stored row that cannot be read.
struct DamagedRow {
  std::string table;
  int64_t id;
  std::string reason;
};

// Rows to be written in place of those of the same key.
struct Folded {
  std::vector<PartRow> parts;
  std::vector<ChunkRow> chunks;
  std::vector<DamagedRow> damaged;  // whose place a new row may take: to be set aside first
};

class Fold {
 public:
  // Late batches are the rule around the end of an hour: only so much later its minutes go into chunks.
  static constexpr Minute kGrace = 2;

  Fold(const Retention& retention, Minute now) : retention_(retention), now_(now) {}

  // Minutes before it are over: their place is in chunks, for others it is in parts.
  static Minute OverBefore(Minute now) { return FloorTo(now - kGrace, ChunkMinutesOf(Step::kMinute)); }

  void Add(int64_t subject, bucket::Source source, Minute minute, bucket::SubjectSummary summary);
  size_t memory_bytes() const { return memory_bytes_; }  // about; of what was added, not of what it merged to

  // Ends the fold.
  Result<Folded> Finish(Connection& tables, ChunkCodec& codec);

 private:
  struct Key {
    int64_t subject;
    bucket::Source source;
    auto operator<=>(const Key&) const = default;
  };

  Step FinestKept(Minute minute) const;
  Status FinishParts(Connection& tables, Folded& folded);
  Status FinishChunks(Key key, Step step, const Timeline& timeline, Connection& tables, ChunkCodec& codec,
                      Folded& folded);
  static void RollUp(Timeline& from, Step step, Timeline& into);

  const Retention& retention_;
  Minute now_;
  size_t memory_bytes_ = 0;
  std::map<Key, Timeline> parts_;
  std::map<Key, std::array<Timeline, kAllSteps.size()>>
      chunks_;  // each summary at the finest step that keeps it
};

}  // namespace fieldmark::store
