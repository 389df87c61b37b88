// What DecodeBatch accepts can be written again and reads the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "fieldmark/bucket/batch.h"

namespace {

using fieldmark::bucket::Batch;
using fieldmark::bucket::DecodeBatch;
using fieldmark::bucket::EncodeBatch;

// Small, so that a fuzzer finds inputs that take more memory than they may.
constexpr size_t kDecodedBytesMax = 256u << 10;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)fieldmark::bucket::DecodeBatchHeader(bytes);
  const auto batch = DecodeBatch(bytes, kDecodedBytesMax);
  if (!batch.ok()) return 0;
  const std::string again = EncodeBatch(*batch);
  const auto back = DecodeBatch(again);
  if (!back.ok() || !(*back == *batch) || EncodeBatch(*back) != again) std::abort();
  return 0;
}
