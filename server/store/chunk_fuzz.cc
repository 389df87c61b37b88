// Any bytes: what a chunk's codec unpacks is in order, and packs to what unpacks the same. An input that
// begins like a chunk is one as it stands; any other is an unpacked one behind its first byte, since a fuzzer
// does not find its way through zstd.
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/store/chunk.h"

namespace {

constexpr char kChunkFormat = 1;

std::string ChunkOf(std::string_view body) {
  std::string packed(1 + ZSTD_compressBound(body.size()), kChunkFormat);
  packed.resize(1 + ZSTD_compress(packed.data() + 1, packed.size() - 1, body.data(), body.size(), 1));
  return packed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fieldmark::store;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const bool whole = input.empty() || input[0] == kChunkFormat;
  const std::string bytes = whole ? std::string(input) : ChunkOf(input.substr(1));
  static ChunkCodec codec, other;
  const auto entries = codec.Unpack(bytes);
  if (!entries.ok()) return 0;
  for (size_t i = 0; i < entries->size(); ++i) {
    const uint32_t index = (*entries)[i].index;
    if (index >= kChunkEntriesMax || (i > 0 && index <= (*entries)[i - 1].index)) std::abort();
  }
  const std::string again = other.Pack(*entries);
  const auto back = other.Unpack(again);
  if (!back.ok() || !std::equal(entries->begin(), entries->end(), back->begin(), back->end())) std::abort();
  return 0;
}
