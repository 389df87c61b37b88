#include "fieldmark/json/lenient.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>

#include "fieldmark/json/numbers.h"

namespace fieldmark::json {
namespace {

constexpr size_t kTapeSlackWords = 4;  // the root's, and what the last value takes more than its bytes

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsBlank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
uint8_t Byte(char c) { return static_cast<uint8_t>(c); }

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

struct Sequence {
  size_t size;  // bytes: of the whole sequence when valid, else of its maximal ill-formed part
  bool valid;
};

// The UTF-8 sequence at the start of `bytes`, which is not empty (Unicode 15, table 3-7).
Sequence SequenceAt(std::string_view bytes) {
  const uint8_t lead = Byte(bytes[0]);
  if (lead < 0x80) return {1, true};
  const size_t size = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (size == 0) return {1, false};
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
  if (lead == 0xE0) low = 0xA0;   // overlong
  if (lead == 0xED) high = 0x9F;  // surrogates
  if (lead == 0xF0) low = 0x90;   // overlong
  if (lead == 0xF4) high = 0x8F;  // beyond U+10FFFF
  for (size_t i = 1; i < size; ++i) {
    if (i == bytes.size() || Byte(bytes[i]) < low || Byte(bytes[i]) > high) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {size, true};
}

}  // namespace

Document LenientReader::Read(std::string_view body) {
  body_ = body;
  at_ = 0;
  done_ = false;
  malformed_ = Malformed::kNone;
  oddities_ = {};
  stack_.clear();
  strings_.clear();
  tape_.clear();
  // A word a byte is the most there can be: `1,` has two. Without growing by doubling, pages that are not
  // needed are not touched.
  if (tape_.capacity() < body.size() + kTapeSlackWords) tape_touched_ = 0;
  tape_.reserve(body.size() + kTapeSlackWords);
  Append('r', 0);  // indexes count from 1

  SkipBlanks();
  if (AtEnd()) Fail(Malformed::kEmpty);
  while (malformed_ == Malformed::kNone && !done_) {
    if (ReadValue() && ReadToNextValue()) continue;
  }
  tape_touched_ = std::max(tape_touched_, tape_.size());

  Document document;
  document.malformed = malformed_;
  if (malformed_ == Malformed::kNone) {
    strings_.append(kTextSlackBytes, '\0');
    document.words = tape_.data() + 1;
    document.texts = strings_.data();
    document.oddities = oddities_;
  } else {
    document.malformed_at = at_;
  }
  return document;
}

// A string that is assigned an empty one keeps its memory; exchanged for one it does not.
void LenientReader::Release() {
  std::vector<Container>().swap(stack_);
  LargeVector<uint64_t>().swap(tape_);
  LargeString().swap(strings_);
  tape_touched_ = 0;
}

bool LenientReader::Fail(Malformed kind) {
  malformed_ = kind;
  return false;
}

bool LenientReader::FailUnexpected() {
  if (AtEnd()) return Fail(Malformed::kTruncated);
  if (!SequenceAt(body_.substr(at_)).valid) return Fail(Malformed::kInvalidUtf8);
  return Fail(Malformed::kNotJson);
}

void LenientReader::SkipBlanks() {
  while (!AtEnd() && IsBlank(body_[at_])) ++at_;
}

void LenientReader::Append(char type, uint64_t payload) {
  tape_.push_back(static_cast<uint64_t>(Byte(type)) << 56 | payload);
}

bool LenientReader::ReadValue() {
  switch (Peek()) {
    case '{':
      return Open(true);
    case '[':
      return Open(false);
    case '"':
      return ReadString();
    case 't':
      if (!ReadWord("true")) return false;
      Append('t', 0);
      return true;
    case 'f':
      if (!ReadWord("false")) return false;
      Append('f', 0);
      return true;
    case 'n':
      if (!ReadWord("null")) return false;
      Append('n', 0);
      return true;
    case 'N':
      if (!ReadWord("NaN")) return false;
      AppendText('N', "NaN");
      return true;
    case 'I':
      if (!ReadWord("Infinity")) return false;
      AppendText('N', "Infinity");
      return true;
    default:
      return ReadNumber();
  }
}

// Behind the opening: at the first value, or, when empty, behind the close.
bool LenientReader::Open(bool is_object) {
  stack_.push_back({tape_.size(), 0, is_object});
  Append(is_object ? '{' : '[', 0);
  ++at_;
  SkipBlanks();
  if (Peek() == (is_object ? '}' : ']')) {
    Close();
    return true;
  }
  if (stack_.size() > depth_max_) return AtEnd() ? Fail(Malformed::kTruncated) : Fail(Malformed::kTooDeep);
  return true;
}

void LenientReader::Close() {
  const Container container = stack_.back();
  stack_.pop_back();
  ++at_;
  Append(container.is_object ? '}' : ']', container.open);
  tape_[container.open] |= std::min(container.members, kMembersMax) << 32 | tape_.size();
}

bool LenientReader::ReadToNextValue() {
  while (!stack_.empty()) {
    Container& container = stack_.back();
    const bool just_opened = container.open + 1 == tape_.size();
    if (!just_opened) {
      SkipBlanks();
      const char separator = Peek();
      if (!AtEnd() && separator == (container.is_object ? '}' : ']')) {
        Close();
        continue;
      }
      if (separator != ',') return FailUnexpected();
      ++at_;
      SkipBlanks();
    }
    ++container.members;
    return container.is_object ? ReadKey() : true;
  }
  SkipBlanks();
  if (!AtEnd()) return Fail(Malformed::kTrailing);
  done_ = true;
  return true;
}

bool LenientReader::ReadKey() {
  if (Peek() != '"') return FailUnexpected();
  if (!ReadString()) return false;
  SkipBlanks();
  if (Peek() != ':') return FailUnexpected();
  ++at_;
  SkipBlanks();
  return true;
}

bool LenientReader::ReadWord(std::string_view word) {
  for (const char c : word) {
    if (AtEnd() || body_[at_] != c) return FailUnexpected();
    ++at_;
  }
  return EndOfScalar();
}

// A word or number ends where a blank, a structural character or the body does: "nullify" and "01" are no
// JSON.
bool LenientReader::EndOfScalar() {
  if (AtEnd() || IsBlank(Peek()) || std::string_view("{}[],:").find(Peek()) != std::string_view::npos)
    return true;
  return FailUnexpected();
}

bool LenientReader::ReadDigits() {
  if (AtEnd() || !IsDigit(body_[at_])) return FailUnexpected();
  while (!AtEnd() && IsDigit(body_[at_])) ++at_;
  return true;
}

bool LenientReader::ReadNumber() {
  const size_t start = at_;
  const bool negative = Peek() == '-';
  if (negative) ++at_;
  if (negative && Peek() == 'I') {
    if (!ReadWord("Infinity")) return false;
    AppendText('N', "-Infinity");
    return true;
  }
  const bool leading_zero = Peek() == '0';
  if (leading_zero) {
    ++at_;
  } else if (!ReadDigits()) {
    return false;
  }
  bool integer = true;
  if (Peek() == '.') {
    integer = false;
    ++at_;
    if (!ReadDigits()) return false;
  }
  if (Peek() == 'e' || Peek() == 'E') {
    integer = false;
    ++at_;
    if (Peek() == '+' || Peek() == '-') ++at_;
    if (!ReadDigits()) return false;
  }
  if (!EndOfScalar()) return false;
  const std::string_view text = body_.substr(start, at_ - start);
  if (integer) {
    AppendInteger(text, negative);
  } else {
    AppendReal(text);
  }
  return true;
}

void LenientReader::AppendInteger(std::string_view text, bool negative) {
  const char* end = text.data() + text.size();
  int64_t integer = 0;
  uint64_t natural = 0;
  if (std::from_chars(text.data(), end, integer).ec == std::errc()) {
    Append('l', 0);
    tape_.push_back(static_cast<uint64_t>(integer));
  } else if (!negative && std::from_chars(text.data(), end, natural).ec == std::errc()) {
    Append('u', 0);
    tape_.push_back(natural);
  } else {
    AppendText('Z', text);
  }
}

void LenientReader::AppendReal(std::string_view text) {
  const std::optional<double> value = DoubleOf(text);
  if (!value) return AppendText('N', text);
  Append('d', 0);
  tape_.push_back(std::bit_cast<uint64_t>(*value));
}

void LenientReader::AppendText(char type, std::string_view text) {
  const auto size = static_cast<uint32_t>(text.size());
  strings_.append(reinterpret_cast<const char*>(&size), sizeof size);
  tape_.push_back(TextWord(type, strings_.size(), size));
  strings_.append(text);
}

bool LenientReader::ReadString() {
  strings_.append(sizeof(uint32_t), '\0');
  const size_t start = strings_.size();
  repaired_ = false;
  ++at_;
  for (;;) {
    const size_t run = at_;
    while (!AtEnd() && Byte(body_[at_]) >= 0x20 && Byte(body_[at_]) < 0x80 && body_[at_] != '"' &&
           body_[at_] != '\\') {
      ++at_;
    }
    strings_.append(body_, run, at_ - run);
    if (AtEnd()) return Fail(Malformed::kTruncated);
    const char c = body_[at_];
    if (c == '"') break;
    if (Byte(c) >= 0x80) {
      CopyMultibyte();
    } else if (c != '\\') {
      return Fail(Malformed::kNotJson);
    } else if (!ReadEscape()) {
      return false;
    }
  }
  ++at_;
  const auto size = static_cast<uint32_t>(strings_.size() - start);
  std::memcpy(strings_.data() + start - sizeof size, &size, sizeof size);
  if (repaired_) ++oddities_.invalid_utf8;
  tape_.push_back(TextWord(repaired_ ? 'U' : '"', start, size));
  return true;
}

void LenientReader::CopyMultibyte() {
  const Sequence sequence = SequenceAt(body_.substr(at_));
  if (sequence.valid) {
    strings_.append(body_, at_, sequence.size);
  } else {
    AppendReplacement();
  }
  at_ += sequence.size;
}

bool LenientReader::ReadEscape() {
  ++at_;
  if (AtEnd()) return Fail(Malformed::kTruncated);
  const char c = body_[at_];
  if (c == 'u') {
    ++at_;
    return ReadUnicodeEscape();
  }
  static constexpr std::string_view kEscapes = "\"\\/bfnrt";
  static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const size_t escape = kEscapes.find(c);
  if (escape == std::string_view::npos) return Fail(Malformed::kNotJson);
  strings_.push_back(kMeanings[escape]);
  ++at_;
  return true;
}

bool LenientReader::ReadHex4(uint32_t& code) {
  code = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    if (AtEnd()) return Fail(Malformed::kTruncated);
    const int digit = HexDigit(body_[at_]);
    if (digit < 0) return Fail(Malformed::kNotJson);
    code = code << 4 | static_cast<uint32_t>(digit);
  }
  return true;
}

bool LenientReader::ReadUnicodeEscape() {
  uint32_t code;
  if (!ReadHex4(code)) return false;
  const bool high = code >= 0xD800 && code < 0xDC00;
  if (high && body_.substr(at_, 2) == "\\u") {
    const size_t second = at_;
    at_ += 2;
    uint32_t low;
    if (!ReadHex4(low)) return false;
    if (low >= 0xDC00 && low < 0xE000) {
      AppendCodePoint(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00));
      return true;
    }
    at_ = second;  // no pair: the second escape stands for itself
  }
  if (code >= 0xD800 && code < 0xE000) {
    AppendReplacement();
  } else {
    AppendCodePoint(code);
  }
  return true;
}

void LenientReader::AppendReplacement() {
  strings_.append("\xEF\xBF\xBD");
  repaired_ = true;
}

void LenientReader::AppendCodePoint(uint32_t code) {
  const auto trail = [&](int shift) { strings_.push_back(static_cast<char>(0x80 | (code >> shift & 0x3F))); };
  if (code < 0x80) {
    strings_.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    strings_.push_back(static_cast<char>(0xC0 | code >> 6));
    trail(0);
  } else if (code < 0x10000) {
    strings_.push_back(static_cast<char>(0xE0 | code >> 12));
    trail(6);
    trail(0);
  } else {
    strings_.push_back(static_cast<char>(0xF0 | code >> 18));
    trail(12);
    trail(6);
    trail(0);
  }
}

}  // namespace fieldmark::json
