#include "fieldmark/bucket/packed.h"

#include <zstd.h>

namespace fieldmark::bucket {
namespace {

// Hashes and registers are most of the bytes and hardly compress: against level 3, a third less time for 5 %
// more bytes (bucket_bench).
constexpr int kZstdLevel = 1;

Error Damaged(const UnpackTexts& texts) {
  return {ErrorCode::kDataLoss, "reading " + std::string(texts.what) +
                                    ": its body is damaged or cut short; " + std::string(texts.retry)};
}

}  // namespace

std::string Pack(std::string_view bytes) {
  std::string packed(ZSTD_compressBound(bytes.size()), '\0');
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kZstdLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  const size_t size = ZSTD_compress2(context.get(), packed.data(), packed.size(), bytes.data(), bytes.size());
  FM_DCHECK(ZSTD_isError(size) == 0);
  packed.resize(size);
  return packed;
}

Result<Unpacked> Unpack(std::string_view packed, size_t bytes_max, const UnpackTexts& texts) {
  const std::string reading = "reading " + std::string(texts.what) + ": its body";
  const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR) return Damaged(texts);
  if (size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return Error{ErrorCode::kInvalidArgument,
                 reading + "'s zstd frame does not say how large it is; pack it in one piece"};
  }
  if (size > bytes_max) {
    return Error{ErrorCode::kTooLarge, reading + " unpacks to " + std::to_string(size) + " bytes, at most " +
                                           std::to_string(bytes_max) + " are taken; " +
                                           std::string(texts.shrink)};
  }
  if (ZSTD_findFrameCompressedSize(packed.data(), packed.size()) != packed.size()) return Damaged(texts);
  Unpacked unpacked{std::make_unique_for_overwrite<char[]>(size), static_cast<size_t>(size)};
  // Into one buffer of the declared size zstd needs no window, whatever the frame asks for, and writes no
  // further.
  if (ZSTD_decompress(unpacked.memory.get(), size, packed.data(), packed.size()) != size) {
    return Damaged(texts);
  }
  return unpacked;
}

}  // namespace fieldmark::bucket
