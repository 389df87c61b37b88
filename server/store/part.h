// What makes a row of the part table whole: its bytes have no checksum of their own, as chunks and batches
// have.
#pragma once

#include <string_view>

#include "fieldmark/bucket/batch.h"
#include "server/store/sqlite.h"

namespace fieldmark::store {

struct PartKey {
  int64_t subject;
  Minute minute;
  bucket::Source source;
  profile::Family family;
};

// Of the bytes and of what they are stored as, so that a row that turned up in another's place is noticed
// too.
int64_t PartChecksum(const PartKey& key, std::string_view bytes);

// Adds what is stored to `into`. kDataLoss, with `into` in an unknown state, for bytes that were not written
// so; rows of schemas before 4 have no checksum, and are told by what cannot be decoded alone.
Status DecodePart(const PartKey& key, const Statement& row, int bytes_column, int checksum_column,
                  bucket::SubjectSummary& into);

}  // namespace fieldmark::store
