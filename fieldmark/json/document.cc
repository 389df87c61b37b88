#include "fieldmark/json/document.h"

#include <algorithm>

#include "fieldmark/json/fast.h"
#include "fieldmark/json/lenient.h"

namespace fieldmark::json {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kKeptCapacityMax = 64u << 10;  // beside the other reader's buffers: taste
constexpr size_t kTouchedPerByteMax = 16;       // the copy, an index, a word, a text once more
constexpr size_t kPageSlack = 8u << 10;         // each buffer begins and ends somewhere in a page

bool IsPunctuation(char character) {
  const char folded = static_cast<char>(character | 0x20);  // [ to {, ] to }
  return folded == '{' || folded == '}' || character == ',' || character == ':';
}

}  // namespace

std::string_view MalformedName(Malformed kind) {
  static constexpr std::string_view kNames[kMalformedKinds] = {
      "none", "empty", "truncated", "trailing", "not json", "invalid utf-8", "too deep", "too large"};
  const auto index = static_cast<size_t>(kind);
  return index < kMalformedKinds ? kNames[index] : "unknown";
}

// The copy and the texts of a body take no more than its size each and, for every text, 3 bytes beyond its
// quotes. Behind every punctuation stands at most one value: it has an index, as the punctuation has, and at
// most two words.
size_t BytesTouchedBy(std::string_view body) {
  const size_t worst = kTouchedPerByteMax * body.size();
  if (body.size() <= kKeptCapacityMax) return worst;
  size_t punctuation = 0;
  for (const char character : body) punctuation += IsPunctuation(character) ? 1 : 0;
  const size_t values = punctuation + 1;
  const size_t each = 3 + 2 * sizeof(uint32_t) + 2 * sizeof(uint64_t);
  return std::min(worst, 2 * body.size() + each * values + 4 * kPageSlack);
}

struct Reader::State {
  explicit State(const Limits& limits)
      : body_bytes_max(std::min(limits.body_bytes_max, kBodyBytesMax)),
        depth_max(std::min(limits.depth_max, kDepthMax)),
        fast(depth_max),
        lenient(depth_max) {}

  Document Read(std::string_view body);
  void ReleaseFast();
  Document ReadLenient(std::string_view body);
  template <class Function>
  Document WithoutMark(std::string_view body, Function read);

  size_t body_bytes_max;
  size_t depth_max;
  FastReader fast;
  size_t fast_touched = 0;  // of its buffers
  LenientReader lenient;
};

// Both readers' buffers for a large body would be twice as much as one may take.
Document Reader::State::Read(std::string_view body) {
  if (body.size() > fast.capacity()) {
    if (lenient.touched_bytes() > kKeptCapacityMax) lenient.Release();
    fast_touched = 0;
  }
  Document document;
  const bool read = fast.Read(body, document);
  // Small buffers count whole, so that a small body costs no look at it.
  fast_touched = fast.capacity() <= kKeptCapacityMax ? kTouchedPerByteMax * fast.capacity()
                                                     : std::max(fast_touched, BytesTouchedBy(body));
  return read ? document : ReadLenient(body);
}

void Reader::State::ReleaseFast() {
  fast.Release();
  fast_touched = 0;
}

Document Reader::State::ReadLenient(std::string_view body) {
  if (fast.capacity() > kKeptCapacityMax) ReleaseFast();
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
  return state_->WithoutMark(body, [&](std::string_view bytes) { return state_->Read(bytes); });
}

Document Reader::ReadLenient(std::string_view body) {
  return state_->WithoutMark(body, [&](std::string_view bytes) { return state_->ReadLenient(bytes); });
}

size_t Reader::touched_bytes() const { return state_->fast_touched + state_->lenient.touched_bytes(); }

void Reader::Release() {
  state_->ReleaseFast();
  state_->lenient.Release();
}

}  // namespace fieldmark::json
