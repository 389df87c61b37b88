// What DecodeBatch accepts can be written again and reads the same. An input that begins like a batch is one
// as it stands; any other is an unpacked body behind its first byte, since a fuzzer does not find its way
// through zstd. Whether fields are kept makes no difference to what is accepted.
#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "fieldmark/bucket/batch.h"

namespace {

using fieldmark::bucket::Batch;
using fieldmark::bucket::BatchFilter;
using fieldmark::bucket::DecodeBatch;
using fieldmark::bucket::EncodeBatch;

// Small, so that a fuzzer finds inputs that take more memory than they may.
constexpr size_t kDecodedBytesMax = 256u << 10;

std::string BatchWith(std::string_view body) {
  Batch batch;
  batch.header.hash_key_id = 1;
  std::string bytes = EncodeBatch(batch);
  bytes.resize(bytes.find("\x28\xb5\x2f\xfd"));
  std::string packed(ZSTD_compressBound(body.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), body.data(), body.size(), 1));
  return bytes + packed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const std::string bytes = input[0] == 'F' ? std::string(input) : BatchWith(input.substr(1));
  (void)fieldmark::bucket::DecodeBatchHeader(bytes);
  const auto batch = DecodeBatch(bytes, kDecodedBytesMax);
  // Keeping no field, it accepts the same.
  BatchFilter no_fields;
  no_fields.field = [](std::string_view) { return false; };
  if (DecodeBatch(bytes, no_fields, kDecodedBytesMax).ok() != batch.ok()) std::abort();
  if (!batch.ok()) return 0;
  const std::string again = EncodeBatch(*batch);
  const auto back = DecodeBatch(again);
  if (!back.ok() || !(*back == *batch) || EncodeBatch(*back) != again) std::abort();
  return 0;
}
