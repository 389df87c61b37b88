#include "fieldmark/sketch/trace_ids.h"

#include <algorithm>
#include <utility>

#include "fieldmark/base/hash.h"

namespace fieldmark::sketch {
namespace {

constexpr TraceId kNone{};
constexpr std::string_view kDigits = "0123456789abcdef";

std::string_view BytesOf(const TraceId& id) { return {reinterpret_cast<const char*>(id.data()), id.size()}; }

bool AreDigits(std::string_view text) { return text.find_first_not_of(kDigits) == std::string_view::npos; }

}  // namespace

// Version, trace, parent and flags: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01. Later versions
// may go on after the flags.
std::optional<TraceId> TraceIdOf(std::string_view traceparent) {
  constexpr size_t kSize = 55, kTrace = 3, kParent = 36, kFlags = 53;
  const std::string_view version = traceparent.substr(0, 2);
  if (traceparent.size() < kSize || version == "ff" || (version == "00" && traceparent.size() != kSize) ||
      (traceparent.size() > kSize && traceparent[kSize] != '-') || traceparent[kTrace - 1] != '-' ||
      traceparent[kParent - 1] != '-' || traceparent[kFlags - 1] != '-') {
    return std::nullopt;
  }
  const std::string_view trace = traceparent.substr(kTrace, 32);
  if (!AreDigits(version) || !AreDigits(trace) || !AreDigits(traceparent.substr(kParent, 16)) ||
      !AreDigits(traceparent.substr(kFlags, 2))) {
    return std::nullopt;
  }
  TraceId id;
  for (size_t i = 0; i < id.size(); ++i) {
    id[i] = static_cast<uint8_t>(kDigits.find(trace[2 * i]) << 4 | kDigits.find(trace[2 * i + 1]));
  }
  if (id == kNone) return std::nullopt;
  return id;
}

std::string ToHex(const TraceId& id) {
  std::string hex;
  for (const uint8_t byte : id) {
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

uint64_t TraceIds::HashOf(const TraceId& id) { return SipHash13(HashKey{}, BytesOf(id)); }

void TraceIds::Add(const TraceId& id) {
  if (id != kNone) Put({HashOf(id), id});
}

void TraceIds::Put(Entry entry) {
  for (size_t i = 0; i < size_; ++i) {
    if (entry == entries_[i]) return;
    if (entry < entries_[i]) std::swap(entry, entries_[i]);
  }
  if (size_ < kIdsMax) entries_[size_++] = entry;
}

void TraceIds::Merge(const TraceIds& other) {
  if (&other == this) return;
  for (size_t i = 0; i < other.size_; ++i) Put(other.entries_[i]);
}

std::vector<TraceId> TraceIds::ids() const {
  std::vector<TraceId> ids;
  for (size_t i = 0; i < size_; ++i) ids.push_back(entries_[i].id);
  return ids;
}

void TraceIds::Encode(ByteWriter& out) const {
  out.Varint(size_);
  for (size_t i = 0; i < size_; ++i) out.Raw(BytesOf(entries_[i].id));
}

TraceIds TraceIds::Decode(ByteReader& in) {
  TraceIds ids;
  const size_t size = in.Count(sizeof(TraceId));
  if (size > kIdsMax) in.Fail();
  for (size_t i = 0; i < size && in.ok(); ++i) {
    TraceId id;
    const std::string_view bytes = in.Raw(id.size());
    std::copy(bytes.begin(), bytes.end(), id.begin());
    const Entry entry{HashOf(id), id};
    if (id == kNone || (i > 0 && entry <= ids.entries_[i - 1])) in.Fail();
    ids.entries_[ids.size_++] = entry;
  }
  if (!in.ok()) return {};
  return ids;
}

}  // namespace fieldmark::sketch
