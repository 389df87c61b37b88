#include "server/store/chunk.h"

#include <zstd.h>

#include "fieldmark/base/bytes.h"

namespace fieldmark::store {
namespace {

constexpr uint8_t kChunkFormat = 1;
constexpr int kLevel = 1;  // measured: level 3 saves 1 % of the bytes and takes 7 % more of folding's time

Error Damaged() { return {ErrorCode::kDataLoss, "reading a chunk: damaged or cut short"}; }

}  // namespace

struct ChunkCodec::Contexts {
  ZSTD_CCtx* in = ZSTD_createCCtx();
  ZSTD_DCtx* out = ZSTD_createDCtx();

  Contexts() {
    ZSTD_CCtx_setParameter(in, ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(in, ZSTD_c_checksumFlag, 1);
  }
  ~Contexts() {
    ZSTD_freeCCtx(in);
    ZSTD_freeDCtx(out);
  }
};

ChunkCodec::ChunkCodec() : contexts_(std::make_unique<Contexts>()) {}
ChunkCodec::~ChunkCodec() = default;

std::string ChunkCodec::Pack(std::span<const ChunkEntry> entries) {
  ByteWriter out;
  out.Varint(entries.size());
  for (const ChunkEntry& entry : entries) {
    out.Varint(entry.index);
    out.Varint(entry.bytes.size());
  }
  for (const ChunkEntry& entry : entries) out.Raw(entry.bytes);

  std::string packed(1 + ZSTD_compressBound(out.size()), static_cast<char>(kChunkFormat));
  const size_t size =
      ZSTD_compress2(contexts_->in, packed.data() + 1, packed.size() - 1, out.bytes().data(), out.size());
  FM_DCHECK(!ZSTD_isError(size));  // the room is what the library asks for
  packed.resize(1 + size);
  return packed;
}

Result<std::span<const ChunkEntry>> ChunkCodec::Unpack(std::string_view packed) {
  if (packed.empty()) return Damaged();
  if (static_cast<uint8_t>(packed[0]) != kChunkFormat) {
    return Error{ErrorCode::kUnsupported, "reading a chunk: of a format that this build does not read"};
  }
  packed.remove_prefix(1);
  const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kChunkBytesMax)
    return Damaged();
  unpacked_.resize(size);
  const size_t got =
      ZSTD_decompressDCtx(contexts_->out, unpacked_.data(), unpacked_.size(), packed.data(), packed.size());
  if (ZSTD_isError(got) || got != size) return Damaged();

  ByteReader in(unpacked_);
  const size_t count = in.Count(2);
  if (count > kChunkEntriesMax) return Damaged();
  std::vector<uint64_t> sizes(count);
  entries_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const uint64_t index = in.Varint();
    sizes[i] = in.Varint();
    if (index >= kChunkEntriesMax || (i > 0 && index <= entries_[i - 1].index)) return Damaged();
    entries_[i].index = static_cast<uint32_t>(index);
  }
  for (size_t i = 0; i < count; ++i) entries_[i].bytes = in.Raw(sizes[i]);
  FM_RETURN_IF_ERROR(in.Finish("a chunk"));
  return std::span<const ChunkEntry>(entries_);
}

}  // namespace fieldmark::store
