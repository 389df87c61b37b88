#include "fieldmark/sketch/formats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace fieldmark::sketch {
namespace {

// ---- The slow obvious twin: each definition of formats.h as a regular expression, and arithmetic only
// where no expression does. ----

bool Matches(const std::string& text, const char* expression) {
  static std::map<std::string, std::regex> compiled;
  auto at = compiled.find(expression);
  if (at == compiled.end()) at = compiled.emplace(expression, std::regex(expression)).first;
  return std::regex_match(text, at->second);
}

std::string Only(const std::string& text, bool (*keep)(char)) {
  std::string kept;
  std::copy_if(text.begin(), text.end(), std::back_inserter(kept), keep);
  return kept;
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWhite(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool TwinDate(const std::string& text) {
  if (!Matches(text, "[0-9]{4}-[0-9]{2}-[0-9]{2}")) return false;
  const int year = std::stoi(text.substr(0, 4));
  const int month = std::stoi(text.substr(5, 2));
  const int day = std::stoi(text.substr(8, 2));
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  const std::map<int, int> days = {{1, 31},  {2, leap ? 29 : 28},
                                   {3, 31},  {4, 30},
                                   {5, 31},  {6, 30},
                                   {7, 31},  {8, 31},
                                   {9, 30},  {10, 31},
                                   {11, 30}, {12, 31}};
  return days.contains(month) && day >= 1 && day <= days.at(month);
}

bool TwinEmail(const std::string& text) {
  const std::string atom = "[-A-Za-z0-9!#$%&'*+/=?^_`{|}~]+";
  return text.size() <= 254 && text.find('@') <= 64 &&
         Matches(text, (atom + "(\\." + atom + ")*@([A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?\\.)+" +
                        "[A-Za-z][-A-Za-z0-9]{0,61}[A-Za-z0-9]")
                           .c_str());
}

bool TwinIp4(const std::string& text) {
  return Matches(text, "((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\\.|$)){4}") && text.back() != '.';
}

// Writes out what "::" stands for, in each length, and an IPv4 end as two groups.
bool TwinIp(const std::string& text) {
  if (TwinIp4(text)) return true;
  std::string plain = text;
  const size_t colon = plain.rfind(':');
  if (colon == std::string::npos) return false;
  if (TwinIp4(plain.substr(colon + 1))) plain = plain.substr(0, colon + 1) + "0:0";
  const char* const full = "([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}";
  if (Matches(plain, full)) return true;
  const size_t gap = plain.find("::");
  if (gap == std::string::npos) return false;
  std::string zeros;
  for (int groups = 1; groups <= 8; ++groups) {
    zeros += zeros.empty() ? "0" : ":0";
    const std::string left = plain.substr(0, gap), right = plain.substr(gap + 2);
    if (Matches((left.empty() ? "" : left + ":") + zeros + (right.empty() ? "" : ":" + right), full))
      return true;
  }
  return false;
}

bool TwinCard(const std::string& text) {
  if (!Matches(text, "[0-9]+([ -][0-9]+)*")) return false;
  const std::string digits = Only(text, IsDigit);
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    int digit = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 1) digit = digit * 2 / 10 + digit * 2 % 10;
    sum += digit;
  }
  return sum % 10 == 0 &&
         Matches(
             digits,
             "4[0-9]{12,18}|5[1-5][0-9]{14}|(222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"
             "|3[47][0-9]{13}|6011[0-9]{12,15}|64[4-9][0-9]{13,16}|65[0-9]{14,17}"
             "|35(2[89]|[3-8][0-9])[0-9]{12,15}|30[0-5][0-9]{11,16}|3[689][0-9]{12,17}");
}

bool TwinIban(const std::string& text) {
  const std::string packed = Only(text, [](char c) { return c != ' '; });
  if (!Matches(text, "[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4})*( ?[A-Z0-9]{1,4})") || packed.size() < 15 ||
      packed.size() > 34) {
    return false;
  }
  std::string decimal;
  for (const char c : packed.substr(4) + packed.substr(0, 4)) {
    decimal += IsDigit(c) ? std::string(1, c) : std::to_string(c - 'A' + 10);
  }
  int remainder = 0;
  for (const char c : decimal) remainder = (remainder * 10 + (c - '0')) % 97;
  return remainder == 1;
}

bool TwinPhone(const std::string& text) {
  if (Matches(text,
              "\\([0-9]{3}\\) [0-9]{3}-[0-9]{4}|[0-9]{3}-[0-9]{3}-[0-9]{4}|[0-9]{3}\\.[0-9]{3}\\.[0-9]{4}")) {
    return true;
  }
  const size_t digits = Only(text, IsDigit).size();
  return digits >= 8 && digits <= 15 &&
         Matches(text,
                 "\\+[1-9][-0-9 ./]*(\\([-0-9 ./]*\\)[-0-9 ./]*)?[0-9]|"
                 "\\+[1-9][-0-9 ./]*") &&
         IsDigit(text.back()) && !Matches(text, "[^]*[- ./][- ./][^]*");
}

FormatSet Twin(const std::string& text) {
  const std::string head = text.substr(0, kFormatBytesMax);
  const bool whole = head.size() == text.size();
  const bool blank = std::all_of(head.begin(), head.end(), IsWhite);
  const bool padded = !blank && (IsWhite(text.front()) || IsWhite(text.back()));
  std::map<Format, bool> is;
  is[Format::kBlank] = blank;
  is[Format::kPadded] = padded;
  is[Format::kNonAscii] = std::any_of(head.begin(), head.end(), [](char c) { return c < 0; });
  is[Format::kControl] = std::any_of(head.begin(), head.end(),
                                     [](char c) { return (c >= 0 && c < 0x20 && !IsWhite(c)) || c == 0x7F; });
  is[Format::kKey] = Matches(head.substr(0, head.find('\n')), "-----BEGIN [^]*PRIVATE KEY-----[^]*");
  if (!blank && !padded) {
    const auto matches = [&](const char* expression) { return Matches(head, expression); };
    is[Format::kUuid] =
        whole && matches("[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}");
    is[Format::kDate] = whole && TwinDate(text);
    is[Format::kDateTime] = whole && TwinDate(text.substr(0, 10)) &&
                            matches(
                                "[-0-9]{10}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]"
                                "(:([0-5][0-9]|60)([.,][0-9]{1,9})?)?"
                                "([Zz]|[-+]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?");
    is[Format::kEmail] = whole && TwinEmail(text);
    is[Format::kUrl] = matches("[A-Za-z][-A-Za-z0-9+.]*://[^\\x00-\\x20\\x7F]+");
    is[Format::kIp] = whole && TwinIp(text);
    is[Format::kNumber] = whole && text.size() <= 64 && matches("[-+]?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?");
    is[Format::kBoolean] = whole && matches("true|false|True|False|TRUE|FALSE");
    is[Format::kJson] =
        text.size() >= 2 && ((text.back() == '}' && matches("\\{[ \\t\\n\\r]*[\"}][^]*")) ||
                             (text.back() == ']' && matches("\\[[ \\t\\n\\r]*[-\\]\"{[0-9tfn][^]*")));
    const bool even = text.size() % 2 == 0 && text.size() >= 8;
    is[Format::kHex] = even && (matches("[0-9a-f]*") || matches("[0-9A-F]*")) && matches("[^]*[0-9][^]*") &&
                       matches("[^]*[A-Fa-f][^]*");
    is[Format::kBase64] = text.size() >= 16 && text.size() % 4 == 0 &&
                          (matches("[A-Za-z0-9+/]*") || matches("[-A-Za-z0-9_]*") ||
                           (whole && (matches("[A-Za-z0-9+/]*={1,2}") || matches("[-A-Za-z0-9_]*={1,2}")))) &&
                          matches("[^]*[0-9][^]*") && matches("[^]*[A-Z][^]*") && matches("[^]*[a-z][^]*");
    is[Format::kCard] = whole && TwinCard(text);
    is[Format::kIban] = whole && TwinIban(text);
    is[Format::kPhone] = whole && TwinPhone(text);
    is[Format::kJwt] = matches(whole ? "eyJ[-A-Za-z0-9_]*\\.eyJ[-A-Za-z0-9_]*(\\.[-A-Za-z0-9_]+)?"
                                     : "eyJ[-A-Za-z0-9_]*\\.eyJ[-A-Za-z0-9_]*(\\.[-A-Za-z0-9_]*)?");
    is[Format::kKey] =
        is[Format::kKey] ||
        matches(
            "(AKIA|ASIA|AIza|SG\\.|gh[pousr]_|github_pat_|glpat-|[sr]k_(live|test)_|sk-|xox[bpas]-|"
            "npm_|pypi-|hf_|shpat_)[-A-Za-z0-9_.]{16,}");
  }
  FormatSet found = 0;
  for (const auto& [format, yes] : is) found |= yes ? SetOf(format) : 0;
  return found;
}

std::string NamesOf(FormatSet set) {
  std::string names;
  for (size_t i = 0; i < kFormats; ++i) {
    if ((set >> i & 1) != 0)
      names += (names.empty() ? "" : " ") + std::string(FormatName(static_cast<Format>(i)));
  }
  return names;
}

// ---- Table tests. ----

struct Example {
  std::string text;
  std::string formats;  // names, in order, blanks between
};

const std::string kJwtHead = "eyJhbGciOiJIUzI1NiJ9";
const std::string kJwtBody = "eyJzdWIiOiIxMjM0In0";
const std::string kSixteen = "0123456789abcdeF";

std::vector<Example> Examples() {
  return {
      {"550e8400-e29b-41d4-a716-446655440000", "uuid"},
      {"550E8400-E29B-41D4-A716-446655440000", "uuid"},
      {"550e8400-e29b-41d4-a716-44665544000g", ""},
      {"550e8400-e29b-41d4-a716-4466554400000", ""},
      {"550e8400e-29b-41d4-a716-446655440000", ""},
      {"550e8400-e29b-41d4-a716-4466-5440000", ""},
      {"2026-11-24", "date"},
      {"2024-02-29", "date"},
      {"2000-02-29", "date"},
      {"1900-02-29", ""},
      {"2026-02-29", ""},
      {"2026-11-31", ""},
      {"2026-13-01", ""},
      {"2026-00-10", ""},
      {"2026-11-00", ""},
      {"2026/11/24", ""},
      {"24-11-2026", ""},
      {"2026-11-24T10:00:00Z", "date-time"},
      {"2026-11-24 10:00", "date-time"},
      {"2026-11-24t10:00:60.123456789+05:30", "date-time"},
      {"2026-11-24T10:00:00,5-0800", "date-time"},
      {"2026-11-24T10:00+01", "date-time"},
      {"2026-11-24T10:00:00.Z", ""},
      {"2026-11-24T10:00:00.1234567890Z", ""},
      {"2026-11-24T24:00:00Z", ""},
      {"2026-11-24T10:60:00Z", ""},
      {"2026-11-24T10:00:61Z", ""},
      {"2026-11-24T10:00:00+24:00", ""},
      {"2026-11-24T10:00:00+05:3", ""},
      {"2026-11-24T10:00:00ZZ", ""},
      {"2026-02-30T10:00:00Z", ""},
      {"2026-11-24T10", ""},
      {"a@b.cd", "email"},
      {"anna.o'hara+orders@mail.example.com", "email"},
      {"anna@localhost", ""},
      {"anna@example.c", ""},
      {"anna@example.c0m", "email"},
      {"anna@example.0om", ""},
      {".anna@example.com", ""},
      {"an..na@example.com", ""},
      {"anna@-example.com", ""},
      {"anna@@example.com", ""},
      {"anna smith@example.com", ""},
      {std::string(64, 'a') + "@example.com", "email"},
      {std::string(65, 'a') + "@example.com", ""},
      {"a@" + std::string(64, 'b') + ".com", ""},
      {"https://example.com/a?b=c", "url"},
      {"s3+x://bücket", "url non-ascii"},
      {"https://", ""},
      {"https:/example.com", ""},
      {"://example.com", ""},
      {"1https://example.com", ""},
      {"https://exam ple.com", ""},
      {"127.0.0.1", "ip"},
      {"255.255.255.255", "ip"},
      {"256.0.0.1", ""},
      {"1.2.3", ""},
      {"1.2.3.4.5", ""},
      {"01.2.3.4", ""},
      {"::", "ip"},
      {"::1", "ip"},
      {"2001:db8::ff00:42:8329", "ip"},
      {"1:2:3:4:5:6:7:8", "ip"},
      {"1:2:3:4:5:6:7::", "ip"},
      {"::ffff:192.0.2.1", "ip"},
      {"1:2:3:4:5:6:1.2.3.4", "ip"},
      {"1:2:3:4:5:6:7:1.2.3.4", ""},
      {"1:2:3:4:5:6:7", ""},
      {"1:2:3:4:5:6:7:8:9", ""},
      {"1:2:3:4::5:6:7:8", ""},
      {":::", ""},
      {"1::2::3", ""},
      {"1:2:", ""},
      {"12345::", ""},
      {"1.2.3.4::", ""},
      {"10:30", ""},
      {"0", "number"},
      {"-12.50", "number"},
      {"+1e-7", "number"},
      {"007", "number"},
      {"1E5", "number"},
      {".5", ""},
      {"5.", ""},
      {"1e", ""},
      {"--1", ""},
      {"1,000", ""},
      {"1.2.3e4", ""},
      {std::string(64, '7'), "number"},
      {std::string(65, '7'), ""},
      {"true", "boolean"},
      {"False", "boolean"},
      {"TRUE", "boolean"},
      {"tRUE", ""},
      {"trues", ""},
      {"yes", ""},
      {"{}", "json"},
      {"{\"a\":1}", "json"},
      {"{ \n \"a\" : 1}", "json"},
      {"[]", "json"},
      {"[1,2]", "json"},
      {"[-1]", "json"},
      {"[[{}]]", "json"},
      {"{a}", ""},
      {"[x]", ""},
      {"{\"a\":1", ""},
      {"[1}", ""},
      {"{", ""},
      {"[" + std::string(300, ' ') + "1]", ""},
      {"[1," + std::string(300, ' ') + "2]", "json"},
      {"9f2c1ab4", "hex"},
      {"9F2C1AB4", "hex"},
      {"9f2C1ab4", ""},
      {"9f2c1ab", ""},
      {"9f2c1ab4d", ""},
      {"deadbeef", ""},
      {"12345678", "number"},
      {"9f2c1abg", ""},
      {std::string(300, 'a') + "0a", ""},  // its digit is beyond what is looked at
      {"0" + std::string(301, 'a'), "hex"},
      {"U29tZSBsb25nZXIgdGV4dA==", "base64"},
      {"U29tZSBsb25nZXIgdGV4dHM=", "base64"},
      {"U29tZSBsb25nZXI+dGV4dHM/", "base64"},
      {"U29tZSBsb25nZXI-dGV4dHM_", "base64"},
      {"U29tZSBsb25nZXI-dGV4dHM/", ""},
      {"U29tZSBsb25nZXIgdGV4dA=", ""},
      {"U29tZSBsb25nZXIgdGV4===", ""},
      {"U29tZSBsb25=ZXIgdGV4dHM=", ""},
      {"U29tZSBsb25n", ""},
      {"CustomerOrdersAB", ""},
      {"U29t" + std::string(300, 'a'), "base64"},
      {"U29t" + std::string(252, 'a') + "!", ""},
      {"", "blank"},
      {" ", "blank"},
      {"\t\r\n ", "blank"},
      {std::string(300, ' '), "blank"},
      {" a", "padded"},
      {"a\n", "padded"},
      {"a b", ""},
      {std::string(300, 'a') + " ", "padded"},
      {" 12", "padded"},
      {"Müller", "non-ascii"},
      {" é", "padded non-ascii"},
      {std::string(256, 'a') + "é", ""},
      {"a\x01", "control"},
      {"\x7f", "control"},
      {"\v", "control"},
      {"a\tb", ""},
      {"4111111111111111", "number card"},
      {"4111 1111 1111 1111", "card"},
      {"4111-1111-1111-1111", "card"},
      {"378282246310005", "number card"},
      {"5555555555554444", "number card"},
      {"2221000000000009", "number card"},
      {"4111111111111112", "number"},
      {"1111111111111117", "number"},
      {"4111  1111 1111 1111", ""},
      {"DE89370400440532013000", "hex iban"},
      {"DE89 3704 0044 0532 0130 00", "iban"},
      {"GB29NWBK60161331926819", "iban"},
      {"DE88370400440532013000", "hex"},
      {"DE89 370 40044 0532 0130 00", ""},
      {"de89370400440532013000", "hex"},
      {"+49 30 1234567", "phone"},
      {"+4930123456", "number phone"},
      {"+1 (415) 555-2671", "phone"},
      {"+49 (0)30/123-4567", "phone"},
      {"(415) 555-2671", "phone"},
      {"415-555-2671", "phone"},
      {"415.555.2671", "phone"},
      {"+0 30 1234567", ""},
      {"+49 30  1234567", ""},
      {"+49 30 1234567-", ""},
      {"+49 (30 1234567", ""},
      {"+49 )30( 1234567", ""},
      {"+1234567", "number"},
      {"415-555-267", ""},
      {"030 1234567", ""},
      {kJwtHead + "." + kJwtBody + ".c2lnbmF0dXJl", "jwt"},
      {kJwtHead + "." + kJwtBody, "jwt"},
      {kJwtHead + "." + kJwtBody + ".", ""},
      {kJwtHead, "base64"},
      {kJwtHead + ".abc.def", ""},
      {kJwtHead + "." + kJwtBody + "." + std::string(300, 's'), "jwt"},
      {"AKIAIOSFODNN7EXAMPLE", "key"},
      {"ghp_" + kSixteen, "base64 key"},
      {"sk_live_" + kSixteen, "base64 key"},
      {"sk_live_" + kSixteen.substr(1), ""},
      {"sk_list_" + kSixteen.substr(1), ""},
      {"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n", "padded key"},
      {"-----BEGIN PRIVATE KEY-----", "key"},
      {"-----BEGIN CERTIFICATE-----", ""},
      {"paid", ""},
      {"SKU-12345", ""},
      {"please leave at the door", ""},
  };
}

TEST(FormatsTest, TheTableOfExamples) {
  for (const Example& each : Examples()) EXPECT_EQ(NamesOf(FormatsOf(each.text)), each.formats) << each.text;
}

TEST(FormatsTest, TheTwinAgreesOnTheExamples) {
  for (const Example& each : Examples()) EXPECT_EQ(NamesOf(Twin(each.text)), each.formats) << each.text;
}

TEST(FormatsTest, EveryFormatHasAnExampleAndANameOfItsOwn) {
  FormatSet seen = 0;
  std::set<std::string_view> names;
  for (const Example& each : Examples()) seen |= FormatsOf(each.text);
  for (size_t i = 0; i < kFormats; ++i) names.insert(FormatName(static_cast<Format>(i)));
  EXPECT_EQ(seen, (FormatSet{1} << kFormats) - 1);
  EXPECT_EQ(names.size(), kFormats);
}

TEST(FormatsTest, EveryTextOfUpToTwoBytesAgreesWithTheTwin) {
  for (int first = 0; first < 256; ++first) {
    ASSERT_EQ(FormatsOf(std::string(1, static_cast<char>(first))),
              Twin(std::string(1, static_cast<char>(first))));
    for (int second = 0; second < 256; second += first % 8 == 0 ? 1 : 17) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second)};
      ASSERT_EQ(NamesOf(FormatsOf(text)), NamesOf(Twin(text))) << first << " " << second;
    }
  }
}

// Examples one or two edits away from themselves, from one another and cut anywhere: the near misses that
// nobody thought of.
TEST(FormatsTest, MutatedExamplesAgreeWithTheTwin) {
  const std::vector<Example> examples = Examples();
  static constexpr std::string_view kBytes = "0123456789abefABEFgzGZTZ-+:./@_= (){}[]\"\t\n,\x01\xC3\xA9";
  std::mt19937_64 random(1);
  for (int round = 0; round < 40'000; ++round) {
    std::string text = examples[random() % examples.size()].text;
    for (size_t edits = 1 + random() % 2; edits > 0; --edits) {
      const size_t at = random() % (text.size() + 1);
      const char c = kBytes[random() % kBytes.size()];
      switch (random() % 5) {
        case 0:
          text.insert(at, 1, c);
          break;
        case 1:
          if (at < text.size()) text.erase(at, 1);
          break;
        case 2:
          text.resize(at);
          break;
        case 3: {
          const std::string& other = examples[random() % examples.size()].text;
          text = text.substr(0, at) + other.substr(random() % (other.size() + 1));
          break;
        }
        default:
          if (at < text.size()) text[at] = c;
      }
    }
    ASSERT_EQ(NamesOf(FormatsOf(text)), NamesOf(Twin(text))) << "round " << round << ": " << text;
  }
}

// Whatever stands around a text in memory.
TEST(FormatsTest, OnlyTheTextIsRead) {
  for (const Example& each : Examples()) {
    const std::vector<char> exact(each.text.begin(), each.text.end());  // a sanitizer sees a step beyond
    EXPECT_EQ(NamesOf(FormatsOf({exact.data(), exact.size()})), each.formats);
  }
  EXPECT_EQ(FormatsOf(std::string_view()), SetOf(Format::kBlank));
}

}  // namespace
}  // namespace fieldmark::sketch
