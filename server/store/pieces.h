// Pieces: what a read comes upon, as it stands there.
#pragma once

#include <string_view>

#include "server/store/store.h"

namespace fieldmark::store {

// A query here is as CheckQuery returns it.
bool WantsSubject(const Query& query, std::string_view name);
// Visits what the query asks for of `buckets`, of whatever stream and source they are.
void VisitBuckets(const bucket::Buckets& buckets, const Query& query, const PieceVisitor& visit);
// Visits a whole summary as one piece.
void VisitWhole(std::string_view subject, Minute start, bucket::SubjectSummary summary,
                const PieceVisitor& visit);

}  // namespace fieldmark::store
