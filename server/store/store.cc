#include "server/store/store.h"

#include <map>
#include <utility>

namespace fieldmark::store {
namespace {

using Timeline = std::map<Minute, bucket::SubjectSummary>;

void Absorb(Piece&& piece, Timeline& into) {
  bucket::SubjectSummary& slice = into[piece.start];
  if (!piece.summary.body) return slice.Absorb(std::move(piece.summary));
  profile::Fields& fields = piece.summary.body->fields;
  for (profile::NamedField& named : piece.fields)
    fields.emplace_hint(fields.end(), named.path, std::move(named.field));
  slice.Absorb(std::move(piece.summary));
}

}  // namespace

Result<std::vector<Slice>> Store::Read(const Query& query) {
  std::map<std::string, Timeline, std::less<>> timelines;
  const auto absorb = [&](Piece&& piece) {
    auto timeline = timelines.find(piece.subject);
    if (timeline == timelines.end()) timeline = timelines.try_emplace(std::string(piece.subject)).first;
    Absorb(std::move(piece), timeline->second);
  };
  FM_RETURN_IF_ERROR(Visit(query, absorb));
  std::vector<Slice> slices;
  for (auto& [subject, timeline] : timelines) {
    for (auto& [start, summary] : timeline) slices.push_back({start, subject, std::move(summary)});
  }
  return slices;
}

}  // namespace fieldmark::store
