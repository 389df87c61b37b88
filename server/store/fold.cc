#include "server/store/fold.h"

#include <algorithm>

#include "server/store/families.h"
#include "server/store/part.h"

namespace fieldmark::store {
namespace {

std::string Encode(const bucket::SubjectSummary& summary, profile::Family family) {
  ByteWriter out;
  bucket::EncodeSubject(summary, family, out);
  return std::move(out).Take();
}

Result<std::string> MergeEncoded(std::string_view a, std::string_view b, profile::Family family) {
  bucket::SubjectSummary merged;
  for (const std::string_view bytes : {a, b}) {
    ByteReader in(bytes);
    bucket::DecodeSubject(in, family, merged);
    FM_RETURN_IF_ERROR(in.Finish("a stored summary"));
  }
  return Encode(merged, family);
}

// Entries with their bytes, while a chunk is being made.
using Entries = std::map<uint32_t, std::string>;

Status MergeStored(std::span<const ChunkEntry> stored, profile::Family family, Entries& into) {
  for (const ChunkEntry& entry : stored) {
    const auto [added, is_new] = into.try_emplace(entry.index, entry.bytes);
    if (is_new) continue;
    Result<std::string> merged = MergeEncoded(entry.bytes, added->second, family);
    if (!merged.ok()) return merged.error();
    added->second = std::move(*merged);
  }
  return {};
}

std::string PackEntries(const Entries& entries, ChunkCodec& codec) {
  std::vector<ChunkEntry> views;
  for (const auto& [index, bytes] : entries) views.push_back({index, bytes});
  return codec.Pack(views);
}

// What is damaged is listed and left out: one bad sector must not stop all folding.
Status MergeStoredPart(Connection& tables, PartRow& row, std::vector<DamagedRow>& damaged) {
  Statement stored = tables.Use(
      "SELECT id, bytes, checksum FROM part WHERE subject = ? AND minute = ? AND source = ? AND family = ?",
      row.subject, row.minute, static_cast<int64_t>(row.source), static_cast<int64_t>(row.family));
  const Result<bool> found = stored.Next();
  if (!found.ok()) return found.error();
  if (!*found) return {};
  bucket::SubjectSummary merged;
  const PartKey key{row.subject, row.minute, row.source, row.family};
  if (const Status read = DecodePart(key, stored, 1, 2, merged); !read.ok()) {
    damaged.push_back({"part", stored.Int(0), read.error().message});
    return {};
  }
  ByteReader in(row.bytes);
  bucket::DecodeSubject(in, row.family, merged);
  row.bytes = Encode(merged, row.family);
  return {};
}

Status MergeStoredChunk(Connection& tables, ChunkCodec& codec, const ChunkRow& row, Entries& entries,
                        std::vector<DamagedRow>& damaged) {
  Statement stored = tables.Use(
      "SELECT bytes, id FROM chunk WHERE subject = ? AND step = ? AND start_minute = ? AND source = ? AND "
      "family = ?",
      row.subject, static_cast<int64_t>(row.step), row.start, static_cast<int64_t>(row.source),
      static_cast<int64_t>(row.family));
  const Result<bool> found = stored.Next();
  if (!found.ok()) return found.error();
  if (!*found) return {};
  const Result<std::span<const ChunkEntry>> unpacked = codec.Unpack(stored.Bytes(0));
  const Status merged = unpacked.ok() ? MergeStored(*unpacked, row.family, entries) : unpacked.error();
  if (!merged.ok()) damaged.push_back({"chunk", stored.Int(1), merged.error().message});
  return {};
}

void Put(Timeline& timeline, Minute at, bucket::SubjectSummary summary) {
  const auto [entry, is_new] = timeline.try_emplace(at, std::move(summary));
  // try_emplace leaves its argument alone when the place is taken.
  if (!is_new) entry->second.Absorb(std::move(summary));  // NOLINT(bugprone-use-after-move)
}

}  // namespace

Step Fold::FinestKept(Minute minute) const {
  for (const Step step : kAllSteps) {
    for (const profile::Family family : kAllFamilies) {
      if (retention_.Keeps(family, step, ChunkStartOf(minute, step), now_)) return step;
    }
  }
  // Older than anything kept. Deleting is left to retention, which does not trust one clock alone.
  return Step::kDay;
}

void Fold::Add(int64_t subject, bucket::Source source, Minute minute, bucket::SubjectSummary summary) {
  memory_bytes_ += bucket::MemoryBytes(summary);
  const Key key{subject, source};
  if (minute >= OverBefore(now_)) return Put(parts_[key], minute, std::move(summary));
  const Step step = FinestKept(minute);
  Put(chunks_[key][static_cast<size_t>(step)], StartOf(minute, step), std::move(summary));
}

Result<Folded> Fold::Finish(Connection& tables, ChunkCodec& codec) {
  Folded folded;
  FM_RETURN_IF_ERROR(FinishParts(tables, folded));
  for (auto& [key, timelines] : chunks_) {
    for (const Step step : kAllSteps) {
      const size_t at = static_cast<size_t>(step);
      FM_RETURN_IF_ERROR(FinishChunks(key, step, timelines[at], tables, codec, folded));
      if (at + 1 < timelines.size()) RollUp(timelines[at], kAllSteps[at + 1], timelines[at + 1]);
    }
  }
  return folded;
}

void Fold::RollUp(Timeline& from, Step step, Timeline& into) {
  for (auto& [at, summary] : from) Put(into, StartOf(at, step), std::move(summary));
  from.clear();
}

Status Fold::FinishParts(Connection& tables, Folded& folded) {
  for (const auto& [key, timeline] : parts_) {
    for (const auto& [minute, summary] : timeline) {
      for (const profile::Family family : kAllFamilies) {
        if (!bucket::HasFamily(summary, family)) continue;
        PartRow row{key.subject, minute, key.source, family, Encode(summary, family)};
        FM_RETURN_IF_ERROR(MergeStoredPart(tables, row, folded.damaged));
        folded.parts.push_back(std::move(row));
      }
    }
  }
  return {};
}

Status Fold::FinishChunks(Key key, Step step, const Timeline& timeline, Connection& tables, ChunkCodec& codec,
                          Folded& folded) {
  for (auto begin = timeline.begin(); begin != timeline.end();) {
    const Minute start = ChunkStartOf(begin->first, step);
    const auto end = timeline.lower_bound(start + ChunkMinutesOf(step));
    for (const profile::Family family : kAllFamilies) {
      if (step != Step::kDay && !retention_.Keeps(family, step, start, now_)) continue;
      Entries entries;
      for (auto at = begin; at != end; ++at) {
        if (!bucket::HasFamily(at->second, family)) continue;
        entries[static_cast<uint32_t>((at->first - start) / MinutesOf(step))] = Encode(at->second, family);
      }
      if (entries.empty()) continue;
      ChunkRow row{key.subject, step, start, key.source, family, {}};
      FM_RETURN_IF_ERROR(MergeStoredChunk(tables, codec, row, entries, folded.damaged));
      row.bytes = PackEntries(entries, codec);
      folded.chunks.push_back(std::move(row));
    }
    begin = end;
  }
  return {};
}

}  // namespace fieldmark::store
