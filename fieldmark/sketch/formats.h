// Formats: what a string looks like. A pure function of the text, so counting its answers merges as plain
// sums.
//
// Everything is decided on the text as it stands, unchanged: a date with a blank behind it is no date but
// padded. A text may have several formats. Of a text longer than kFormatBytesMax the first so many bytes are
// looked at; formats that describe the whole text (marked W below) are then not found.
//
// | format    | is                                                                                          |
// |-----------|---------------------------------------------------------------------------------------------|
// | uuid      | W 8-4-4-4-12 hexadecimal digits, either case                                                |
// | date      | W YYYY-MM-DD, a day of the Gregorian calendar, years 0000 to 9999                           |
// | date-time | W a date; 'T', 't' or a blank; HH:MM, then :SS (to 60) and a fraction of 1 to 9 digits with |
// |           | '.' or ',', each optional; then nothing, 'Z', 'z', ±HH, ±HHMM or ±HH:MM                     |
// | email     | W at most 254 bytes; 1–64 of letters, digits and !#$%&'*+-/=?^_`{|}~ in parts joined by '.',
// | |           | '@', then two or more labels joined by '.': 1–63 letters, digits and inner '-', the last |
// |           | label at least two and beginning with a letter                                              |
// | url       | a letter; letters, digits, '+', '-', '.'; "://"; then at least one more byte, and no blank  |
// |           | or control character anywhere                                                               |
// | ip        | W IPv4: four numbers 0–255 without leading zeros; IPv6: the forms of RFC 4291 §2.2, no zone |
// | number    | W at most 64 bytes: an optional sign, digits, an optional '.' and digits, an optional 'e' or
// | |           | 'E', sign and digits; leading zeros allowed | | boolean   | W true or false, in lower case,
// upper case or capitalised                                   | | json      | an object or array by its ends:
// '{', white space, then '"' or '}' … '}'; or '[', white      | |           | space, then what begins a JSON
// value or ']' … ']'                                           | | hex       | an even number ≥ 8 of
// hexadecimal digits of one case, at least one digit and one letter     | | base64    | at least 16 bytes and
// a multiple of 4; of letters, digits and either '+' '/' or '-' '_', at | |           | the end up to two
// '='; among them an upper case and a lower case letter and a digit         | | blank     | nothing but white
// space (blank, tab, LF, CR), or nothing at all                             | | padded    | not blank, and
// white space at the beginning or, of the whole text, at the end               | | non-ascii | a byte above
// 0x7F                                                                           | | control   | a control
// character (below 0x20 and 0x7F) other than tab, LF, CR                            | | card      | W 13–19
// digits, groups of them joined by one ' ' or '-', beginning like an issuer's range   | |           | of
// Visa, Mastercard, American Express, Discover, JCB or Diners Club, with the Luhn check    | |           |
// digit (ISO/IEC 7812)                                                                        | | iban      |
// W two upper case letters, two digits, 11–30 upper case letters and digits, a blank allowed  | |           |
// after every fourth; the check digits of ISO 13616 (modulo 97)                               | | phone     |
// W '+' and 8–15 digits (E.164), the first not 0; or ten digits as (ddd) ddd-dddd,            | |           |
// ddd-ddd-dddd or ddd.ddd.dddd; the former with single ' ', '-', '.', '/' between digits and  | |           |
// one pair of parentheses                                                                     | | jwt       |
// two or three parts joined by '.' of letters, digits, '-', '_', the first two beginning with | |           |
// "eyJ"; a long text may end inside any part from the second on                               | | key       |
// a well-known prefix of an access key and at least 16 more letters, digits, '-', '_' (and    | |           |
// '.'), all of the text; or a PEM private key's first line                                    |
//
// False positives are inherent: one in ten 16-digit numbers has the check digit of a card, the mixed-case
// name "CustomerOrders01" is base64. They are shares to compare before and after a change, not facts about a
// value.
//
// Cost: one table look-up a byte (≤ 256), then exact checks of the few formats that no byte has ruled out. No
// allocation, no regular expression; about 8 ns a word, 20 to 40 ns a uuid, date-time or address, 100 ns a
// long text.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace fieldmark::sketch {

// The order on the wire and on disk. Append only.
enum class Format : uint8_t {
  kUuid,
  kDate,
  kDateTime,
  kEmail,
  kUrl,
  kIp,
  kNumber,
  kBoolean,
  kJson,
  kHex,
  kBase64,
  kBlank,
  kPadded,
  kNonAscii,
  kControl,
  kCard,
  kIban,
  kPhone,
  kJwt,
  kKey,
};
inline constexpr size_t kFormats = 20;
inline constexpr size_t kFormatBytesMax = 256;

// "uuid", "date-time" … as in the table; stable, they go into signal names.
std::string_view FormatName(Format format);

using FormatSet = uint32_t;  // bit i: the Format of value i
constexpr FormatSet SetOf(Format format) { return FormatSet{1} << static_cast<unsigned>(format); }

FormatSet FormatsOf(std::string_view text);

// How many strings had each format.
using FormatCounts = std::array<uint64_t, kFormats>;

}  // namespace fieldmark::sketch
