#include "fieldmark/sketch/texts.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "fieldmark/base/utf8.h"

namespace fieldmark::sketch {
namespace {

constexpr std::string_view kCut = "…";
constexpr uint8_t kString = 's';
constexpr uint8_t kNumber = 'd';

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

std::string Shortened(std::string_view text) {
  if (text.size() <= Texts::kTextBytesMax) return std::string(text);
  size_t size = Texts::kTextBytesMax - kCut.size();
  while (size > 0 && IsContinuation(text[size])) --size;
  return std::string(text.substr(0, size)).append(kCut);
}

bool BeforeHash(const ValueText& value, uint64_t hash) { return value.hash < hash; }

// Of two texts of one hash: a number that was written in two ways, or two values in 2^64.
bool Before(const ValueText& a, const ValueText& b) {
  return std::tie(a.is_number, a.text) < std::tie(b.is_number, b.text);
}

}  // namespace

void Texts::Add(uint64_t hash, bool is_number, std::string_view text) {
  if (texts_.size() == kTextsMax && hash > texts_.back().hash) return;
  Put({hash, is_number, Shortened(text)});
}

void Texts::Put(ValueText value) {
  const auto at = std::lower_bound(texts_.begin(), texts_.end(), value.hash, BeforeHash);
  if (at != texts_.end() && at->hash == value.hash) {
    if (Before(value, *at)) *at = std::move(value);
    return;
  }
  texts_.insert(at, std::move(value));
  if (texts_.size() > kTextsMax) texts_.pop_back();
}

void Texts::Merge(const Texts& other) {
  if (&other == this) return;
  for (const ValueText& value : other.texts_) Put(value);
}

const ValueText* Texts::Find(uint64_t hash) const {
  const auto at = std::lower_bound(texts_.begin(), texts_.end(), hash, BeforeHash);
  return at != texts_.end() && at->hash == hash ? &*at : nullptr;
}

void Texts::Encode(ByteWriter& out) const {
  out.Varint(texts_.size());
  for (const ValueText& value : texts_) {
    out.Fixed64(value.hash);
    out.U8(value.is_number ? kNumber : kString);
    out.String(value.text);
  }
}

Texts Texts::Decode(ByteReader& in) {
  Texts texts;
  const size_t size = in.Count(10);
  if (size > kTextsMax) in.Fail();
  for (size_t i = 0; i < size && in.ok(); ++i) {
    ValueText value;
    value.hash = in.Fixed64();
    const uint8_t tag = in.U8();
    const std::string_view text = in.String();
    if (!in.ok() || text.size() > kTextBytesMax || !IsUtf8(text) || (tag != kString && tag != kNumber) ||
        (i > 0 && value.hash <= texts.texts_.back().hash)) {
      in.Fail();
      break;
    }
    value.is_number = tag == kNumber;
    value.text = text;
    texts.texts_.push_back(std::move(value));
  }
  if (!in.ok()) return {};
  return texts;
}

size_t Texts::heap_bytes() const {
  size_t bytes = texts_.capacity() * sizeof(ValueText);
  for (const ValueText& value : texts_) bytes += value.text.capacity();
  return bytes;
}

}  // namespace fieldmark::sketch
