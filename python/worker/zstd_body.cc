#include "python/worker/zstd_body.h"

#include <zstd.h>

#include <memory>

namespace fieldmark::worker {

std::optional<std::string> UnpackZstdBody(std::string_view packed) {
  if (packed.empty()) return std::nullopt;
  // In one piece, where what was unpacked is the window.
  const auto memory = std::make_unique_for_overwrite<char[]>(kUnpackedBytesMax);
  const size_t size = ZSTD_decompress(memory.get(), kUnpackedBytesMax, packed.data(), packed.size());
  if (ZSTD_isError(size) != 0) return std::nullopt;
  return std::string(memory.get(), size);
}

}  // namespace fieldmark::worker
