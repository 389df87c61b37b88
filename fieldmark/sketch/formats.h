// Formats: what a string looks like. A pure function of the text, so counting its answers merges as plain
// sums.
//
// Everything is decided on the text as it stands: a date with a blank behind it is no date but padded. A text
// may have several formats. Of a text longer than kFormatBytesMax the first so many bytes are looked at;
// those formats below that are said to be of short texts are then not found.
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

// The order on the wire and on disk. Append only. White space is blank, tab, line feed and carriage return;
// letters and digits are those of ASCII.
enum class Format : uint8_t {
  // 8-4-4-4-12 hexadecimal digits, either case. Short texts.
  kUuid,
  // YYYY-MM-DD, a day of the Gregorian calendar, years 0000 to 9999. Short texts.
  kDate,
  // A date; T, t or a blank; HH:MM; perhaps :SS, to 60, perhaps with '.' or ',' and 1 to 9 digits; then
  // nothing, Z, z, ±HH, ±HHMM or ±HH:MM. Short texts.
  kDateTime,
  // At most 254 bytes: 1 to 64 letters, digits and !#$%&'*+-/=?^_`{|}~ in parts joined by '.'; '@'; two or
  // more labels joined by '.', each 1 to 63 letters, digits and inner '-', the last one at least two and
  // beginning with a letter.
  kEmail,
  // A letter; letters, digits, '+', '-', '.'; "://"; at least one more byte. No white space or control
  // character anywhere.
  kUrl,
  // IPv4: four numbers 0 to 255 without leading zeros. IPv6: the forms of RFC 4291 section 2.2, without a
  // zone. Short texts.
  kIp,
  // At most 64 bytes: perhaps a sign; digits, leading zeros allowed; perhaps '.' and digits; perhaps e or E,
  // perhaps a sign, and digits.
  kNumber,
  // true or false; in lower case, upper case or capitalised.
  kBoolean,
  // An object or array by its ends: '{', white space, then '"' or '}', at the end '}'; or '[', white space,
  // then ']' or what begins a value, at the end ']'.
  kJson,
  // An even number, 8 or more, of hexadecimal digits with letters of one case; at least one digit and one
  // letter.
  kHex,
  // At least 16 bytes and a multiple of 4, of letters, digits and either '+' and '/' or '-' and '_', then up
  // to two '='; at least one lower case letter, one upper case letter and one digit.
  kBase64,
  // Nothing but white space, or nothing at all.
  kBlank,
  // White space at the beginning or, of the whole text, at the end, and not blank. Nothing else is then
  // looked
  // for but non-ASCII, control characters and PEM keys.
  kPadded,
  // A byte above 0x7F.
  kNonAscii,
  // A byte below 0x20 that is no white space, or 0x7F.
  kControl,
  // 13 to 19 digits, perhaps in groups joined by one ' ' or '-', with the prefix and length of Visa,
  // Mastercard,
  // American Express, Discover, JCB or Diners Club and the check digit of Luhn (ISO/IEC 7812). Short texts.
  kCard,
  // Two upper case letters, two digits, 11 to 30 upper case letters and digits, perhaps a blank after every
  // fourth; the check digits of ISO 13616 (modulo 97). Short texts.
  kIban,
  // '+' and 8 to 15 digits, the first not 0 (E.164), perhaps with single ' ', '-', '.', '/' and one pair of
  // parentheses between them; or ddd-ddd-dddd, ddd.ddd.dddd, (ddd) ddd-dddd. Short texts.
  kPhone,
  // Two or three parts joined by '.', of letters, digits, '-', '_', the first two beginning with "eyJ"; a
  // long
  // text may end inside any part from the second on.
  kJwt,
  // The prefix of a well-known kind of access key, then 16 or more letters, digits, '-', '_', '.', nothing
  // else; or the first line of a private key in PEM.
  kKey,
};
inline constexpr size_t kFormats = 20;
inline constexpr size_t kFormatBytesMax = 256;

// "uuid", "date-time" … stable: they go into signal names.
std::string_view FormatName(Format format);

using FormatSet = uint32_t;  // bit i: the Format of value i
constexpr FormatSet SetOf(Format format) { return FormatSet{1} << static_cast<unsigned>(format); }

FormatSet FormatsOf(std::string_view text);

// How many strings had each format.
using FormatCounts = std::array<uint64_t, kFormats>;

}  // namespace fieldmark::sketch
