// Any bytes: DecodeField never crashes, what it accepts has one encoding, and merging it keeps what Decode
// checks.
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "fieldmark/profile/field.h"

namespace fieldmark::profile {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

std::string Encoded(const FieldSummary& field, Family family) {
  ByteWriter out;
  EncodeField(field, family, out);
  return std::move(out).Take();
}

bool HasSum(const FieldSummary& field) {
  for (const auto* histogram : {&field.numbers, &field.string_bytes, &field.array_items, &field.age_ms}) {
    if (!histogram->empty() && histogram->sum()) return true;
  }
  return false;
}

void CheckBuckets(std::span<const sketch::HistogramBucket> side) {
  for (size_t i = 0; i < side.size(); ++i) {
    Check(side[i].count > 0 && (i == 0 || side[i].index > side[i - 1].index));
  }
}

void CheckRoundTrip(const FieldSummary& field, Family family) {
  const std::string bytes = Encoded(field, family);
  ByteReader in(bytes);
  FieldSummary decoded;
  DecodeField(in, family, decoded);
  Check(in.Finish("a field").ok());
  Check(decoded == field);
}

}  // namespace
}  // namespace fieldmark::profile

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fieldmark;
  using namespace fieldmark::profile;
  if (size == 0) return 0;
  const auto family = static_cast<Family>(data[0] % kFamilies);
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  ByteReader in(bytes);
  FieldSummary field;
  DecodeField(in, family, field);
  if (!in.ok()) return 0;
  // Sums alone may differ in their last bits after merging into nothing.
  if (family != Family::kDistributions || !HasSum(field))
    Check(Encoded(field, family) == bytes.substr(0, in.offset()));
  CheckRoundTrip(field, family);
  for (const auto* histogram : {&field.numbers, &field.string_bytes, &field.array_items, &field.age_ms}) {
    CheckBuckets(histogram->positive());
    CheckBuckets(histogram->negative());
  }
  FieldSummary twice = field;
  twice.Merge(field);
  CheckRoundTrip(twice, family);
  twice.Conceal();
  CheckRoundTrip(twice, family);
  return 0;
}
