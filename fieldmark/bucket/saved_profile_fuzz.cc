// What DecodeProfile accepts can be written again and reads the same. An input that begins like a saved
// profile is one as it stands; any other is an unpacked body behind its first byte, which says whether it was
// hashed, since a fuzzer does not find its way through zstd.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "fieldmark/bucket/packed.h"
#include "fieldmark/bucket/saved_profile.h"

namespace {

namespace bucket = fieldmark::bucket;

// Small, so that a fuzzer finds inputs that take more memory than they may.
constexpr size_t kDecodedBytesMax = 256u << 10;

std::string ProfileWith(bool hashed, std::string_view body) {
  fieldmark::ByteWriter header;
  header.Fixed64(hashed ? 1 : 0);
  header.U8(0);
  fieldmark::ByteWriter out;
  out.Raw(bucket::kProfileMagic);
  out.U8(bucket::kProfileFormatVersion & 0xFF);
  out.U8(bucket::kProfileFormatVersion >> 8);
  out.String(header.bytes());
  out.Raw(bucket::Pack(body));
  return std::move(out).Take();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const std::string bytes =
      input[0] == 'F' ? std::string(input) : ProfileWith((input[0] & 1) != 0, input.substr(1));
  const auto profile = bucket::DecodeProfile(bytes, kDecodedBytesMax);
  if (!profile.ok()) return 0;
  const auto again = bucket::EncodeProfile(*profile);
  if (!again.ok()) std::abort();
  const auto back = bucket::DecodeProfile(*again);
  if (!back.ok() || !(*back == *profile) || *bucket::EncodeProfile(*back) != *again) std::abort();
  bucket::SavedProfile twice = *profile;
  if (!twice.Merge(*profile) || twice.hash_key_id != profile->hash_key_id) std::abort();
  return 0;
}
