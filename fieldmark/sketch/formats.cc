// One table: for every byte the formats that no text with that byte has, and the classes it belongs to. The
// union over a text's bytes, its size and what a format cannot do without leave few formats to check exactly,
// for most texts none.
#include "fieldmark/sketch/formats.h"

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fieldmark::sketch {
namespace {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool IsLetter(char c) { return IsLower(c) || IsUpper(c); }
constexpr bool IsAlphanumeric(char c) { return IsDigit(c) || IsLetter(c); }
constexpr bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
constexpr bool IsWhite(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
constexpr bool IsControl(char c) { return (static_cast<uint8_t>(c) < 0x20 && !IsWhite(c)) || c == 0x7F; }
constexpr bool IsOneOf(char c, std::string_view of) { return of.find(c) != std::string_view::npos; }

// Classes of bytes, above the bits of the formats.
constexpr uint32_t kDigit = 1u << 20;
constexpr uint32_t kLower = 1u << 21;
constexpr uint32_t kUpper = 1u << 22;
constexpr uint32_t kAt = 1u << 23;
constexpr uint32_t kColon = 1u << 24;
constexpr uint32_t kDot = 1u << 25;
constexpr uint32_t kHigh = 1u << 26;
constexpr uint32_t kControlByte = 1u << 27;
static_assert(kFormats <= 20);

// What the loop over exact checks may be asked for; the others follow from the classes and the ends.
constexpr FormatSet kChecked = ((FormatSet{1} << kFormats) - 1) & ~SetOf(Format::kBlank) &
                               ~SetOf(Format::kPadded) & ~SetOf(Format::kNonAscii) & ~SetOf(Format::kControl);

constexpr bool MayContain(Format format, char c) {
  switch (format) {
    case Format::kUuid:
      return IsHexDigit(c) || c == '-';
    case Format::kDate:
      return IsDigit(c) || c == '-';
    case Format::kDateTime:
      return IsDigit(c) || IsOneOf(c, "-:.,+TtZz ");
    case Format::kEmail:
      return IsAlphanumeric(c) || IsOneOf(c, "!#$%&'*+-/=?^_`{|}~.@");
    case Format::kUrl:
      return !IsWhite(c) && !IsControl(c);
    case Format::kIp:
      return IsHexDigit(c) || c == '.' || c == ':';
    case Format::kNumber:
      return IsDigit(c) || IsOneOf(c, "+-.eE");
    case Format::kBoolean:
      return IsOneOf(c, "truefalsTRUEFALS");
    case Format::kJson:
      return true;
    case Format::kHex:
      return IsHexDigit(c);
    case Format::kBase64:
      return IsAlphanumeric(c) || IsOneOf(c, "+/-_=");
    case Format::kBlank:
      return IsWhite(c);
    case Format::kPadded:
    case Format::kNonAscii:
    case Format::kControl:
      return true;
    case Format::kCard:
      return IsDigit(c) || c == ' ' || c == '-';
    case Format::kIban:
      return IsDigit(c) || IsUpper(c) || c == ' ';
    case Format::kPhone:
      return IsDigit(c) || IsOneOf(c, "+ -./()");
    case Format::kJwt:
    case Format::kKey:
      return IsAlphanumeric(c) || IsOneOf(c, "-_.");
  }
  return false;
}

alignas(64) constexpr std::array<uint32_t, 256> kBytes = [] {
  std::array<uint32_t, 256> table{};
  for (size_t byte = 0; byte < table.size(); ++byte) {
    const char c = static_cast<char>(byte);
    for (size_t format = 0; format < kFormats; ++format) {
      if (!MayContain(static_cast<Format>(format), c)) table[byte] |= 1u << format;
    }
    table[byte] |= (IsDigit(c) ? kDigit : 0) | (IsLower(c) ? kLower : 0) | (IsUpper(c) ? kUpper : 0) |
                   (c == '@' ? kAt : 0) | (c == ':' ? kColon : 0) | (c == '.' ? kDot : 0) |
                   (byte > 0x7F ? kHigh : 0) | (IsControl(c) ? kControlByte : 0);
  }
  return table;
}();

constexpr bool MayBegin(Format format, char c) {
  switch (format) {
    case Format::kDate:
    case Format::kDateTime:
      return IsDigit(c);
    case Format::kUrl:
      return IsLetter(c);
    case Format::kNumber:
      return IsDigit(c) || IsOneOf(c, "+-");
    case Format::kBoolean:
      return IsOneOf(c, "tfTF");
    case Format::kJson:
      return IsOneOf(c, "{[");
    case Format::kCard:
      return IsOneOf(c, "23456");
    case Format::kIban:
      return IsUpper(c);
    case Format::kPhone:
      return IsDigit(c) || IsOneOf(c, "+(");
    case Format::kJwt:
      return c == 'e';
    case Format::kKey:
      return IsOneOf(c, "ASgsrxnph");
    default:
      return MayContain(format, c);
  }
}

// The last byte of a whole text.
constexpr bool MayEnd(Format format, char c) {
  switch (format) {
    case Format::kDate:
    case Format::kNumber:
    case Format::kCard:
    case Format::kPhone:
      return IsDigit(c);
    case Format::kDateTime:
      return IsDigit(c) || IsOneOf(c, "Zz");
    case Format::kEmail:
      return IsAlphanumeric(c);
    case Format::kBoolean:
      return IsOneOf(c, "eE");
    case Format::kJson:
      return IsOneOf(c, "}]");
    default:
      return true;
  }
}

// For every byte the formats of texts that may begin, and may end with it.
template <class May>
constexpr std::array<FormatSet, 256> SetsByByte(May may) {
  std::array<FormatSet, 256> table{};
  for (size_t byte = 0; byte < table.size(); ++byte) {
    for (size_t format = 0; format < kFormats; ++format) {
      if (may(static_cast<Format>(format), static_cast<char>(byte))) table[byte] |= 1u << format;
    }
  }
  return table;
}
constexpr std::array<FormatSet, 256> kByFirst = SetsByByte(MayBegin);
constexpr std::array<FormatSet, 256> kByLast = SetsByByte(MayEnd);

// The formats that a text of so many bytes may have; the last entry is for all larger sizes.
constexpr std::array<FormatSet, 65> kBySize = [] {
  struct Sizes {
    Format format;
    size_t least;
    size_t most;
  };
  constexpr size_t kAny = SIZE_MAX;
  constexpr Sizes kSizes[] = {
      {Format::kUuid, 36, 36},   {Format::kDate, 10, 10},     {Format::kDateTime, 16, 35},
      {Format::kEmail, 6, kAny}, {Format::kUrl, 5, kAny},     {Format::kIp, 2, 45},
      {Format::kNumber, 1, 64},  {Format::kBoolean, 4, 5},    {Format::kJson, 2, kAny},
      {Format::kHex, 8, kAny},   {Format::kBase64, 16, kAny}, {Format::kCard, 13, 37},
      {Format::kIban, 15, 42},   {Format::kPhone, 9, 40},     {Format::kJwt, 7, kAny},
      {Format::kKey, 19, kAny},
  };
  std::array<FormatSet, 65> table{};
  for (size_t size = 0; size < table.size(); ++size) {
    for (const Sizes& each : kSizes) {
      if (size >= each.least && size <= each.most) table[size] |= SetOf(each.format);
    }
  }
  return table;
}();

constexpr FormatSet Sets(std::initializer_list<Format> formats) {
  FormatSet set = 0;
  for (const Format format : formats) set |= SetOf(format);
  return set;
}

constexpr FormatSet kOfWholeTexts =
    Sets({Format::kUuid, Format::kDate, Format::kDateTime, Format::kEmail, Format::kIp, Format::kNumber,
          Format::kBoolean, Format::kCard, Format::kIban, Format::kPhone});
constexpr FormatSet kNeedDigit = Sets({Format::kDate, Format::kDateTime, Format::kNumber, Format::kHex,
                                       Format::kBase64, Format::kCard, Format::kIban, Format::kPhone});
constexpr FormatSet kNeedColon = Sets({Format::kUrl, Format::kDateTime});

FormatSet Without(bool present, FormatSet needing) { return present ? 0 : needing; }

// What cannot be, for want of a byte.
FormatSet Impossible(uint32_t bytes) {
  const bool lower = (bytes & kLower) != 0;
  const bool upper = (bytes & kUpper) != 0;
  return Without((bytes & kDigit) != 0, kNeedDigit) | Without((bytes & kColon) != 0, kNeedColon) |
         Without((bytes & kAt) != 0, SetOf(Format::kEmail)) |
         Without((bytes & (kColon | kDot)) != 0, SetOf(Format::kIp)) |
         Without((bytes & kDot) != 0, SetOf(Format::kJwt)) | Without(lower && upper, SetOf(Format::kBase64)) |
         Without(lower != upper, SetOf(Format::kHex));
}

template <class Word>
Word Load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// The union over all bytes. Loads overlap where the size is no multiple of theirs, so that no loop runs for a
// number of bytes that nobody can guess.
uint32_t BytesOfAnywhere(std::string_view text) {
  const auto entry = [](uint64_t word, int byte) { return kBytes[(word >> (8 * byte)) & 0xFF]; };
  const auto four = [&entry](uint64_t word) {
    return (entry(word, 0) | entry(word, 1)) | (entry(word, 2) | entry(word, 3));
  };
  const char* at = text.data();
  const size_t size = text.size();
  const char* const end = at + size;
  if (size >= 8) {
    const auto last = Load<uint64_t>(end - 8);
    uint32_t bytes = four(last) | four(last >> 32);
    for (; end - at > 8; at += 8) {
      const auto word = Load<uint64_t>(at);
      bytes |= four(word) | four(word >> 32);
    }
    return bytes;
  }
  if (size >= 4) return four(Load<uint32_t>(at)) | four(Load<uint32_t>(end - 4));
  if (size == 0) return 0;
  const auto byte = [at](size_t i) { return kBytes[static_cast<uint8_t>(at[i])]; };
  return byte(0) | byte(size / 2) | byte(size - 1);
}

using BytesOfFunction = uint32_t (*)(std::string_view);
#if defined(__x86_64__)
// The bytes of the entries of ASCII, those of each place together. All other bytes have one entry.
alignas(64) constexpr std::array<std::array<uint8_t, 128>, 4> kPlanes = [] {
  std::array<std::array<uint8_t, 128>, 4> planes{};
  for (size_t plane = 0; plane < planes.size(); ++plane) {
    for (size_t byte = 0; byte < 128; ++byte)
      planes[plane][byte] = static_cast<uint8_t>(kBytes[byte] >> (8 * plane));
  }
  return planes;
}();
static_assert(std::all_of(kBytes.begin() + 128, kBytes.end(),
                          [](uint32_t entry) { return entry == kBytes[255]; }));

// Looks up 64 bytes at a time. Where a text ends in a register, its first byte stands in again.
[[gnu::target("avx512f,avx512bw,avx512vbmi")]] uint32_t BytesOfWide(std::string_view text) {
  if (text.empty()) return 0;
  __m512i low[4], high[4], seen[4];
#pragma GCC unroll 4
  for (size_t plane = 0; plane < 4; ++plane) {
    low[plane] = _mm512_load_si512(kPlanes[plane].data());
    high[plane] = _mm512_load_si512(kPlanes[plane].data() + 64);
    seen[plane] = _mm512_setzero_si512();
  }
  const __m512i first = _mm512_set1_epi8(text[0]);
  uint64_t beyond = 0;  // ASCII
  for (size_t at = 0; at < text.size(); at += 64) {
    const size_t left = text.size() - at;
    const __mmask64 there = left >= 64 ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
    const __m512i bytes = _mm512_mask_loadu_epi8(first, there, text.data() + at);
    const __mmask64 strange = _mm512_movepi8_mask(bytes);
    beyond |= strange;
#pragma GCC unroll 4
    for (size_t plane = 0; plane < 4; ++plane) {
      seen[plane] = _mm512_or_si512(seen[plane],
                                    _mm512_maskz_permutex2var_epi8(~strange, low[plane], bytes, high[plane]));
    }
  }
  // Entries put together again, four bytes a place.
  const __m512i lower =
      _mm512_or_si512(_mm512_unpacklo_epi8(seen[0], seen[1]), _mm512_unpackhi_epi8(seen[0], seen[1]));
  const __m512i upper =
      _mm512_or_si512(_mm512_unpacklo_epi8(seen[2], seen[3]), _mm512_unpackhi_epi8(seen[2], seen[3]));
  const __m512i entries =
      _mm512_or_si512(_mm512_unpacklo_epi16(lower, upper), _mm512_unpackhi_epi16(lower, upper));
  std::array<uint64_t, 8> pairs;
  std::memcpy(pairs.data(), &entries, sizeof entries);
  const uint64_t pair =
      ((pairs[0] | pairs[1]) | (pairs[2] | pairs[3])) | ((pairs[4] | pairs[5]) | (pairs[6] | pairs[7]));
  return static_cast<uint32_t>(pair | pair >> 32) | (beyond != 0 ? kBytes[255] : 0);
}

BytesOfFunction WidestBytesOf() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") ? BytesOfWide
                                                                                    : BytesOfAnywhere;
}
#else
BytesOfFunction WidestBytesOf() { return BytesOfAnywhere; }
#endif

uint32_t BytesOf(std::string_view text) {
  static const BytesOfFunction bytes_of = WidestBytesOf();
  // The short ones do not need wide registers.
  return text.size() <= 8 ? BytesOfAnywhere(text) : bytes_of(text);
}

// Takes digits off the front; how many there were.
size_t TakeDigits(std::string_view& text) {
  size_t digits = 0;
  while (digits < text.size() && IsDigit(text[digits])) ++digits;
  text.remove_prefix(digits);
  return digits;
}

bool Take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

// The value of two digits at `at`, or 100.
int TwoDigits(std::string_view text, size_t at) {
  if (at + 2 > text.size() || !IsDigit(text[at]) || !IsDigit(text[at + 1])) return 100;
  return (text[at] - '0') * 10 + (text[at + 1] - '0');
}

// Whether a byte of the word is a dash: one that is zero once dashes are taken out of it.
template <class Word>
bool HasDash(Word word) {
  constexpr Word kOnes = static_cast<Word>(0x0101'0101'0101'0101);
  const Word rest = word ^ kOnes * Word{'-'};
  return ((rest - kOnes) & ~rest & kOnes * Word{0x80}) != 0;
}

bool IsUuid(std::string_view text) {
  const char* at = text.data();
  if (at[8] != '-' || at[13] != '-' || at[18] != '-' || at[23] != '-') return false;
  // Every other byte is a digit unless it is a dash too.
  return !HasDash(Load<uint64_t>(at)) && !HasDash(Load<uint32_t>(at + 9)) &&
         !HasDash(Load<uint32_t>(at + 14)) && !HasDash(Load<uint32_t>(at + 19)) &&
         !HasDash(Load<uint64_t>(at + 24)) && !HasDash(Load<uint64_t>(at + 28));
}

bool IsDate(std::string_view text) {
  const int century = TwoDigits(text, 0);
  const int year = TwoDigits(text, 2);
  const int month = TwoDigits(text, 5);
  const int day = TwoDigits(text, 8);
  if (century > 99 || year > 99 || text[4] != '-' || month < 1 || month > 12 || text[7] != '-') return false;
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year != 0 || century % 4 == 0);
  return day >= 1 && day <= kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

// Nothing, Z, or an offset of at most a day.
bool IsZone(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return true;
  if (text[0] != '+' && text[0] != '-') return false;
  if (TwoDigits(text, 1) > 23) return false;
  if (text.size() == 3) return true;
  const size_t minutes = text[3] == ':' ? 4 : 3;
  return text.size() == minutes + 2 && TwoDigits(text, minutes) < 60;
}

bool IsDateTime(std::string_view text) {
  if (!IsDate(text) || !IsOneOf(text[10], "Tt ")) return false;
  if (TwoDigits(text, 11) > 23 || text[13] != ':' || TwoDigits(text, 14) > 59) return false;
  text.remove_prefix(16);
  if (!text.empty() && text[0] == ':') {
    if (TwoDigits(text, 1) > 60) return false;
    text.remove_prefix(3);
    if (!text.empty() && (text[0] == '.' || text[0] == ',')) {
      text.remove_prefix(1);
      const size_t digits = TakeDigits(text);
      if (digits < 1 || digits > 9) return false;
    }
  }
  return IsZone(text);
}

bool IsLabel(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) { return IsAlphanumeric(c) || c == '-'; });
}

bool IsDomain(std::string_view domain) {
  size_t dot = domain.find('.');
  if (dot == std::string_view::npos) return false;
  for (; dot != std::string_view::npos; dot = domain.find('.')) {
    if (!IsLabel(domain.substr(0, dot))) return false;
    domain.remove_prefix(dot + 1);
  }
  return IsLabel(domain) && domain.size() >= 2 && IsLetter(domain[0]);
}

bool IsEmail(std::string_view text) {
  const size_t at = text.find('@');
  if (text.size() > 254 || at < 1 || at > 64) return false;
  const std::string_view local = text.substr(0, at);
  if (local.front() == '.' || local.back() == '.' || local.find("..") != std::string_view::npos) return false;
  return IsDomain(text.substr(at + 1));
}

bool IsUrl(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon + 3 >= text.size() || text[colon + 1] != '/' || text[colon + 2] != '/') return false;
  const std::string_view scheme = text.substr(0, colon);
  return !scheme.empty() && IsLetter(scheme[0]) && std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return IsAlphanumeric(c) || IsOneOf(c, "+-.");
  });
}

bool IsIp4(std::string_view text) {
  for (int part = 0; part < 4; ++part) {
    if (part > 0 && !Take(text, '.')) return false;
    const std::string_view before = text;
    const size_t digits = TakeDigits(text);
    if (digits < 1 || digits > 3 || (digits > 1 && before[0] == '0')) return false;
    if (digits == 3 && before.substr(0, 3) > "255") return false;
  }
  return text.empty();
}

// How many groups of 16 bits the colon-separated list holds; 9 when it is none. Nothing is an empty list.
size_t GroupsOf(std::string_view list) {
  size_t groups = 0;
  while (!list.empty()) {
    const size_t colon = std::min(list.find(':'), list.size());
    const std::string_view group = list.substr(0, colon);
    const bool last = colon == list.size();
    if (last && group.find('.') != std::string_view::npos) return IsIp4(group) ? groups + 2 : 9;
    if (group.empty() || group.size() > 4 || group.find('.') != std::string_view::npos || groups == 8)
      return 9;
    ++groups;
    if (last) break;
    list.remove_prefix(colon + 1);
    if (list.empty()) return 9;  // a colon at the end
  }
  return groups;
}

bool IsIp(std::string_view text) {
  if (text.find(':') == std::string_view::npos) return IsIp4(text);
  const size_t gap = text.find("::");
  if (gap == std::string_view::npos) return GroupsOf(text) == 8;
  const std::string_view before = text.substr(0, gap);
  if (before.find('.') != std::string_view::npos) return false;
  return GroupsOf(before) + GroupsOf(text.substr(gap + 2)) <= 7;
}

bool IsNumber(std::string_view text) {
  if (text.size() > 64) return false;
  if (!Take(text, '-')) Take(text, '+');
  if (TakeDigits(text) == 0) return false;
  if (Take(text, '.') && TakeDigits(text) == 0) return false;
  if (!text.empty() && (text[0] == 'e' || text[0] == 'E')) {
    text.remove_prefix(1);
    if (!Take(text, '-')) Take(text, '+');
    if (TakeDigits(text) == 0) return false;
  }
  return text.empty();
}

bool IsBoolean(std::string_view text) {
  for (const std::string_view word : {"true", "false", "True", "False", "TRUE", "FALSE"}) {
    if (text == word) return true;
  }
  return false;
}

bool IsJson(std::string_view text) {
  const char open = text.front();
  if (!(open == '{' && text.back() == '}') && !(open == '[' && text.back() == ']')) return false;
  size_t next = 1;
  while (next < std::min(text.size(), kFormatBytesMax) && IsWhite(text[next])) ++next;
  const char c = next < std::min(text.size(), kFormatBytesMax) ? text[next] : '\0';
  return open == '{' ? c == '"' || c == '}' : IsDigit(c) || IsOneOf(c, "]\"{[-tfn");
}

bool IsBase64(std::string_view text, std::string_view head) {
  if (text.size() % 4 != 0) return false;
  const size_t equals = std::min(head.find('='), head.size());
  if (equals < head.size() && (text.size() - equals > 2 || head.back() != '=')) return false;
  return head.find_first_of("+/") == std::string_view::npos ||
         head.find_first_of("-_") == std::string_view::npos;
}

// The digits of a text whose other bytes are separators, each between two digits; none when they are not, or
// too many.
struct Digits {
  std::array<char, 20> of{};
  size_t size = 0;
  std::string_view view() const { return {of.data(), size}; }
};
Digits SeparatedDigits(std::string_view text) {
  Digits digits;
  bool separated = true;  // a separator may not come first
  for (const char c : text) {
    if (IsDigit(c)) {
      if (digits.size == digits.of.size()) return {};
      digits.of[digits.size++] = c;
    } else if (separated) {
      return {};
    }
    separated = !IsDigit(c);
  }
  return separated ? Digits{} : digits;
}

bool PassesLuhn(std::string_view digits) {
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    const int digit = digits[digits.size() - 1 - i] - '0';
    const int doubled = 2 * digit;
    sum += i % 2 == 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 == 0;
}

bool IsCardRange(std::string_view digits) {
  struct Range {
    std::string_view from;
    std::string_view to;
    size_t least;
    size_t most;
  };
  static constexpr Range kRanges[] = {
      {"4", "4", 13, 19},       {"51", "55", 16, 16},     {"2221", "2720", 16, 16}, {"34", "34", 15, 15},
      {"37", "37", 15, 15},     {"6011", "6011", 16, 19}, {"644", "649", 16, 19},   {"65", "65", 16, 19},
      {"3528", "3589", 16, 19}, {"300", "305", 14, 19},   {"36", "36", 14, 19},     {"38", "39", 14, 19},
  };
  return std::any_of(std::begin(kRanges), std::end(kRanges), [&](const Range& range) {
    const std::string_view prefix = digits.substr(0, range.from.size());
    return prefix >= range.from && prefix <= range.to && digits.size() >= range.least &&
           digits.size() <= range.most;
  });
}

bool IsCard(std::string_view text) {
  const Digits digits = SeparatedDigits(text);
  return digits.size >= 13 && digits.size <= 19 && IsCardRange(digits.view()) && PassesLuhn(digits.view());
}

bool IsIban(std::string_view text) {
  if (!IsUpper(text[0]) || !IsUpper(text[1]) || !IsDigit(text[2]) || !IsDigit(text[3])) return false;
  std::array<char, 34> packed;
  size_t size = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') {
      if (size == 0 || size % 4 != 0 || text[i - 1] == ' ') return false;
      continue;
    }
    if (size == packed.size()) return false;
    packed[size++] = text[i];
  }
  if (size < 15 || text.back() == ' ') return false;
  unsigned remainder = 0;
  for (size_t i = 0; i < size; ++i) {
    const char c = packed[(i + 4) % size];
    remainder = IsDigit(c) ? remainder * 10 + static_cast<unsigned>(c - '0')
                           : remainder * 100 + static_cast<unsigned>(c - 'A' + 10);
    remainder %= 97;
  }
  return remainder == 1;
}

// ddd-ddd-dddd, ddd.ddd.dddd or (ddd) ddd-dddd.
bool IsNationalPhone(std::string_view text) {
  const auto matches = [&](std::string_view pattern) {
    return text.size() == pattern.size() &&
           std::equal(text.begin(), text.end(), pattern.begin(),
                      [](char c, char of) { return of == 'd' ? IsDigit(c) : c == of; });
  };
  return matches("ddd-ddd-dddd") || matches("ddd.ddd.dddd") || matches("(ddd) ddd-dddd");
}

bool IsPhone(std::string_view text) {
  if (text[0] != '+') return IsNationalPhone(text);
  if (!IsDigit(text[1]) || text[1] == '0' || !IsDigit(text.back())) return false;
  size_t digits = 0;
  size_t opened = 0;
  size_t closed = 0;
  bool separator = false;  // the byte before is ' ', '-', '.' or '/'
  for (const char c : text.substr(1)) {
    const bool separates = IsOneOf(c, " -./");
    if ((separates && separator) || c == '+') return false;
    separator = separates;
    digits += IsDigit(c);
    opened += c == '(';
    closed += c == ')';
    if (closed > opened || opened > 1) return false;
  }
  return opened == closed && digits >= 8 && digits <= 15;
}

bool IsJwt(std::string_view head, bool whole) {
  if (!head.starts_with("eyJ")) return false;
  const size_t first = head.find('.');
  if (first == std::string_view::npos || !head.substr(first + 1).starts_with("eyJ")) return false;
  const size_t second = head.find('.', first + 1);
  if (second == std::string_view::npos) return true;
  const std::string_view rest = head.substr(second + 1);
  return rest.find('.') == std::string_view::npos && (!whole || !rest.empty());
}

constexpr std::string_view kKeyPrefixes[] = {
    "AKIA",  "ASIA",        "AIza",   "SG.",      "ghp_",     "gho_",  "ghu_",     "ghs_",
    "ghr_",  "github_pat_", "glpat-", "sk_live_", "sk_test_", "sk-",   "rk_live_", "rk_test_",
    "xoxb-", "xoxp-",       "xoxa-",  "xoxs-",    "npm_",     "pypi-", "hf_",      "shpat_",
};
constexpr size_t kKeyRestMin = 16;

bool IsKey(std::string_view head) {
  if (!IsOneOf(head[0], "ASgsrxnph")) return false;
  return std::any_of(std::begin(kKeyPrefixes), std::end(kKeyPrefixes), [&](std::string_view prefix) {
    return head.starts_with(prefix) && head.size() >= prefix.size() + kKeyRestMin;
  });
}

bool IsPrivateKey(std::string_view head) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  const std::string_view line = head.substr(0, head.find('\n'));
  return line.starts_with(kBegin) && line.find("PRIVATE KEY-----", kBegin.size()) != std::string_view::npos;
}

bool Is(Format format, std::string_view text, std::string_view head) {
  switch (format) {
    case Format::kUuid:
      return IsUuid(text);
    case Format::kDate:
      return IsDate(text);
    case Format::kDateTime:
      return IsDateTime(text);
    case Format::kEmail:
      return IsEmail(text);
    case Format::kUrl:
      return IsUrl(head);
    case Format::kIp:
      return IsIp(text);
    case Format::kNumber:
      return IsNumber(text);
    case Format::kBoolean:
      return IsBoolean(text);
    case Format::kJson:
      return IsJson(text);
    case Format::kHex:
      return text.size() % 2 == 0;
    case Format::kBase64:
      return IsBase64(text, head);
    case Format::kCard:
      return IsCard(text);
    case Format::kIban:
      return IsIban(text);
    case Format::kPhone:
      return IsPhone(text);
    case Format::kJwt:
      return IsJwt(head, head.size() == text.size());
    case Format::kKey:
      return IsKey(head);
    case Format::kBlank:
    case Format::kPadded:
    case Format::kNonAscii:
    case Format::kControl:
      break;
  }
  return false;
}

// Apart, so that the way of a plain word through FormatsOf stays short.
[[gnu::noinline]] FormatSet Check(FormatSet possible, std::string_view text, std::string_view head) {
  FormatSet found = 0;
  for (; possible != 0; possible &= possible - 1) {
    const auto format = static_cast<Format>(std::countr_zero(possible));
    if (Is(format, text, head)) found |= SetOf(format);
  }
  return found;
}

}  // namespace

std::string_view FormatName(Format format) {
  static constexpr std::string_view kNames[kFormats] = {
      "uuid",   "date",  "date-time", "email",     "url",     "ip",   "number", "boolean", "json", "hex",
      "base64", "blank", "padded",    "non-ascii", "control", "card", "iban",   "phone",   "jwt",  "key"};
  const auto index = static_cast<size_t>(format);
  return index < kFormats ? kNames[index] : "unknown";
}

FormatSet FormatsOf(std::string_view text) {
  const std::string_view head = text.substr(0, kFormatBytesMax);
  const uint32_t bytes = BytesOf(head);
  if ((bytes & SetOf(Format::kBlank)) == 0) return SetOf(Format::kBlank);
  FormatSet found = 0;
  if ((bytes & kHigh) != 0) found |= SetOf(Format::kNonAscii);
  if ((bytes & kControlByte) != 0) found |= SetOf(Format::kControl);
  if (text.front() == '-' && IsPrivateKey(head)) found |= SetOf(Format::kKey);
  if (IsWhite(text.front()) || IsWhite(text.back())) return found | SetOf(Format::kPadded);
  FormatSet possible =
      kBySize[std::min(text.size(), kBySize.size() - 1)] & kChecked & ~bytes & ~Impossible(bytes);
  possible &= kByFirst[static_cast<uint8_t>(text.front())] & kByLast[static_cast<uint8_t>(text.back())];
  if (text.size() > kFormatBytesMax) possible &= ~kOfWholeTexts;
  return possible == 0 ? found : found | Check(possible, text, head);
}

}  // namespace fieldmark::sketch
