#include "server/store/part.h"

#include <cstring>

#include "fieldmark/base/bytes.h"
#include "fieldmark/base/hash.h"

namespace fieldmark::store {

// No secret: the key of the hash is where the key of the row goes in.
int64_t PartChecksum(const PartKey& key, std::string_view bytes) {
  const int64_t place =
      key.minute << 8 | static_cast<int64_t>(key.source) << 4 | static_cast<int64_t>(key.family);
  HashKey row;
  std::memcpy(row.bytes.data(), &key.subject, sizeof key.subject);
  std::memcpy(row.bytes.data() + sizeof key.subject, &place, sizeof place);
  return static_cast<int64_t>(SipHash13(row, bytes));
}

Status DecodePart(const PartKey& key, const Statement& row, int bytes_column, int checksum_column,
                  bucket::SubjectSummary& into) {
  const std::string_view bytes = row.Bytes(bytes_column);
  if (!row.IsNull(checksum_column) && row.Int(checksum_column) != PartChecksum(key, bytes))
    return Error{ErrorCode::kDataLoss, "reading a part: its bytes are not those that were written"};
  ByteReader in(bytes);
  bucket::DecodeSubject(in, key.family, into);
  return in.Finish("a part");
}

}  // namespace fieldmark::store
