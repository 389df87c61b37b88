// What stands between two structural characters is one value and blanks, of which the first stage has found
// the beginning: so a value ends where the blanks before the next structural character begin, and nobody
// looks for its end byte by byte.
#include "fieldmark/json/fast.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <utility>

#include "fieldmark/json/numbers.h"

namespace fieldmark::json {
namespace {

// simdjson asks for as much behind what it reads.
constexpr size_t kPadding = simdjson::SIMDJSON_PADDING;
static_assert(kTextSlackBytes <= kPadding);
constexpr size_t kCapacityMin = 4096;  // taste: most API bodies fit, so most readers allocate once
constexpr size_t kTapeSlackWords = 4;  // before the root, and what the last value takes more than its bytes

template <class Word>
Word Load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

constexpr uint32_t WordOf(const char (&text)[5]) {
  return std::bit_cast<uint32_t>(std::array<char, 4>{text[0], text[1], text[2], text[3]});
}

constexpr uint64_t TypeWord(char type) { return static_cast<uint64_t>(static_cast<uint8_t>(type)) << 56; }

bool IsBlank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

constexpr uint64_t kExactMax = uint64_t{1} << 53;
// Powers of ten that a double holds exactly: a whole number up to 2^53 times or by one of them is rounded
// once, hence right (Clinger 1990).
constexpr std::array<double, 23> kPowers = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                            1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                            1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// The two words of a number; false where this reader takes none.
inline bool PutInteger(uint64_t magnitude, bool negative, uint64_t* out) {
  constexpr uint64_t kLargest = INT64_MAX;
  if (negative && magnitude > kLargest + 1) return false;
  out[0] = TypeWord(negative || magnitude <= kLargest ? 'l' : 'u');
  out[1] = negative ? ~magnitude + 1 : magnitude;
  return true;
}

inline bool PutReal(double magnitude, bool negative, uint64_t* out) {
  out[0] = TypeWord('d');
  out[1] = std::bit_cast<uint64_t>(negative ? -magnitude : magnitude);
  return true;
}

size_t TakeDigits(const char*& at, const char* end, uint64_t& value) {
  const char* const begin = at;
  for (; at < end && IsDigit(*at); ++at) value = 10 * value + static_cast<uint64_t>(*at - '0');
  return static_cast<size_t>(at - begin);
}

// Any number of JSON's grammar.
[[gnu::noinline]] bool PutAnyNumber(std::string_view text, uint64_t* out) {
  constexpr size_t kDigitsMax = 19;  // of which 64 bits hold all
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = at < end && *at == '-';
  if (negative) ++at;
  const bool zero = at < end && *at == '0';
  uint64_t mantissa = 0;
  size_t digits = TakeDigits(at, end, mantissa);
  if (digits == 0 || (zero && digits > 1)) return false;
  if (at == end) {
    if (digits > kDigitsMax && std::from_chars(end - digits, end, mantissa).ec != std::errc()) return false;
    return PutInteger(mantissa, negative, out);
  }
  int64_t exponent = 0;
  if (*at == '.') {
    const size_t places = TakeDigits(++at, end, mantissa);
    if (places == 0) return false;
    digits += places;
    exponent = -static_cast<int64_t>(places);
  }
  bool plain = digits <= kDigitsMax && mantissa <= kExactMax;
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    const bool down = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) ++at;
    uint64_t power = 0;
    const size_t places = TakeDigits(at, end, power);
    if (places == 0) return false;
    plain = plain && places <= 3;
    if (plain) exponent += down ? -static_cast<int64_t>(power) : static_cast<int64_t>(power);
  }
  if (at != end) return false;
  if (plain && exponent <= 0 && -exponent < static_cast<int64_t>(kPowers.size()))
    return PutReal(static_cast<double>(mantissa) / kPowers[static_cast<size_t>(-exponent)], negative, out);
  const std::optional<double> value = DoubleOf(text);
  return value && PutReal(*value, false, out);
}

// Most numbers have at most eight bytes behind the sign: all of them side by side in one word.
inline bool PutNumber(std::string_view text, uint64_t* out) {
  const bool negative = text[0] == '-';
  const size_t size = text.size() - (negative ? 1 : 0);
  if (size - 1 >= 8) return PutAnyNumber(text, out);
  const char* const begin = text.data() + (negative ? 1 : 0);
  // Digits become their values, the last one in the highest byte, with zeros before the first.
  uint64_t bytes = (Load<uint64_t>(begin) ^ 0x3030'3030'3030'3030) << (64 - 8 * size);
  // The highest bits of the bytes above 9.
  const uint64_t others =
      (((bytes & 0x7F7F'7F7F'7F7F'7F7F) + 0x7676'7676'7676'7676) | bytes) & 0x8080'8080'8080'8080;
  const bool zero = *begin == '0';
  int places = 0;
  if (others == 0) {
    if (zero && size > 1) return false;
  } else {
    const int point = std::countr_zero(others) / 8;
    const uint64_t before = (uint64_t{1} << (8 * point)) - 1;
    const bool decimal = (others & (others - 1)) == 0 && (bytes >> (8 * point) & 0xFF) == ('.' ^ '0') &&
                         point < 7 && static_cast<size_t>(point) > 8 - size;
    if (!decimal) return PutAnyNumber(text, out);
    if (zero && begin[1] != '.') return false;
    places = 7 - point;
    bytes = (bytes & before) << 8 | (bytes & ~(before << 8 | 0xFF));
  }
  // Pairs, then fours, then all eight.
  bytes = bytes * 10 + (bytes >> 8);
  constexpr uint64_t kPairs = 0x0000'00FF'0000'00FF;
  const uint64_t value = (((bytes & kPairs) * (100 + (uint64_t{1'000'000} << 32))) +
                          (((bytes >> 16) & kPairs) * (1 + (uint64_t{10'000} << 32)))) >>
                         32;
  if (others == 0) return PutInteger(value, negative, out);
  return PutReal(static_cast<double>(value) / kPowers[static_cast<size_t>(places)], negative, out);
}

}  // namespace

FastReader::FastReader(size_t depth_max)
    : depth_max_(depth_max), stack_(std::make_unique<Container[]>(depth_max)) {}

// Capacities are powers of two, so that slowly growing bodies do not allocate one by one.
void FastReader::Reserve(size_t size) {
  if (size <= capacity_) return;
  const size_t wanted = std::bit_ceil(std::max(size, kCapacityMin));
  Release();
  first_stage_.Reserve(wanted);
  tape_ = LargeVector<uint64_t>(wanted + kTapeSlackWords);
  texts_ = LargeVector<char>(2 * (wanted + kPadding));
  capacity_ = wanted;
}

void FastReader::Release() {
  first_stage_.Release();
  // Not {}, which would keep the memory.
  tape_ = LargeVector<uint64_t>();
  texts_ = LargeVector<char>();
  capacity_ = 0;
}

bool FastReader::Read(std::string_view body, Document& document) {
  if (body.empty()) return false;
  Reserve(body.size());
  std::memcpy(texts_.data(), body.data(), body.size());
  // Ends what does not end by itself.
  std::memset(texts_.data() + body.size(), 0, kPadding);
  if (!first_stage_.Run(texts_.data(), body.size())) return false;
  unescaped_ = texts_.data() + capacity_ + kPadding;
  if (!Build(body.size())) return false;
  document.words = tape_.data() + 1;
  document.texts = texts_.data();
  return true;
}

bool FastReader::Build(size_t size) {
  const char* const bytes = texts_.data();
  const uint32_t* at = first_stage_.begin();
  const uint32_t* const end = first_stage_.end();
  // Behind the last one stands the end of the body, where a byte 0 is: no step below goes further.
  *first_stage_.end() = static_cast<uint32_t>(size);
  const bool escapes = std::memchr(bytes, '\\', size) != nullptr;
  uint64_t* const tape = tape_.data();
  uint64_t* out = tape + 1;
  size_t depth = 0;
  // Of the innermost container that is open.
  Container open{0, 0, 0};

  // The text that begins at *at, with its quotes.
  const auto text = [&]() __attribute__((always_inline)) {
    const char* const begin = bytes + *at++ + 1;
    const char* close = bytes + *at - 1;
    while (*close != '"') --close;
    const auto text_size = static_cast<size_t>(close - begin);
    if (text_size >= kTextSizeMax || (escapes && std::memchr(begin, '\\', text_size) != nullptr)) [[unlikely]]
      return Unescape(begin, *out++);
    *out++ = TextWord('"', static_cast<size_t>(begin - bytes), text_size);
    return true;
  };

  for (;;) {
    if (open.close == '}') {
      if (bytes[at[0]] != '"' || bytes[at[1]] != ':' || !text()) return false;
      ++at;
    }
    const char* const begin = bytes + *at;
    const char first = *begin;
    if (first == '"') {
      if (!text()) return false;
    } else if (first == '{' || first == '[') {
      const char close = static_cast<char>(first + 2);
      ++at;
      if (bytes[*at] != close) {
        if (depth == depth_max_) return false;
        stack_[depth++] = open;
        open = {static_cast<uint32_t>(out++ - tape), 1, close};
        continue;
      }
      ++at;
      const auto index = static_cast<uint64_t>(out - tape);
      out[0] = TypeWord(first) | (index + 2);
      out[1] = TypeWord(close) | index;
      out += 2;
    } else {
      if (at == end) return false;
      const char* stop = bytes + *++at;
      while (stop > begin && IsBlank(stop[-1])) --stop;
      const auto word_size = static_cast<size_t>(stop - begin);
      if (first <= '9') {
        if (!PutNumber({begin, word_size}, out)) return false;
        out += 2;
      } else {
        const bool is_word =
            word_size == 4 ? (first == 't' && Load<uint32_t>(begin) == WordOf("true")) ||
                                 (first == 'n' && Load<uint32_t>(begin) == WordOf("null"))
                           : word_size == 5 && first == 'f' && Load<uint32_t>(begin + 1) == WordOf("alse");
        if (!is_word) return false;
        *out++ = TypeWord(first);
      }
    }
    // Behind a value: closes, and what the next one follows.
    while (depth > 0) {
      const char next = bytes[*at++];
      if (next == ',') {
        ++open.members;
        break;
      }
      if (next != open.close) return false;
      tape[open.open] = TypeWord(static_cast<char>(open.close - 2)) |
                        std::min<uint64_t>(open.members, kMembersMax) << 32 |
                        static_cast<uint64_t>(out + 1 - tape);
      *out++ = TypeWord(open.close) | open.open;
      open = stack_[--depth];
    }
    if (depth == 0) return at == end;
  }
}

bool FastReader::Unescape(const char* begin, uint64_t& word) {
  // What is too long for a word has its size before it.
  char* const to = unescaped_ + sizeof(uint32_t);
  char* const stop = first_stage_.Unescape(begin, to);
  if (stop == nullptr) return false;
  const auto size = static_cast<uint32_t>(stop - to);
  std::memcpy(unescaped_, &size, sizeof size);
  word = TextWord('"', static_cast<size_t>(to - texts_.data()), size);
  unescaped_ = stop;
  return true;
}

}  // namespace fieldmark::json
