#include "fieldmark/json/document.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>

#include "fieldmark/json/lenient.h"

namespace fieldmark::json {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
// simdjson keeps as much behind its strings as behind what it reads.
static_assert(kTextSlackBytes <= simdjson::SIMDJSON_PADDING);
constexpr size_t kKeptCapacityMax = 64u << 10;  // beside the lenient reader's buffers: taste
constexpr size_t kCapacityMin = 4096;           // taste: most API bodies fit, so most readers allocate once

}  // namespace

std::string_view MalformedName(Malformed kind) {
  static constexpr std::string_view kNames[kMalformedKinds] = {
      "none", "empty", "truncated", "trailing", "not json", "invalid utf-8", "too deep", "too large"};
  const auto index = static_cast<size_t>(kind);
  return index < kMalformedKinds ? kNames[index] : "unknown";
}

struct Reader::State {
  explicit State(const Limits& limits)
      : body_bytes_max(std::min(limits.body_bytes_max, kBodyBytesMax)),
        depth_max(std::min(limits.depth_max, kDepthMax)),
        lenient(depth_max) {}

  bool Reserve(size_t size);
  Document ReadLenient(std::string_view body);
  bool ReadFast(std::string_view body);
  template <class Function>
  Document WithoutMark(std::string_view body, Function read);

  size_t body_bytes_max;
  size_t depth_max;
  simdjson::dom::parser parser;
  std::unique_ptr<char[]> padded;  // simdjson reads past the end of what it is given
  size_t capacity = 0;
  LenientReader lenient;
};

// Capacities are powers of two, so that slowly growing bodies do not allocate one by one.
bool Reader::State::Reserve(size_t size) {
  if (size <= capacity) return true;
  if (lenient.heap_bytes() > kKeptCapacityMax) lenient = LenientReader(depth_max);
  const size_t wanted = std::bit_ceil(std::max(size, kCapacityMin));
  capacity = 0;
  // Its depth counts one more than ours.
  if (parser.allocate(wanted, depth_max + 1) != simdjson::SUCCESS) return false;
  if (parser.doc.allocate(wanted) != simdjson::SUCCESS) return false;
  padded = std::make_unique<char[]>(wanted + simdjson::SIMDJSON_PADDING);
  capacity = wanted;
  return true;
}

bool Reader::State::ReadFast(std::string_view body) {
  if (body.empty() || !Reserve(body.size())) return false;
  std::memcpy(padded.get(), body.data(), body.size());
  return parser.parse(padded.get(), body.size(), false).error() == simdjson::SUCCESS;
}

Document Reader::State::ReadLenient(std::string_view body) {
  // Both readers' buffers for a large body would be twice as much as one may take.
  if (capacity > kKeptCapacityMax) {
    parser = simdjson::dom::parser();
    padded.reset();
    capacity = 0;
  }
  return lenient.Read(body);
}

template <class Function>
Document Reader::State::WithoutMark(std::string_view body, Function read) {
  if (body.size() > body_bytes_max) {
    Document document;
    document.malformed = Malformed::kTooLarge;
    document.malformed_at = body_bytes_max;
    return document;
  }
  const bool marked = body.starts_with(kByteOrderMark);
  if (marked) body.remove_prefix(kByteOrderMark.size());
  Document document = read(body);
  document.oddities.byte_order_mark = marked;
  if (marked && document.malformed != Malformed::kNone) document.malformed_at += kByteOrderMark.size();
  return document;
}

Reader::Reader(const Limits& limits) : state_(std::make_unique<State>(limits)) {}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

Document Reader::Read(std::string_view body) {
  return state_->WithoutMark(body, [&](std::string_view bytes) {
    if (!state_->ReadFast(bytes)) return state_->ReadLenient(bytes);
    Document document;
    document.words = state_->parser.doc.tape.get() + 1;
    document.strings = state_->parser.doc.string_buf.get();
    return document;
  });
}

Document Reader::ReadLenient(std::string_view body) {
  return state_->WithoutMark(body, [&](std::string_view bytes) { return state_->ReadLenient(bytes); });
}

size_t Reader::heap_bytes() const {
  // As simdjson allocates: a word and an index a byte, and a text of five thirds.
  return state_->capacity * (sizeof(uint64_t) + sizeof(uint32_t) + 1) + state_->capacity / 3 * 5 +
         state_->lenient.heap_bytes();
}

void Reader::Release() {
  state_->parser = simdjson::dom::parser();
  state_->padded.reset();
  state_->capacity = 0;
  state_->lenient = LenientReader(state_->depth_max);
}

}  // namespace fieldmark::json
