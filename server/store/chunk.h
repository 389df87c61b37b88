// Chunk: the encoded summaries of one (subject, source, family) over one stretch of steps, with a table of
// offsets so that a reader decodes only the steps it wants. SCHEMA.md has the bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/base/result.h"

namespace fieldmark::store {

struct ChunkEntry {
  uint32_t index = 0;      // steps since the chunk's start
  std::string_view bytes;  // as bucket::EncodeSubject writes them

  bool operator==(const ChunkEntry&) const = default;
};

inline constexpr size_t kChunkEntriesMax = 72;
inline constexpr size_t kChunkBytesMax = 256u
                                         << 20;  // unpacked; far above what limits of the workers let arise

// Packs and unpacks; holds the compressor's working memory. For one thread at a time.
class ChunkCodec {
 public:
  ChunkCodec();
  ~ChunkCodec();

  // `entries` sorted by index, each once.
  std::string Pack(std::span<const ChunkEntry> entries);
  // The entries point into this object, until the next call. kDataLoss for bytes that Pack cannot have
  // written.
  Result<std::span<const ChunkEntry>> Unpack(std::string_view packed);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
  std::string unpacked_;
  std::vector<ChunkEntry> entries_;
};

}  // namespace fieldmark::store
