#include "fieldmark/json/document.h"

#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace fieldmark::json {
namespace {

bool IsText(char type) { return type == '"' || type == 'U' || type == 'Z' || type == 'N'; }

// The root value's words, without where their texts are.
std::vector<uint64_t> WordsOf(const Document& document) {
  const uint64_t root = document.words[0];
  const char type = TypeOf(root);
  size_t size = 1;
  if (type == '{' || type == '[') size = static_cast<size_t>(AfterClose(document, root) - document.words);
  if (type == 'l' || type == 'u' || type == 'd') size = 2;
  std::vector<uint64_t> words(document.words, document.words + size);
  for (size_t i = 0; i < size; ++i) {
    const char each = TypeOf(words[i]);
    if (IsText(each)) words[i] &= ~uint64_t{UINT32_MAX};
    if (each == 'l' || each == 'u' || each == 'd') ++i;
  }
  return words;
}

// A tape as text: what a stranger to the layout would expect of the document.
class Printer {
 public:
  explicit Printer(const Document& document) : document_(document), at_(document.words) {}
  std::string Value() {
    const uint64_t word = *at_++;
    switch (TypeOf(word)) {
      case '{':
        return Container(word, '}');
      case '[':
        return Container(word, ']');
      case 'l':
        return "l" + std::to_string(static_cast<int64_t>(*at_++));
      case 'u':
        return "u" + std::to_string(*at_++);
      case 'd': {
        std::ostringstream text;
        text << "d" << std::bit_cast<double>(*at_++);
        return text.str();
      }
      case '"':
      case 'U':
      case 'Z':
      case 'N':
        return TypeOf(word) + std::string(TextOf(document_, word));
      default:
        return std::string(1, TypeOf(word));
    }
  }

 private:
  std::string Container(uint64_t open, char close) {
    const uint64_t* opened_at = at_ - 1;
    std::string text(1, TypeOf(open));
    uint64_t members = 0;
    while (TypeOf(*at_) != close) {
      if (members++ > 0) text += ",";
      if (close == '}') text += Value() + ":";
      text += Value();
    }
    EXPECT_EQ(members, (open >> 32) & 0xFF'FFFF);
    EXPECT_EQ(document_.words + PayloadOf(*at_) - 1, opened_at);
    EXPECT_EQ(++at_, AfterClose(document_, open));
    return text + close;
  }
  const Document& document_;
  const uint64_t* at_;
};

std::string Print(const Document& document) {
  return document.malformed == Malformed::kNone
             ? Printer(document).Value()
             : std::string(MalformedName(document.malformed)) + "@" + std::to_string(document.malformed_at);
}

struct Case {
  std::string_view body;
  std::string_view tape;  // as printed, or "<malformed kind>@<offset>"
};

using namespace std::string_view_literals;

constexpr Case kCases[] = {
    // What every JSON reader reads.
    {"{}", "{}"},
    {"[]", "[]"},
    {" \t\r\n[ ] \n", "[]"},
    {"null", "n"},
    {"true", "t"},
    {"false", "f"},
    {"\"a\"", "\"a"},
    {"0", "l0"},
    {"-0", "l0"},
    {"-0.0", "d-0"},
    {"42", "l42"},
    {"-9223372036854775808", "l-9223372036854775808"},
    {"9223372036854775807", "l9223372036854775807"},
    {"9223372036854775808", "u9223372036854775808"},
    {"18446744073709551615", "u18446744073709551615"},
    {"1.5", "d1.5"},
    {"1e3", "d1000"},
    {"1E+2", "d100"},
    {"1e-400", "d0"},
    {"-1e-400", "d-0"},
    {"0e99999999999999999999", "d0"},
    {R"({"a":1,"b":[true,null,{}]})", R"({"a:l1,"b:[t,n,{}]})"},
    {R"(["\"\\\/\b\f\n\r\t"])", "[\"\"\\/\b\f\n\r\t]"},
    {R"("\u0041\u00e9\u20ac\ud83d\ude00")", "\"A\u00e9\u20ac\U0001F600"},
    {R"("\u0000")", "\"\0"sv},
    {R"({"a":1,"a":2})", R"({"a:l1,"a:l2})"},
    {R"({"":0})", R"({":l0})"},
    // What only the lenient reader reads.
    {"18446744073709551616", "Z18446744073709551616"},
    {"-9223372036854775809", "Z-9223372036854775809"},
    {"[NaN,Infinity,-Infinity]", "[NNaN,NInfinity,N-Infinity]"},
    {"1e400", "N1e400"},
    {"-1E+400", "N-1E+400"},
    {"1e99999999999999999999", "N1e99999999999999999999"},
    {"1.0e-99999999999999999999", "d0"},
    {"\"a\xFF z\"", "Ua\uFFFD z"},
    {"\"\xE2\x82\"", "U\uFFFD"},                  // one maximal part, one replacement
    {"\"\xC0\x80\"", "U\uFFFD\uFFFD"},            // overlong
    {"\"\xED\xA0\x80\"", "U\uFFFD\uFFFD\uFFFD"},  // a surrogate in UTF-8
    {"\"\xF4\x90\x80\x80\"", "U\uFFFD\uFFFD\uFFFD\uFFFD"},
    {R"("\ud800")", "U\uFFFD"},
    {R"("\udc00x")", "U\uFFFDx"},
    {R"("\ud800\u0041")", "U\uFFFDA"},
    {R"("\ud800\ud83d\ude00")", "U\uFFFD\U0001F600"},
    {"{\"\xFF\":1}", "{U\uFFFD:l1}"},
    {"\xEF\xBB\xBF[1]", "[l1]"},
    // What no reader reads.
    {"", "empty@0"},
    {" \n", "empty@2"},
    {"\xEF\xBB\xBF", "empty@3"},
    {"{", "truncated@1"},
    {"[", "truncated@1"},
    {"[1", "truncated@2"},
    {"[1,", "truncated@3"},
    {"{\"a", "truncated@3"},
    {"{\"a\"", "truncated@4"},
    {"{\"a\":", "truncated@5"},
    {"{\"a\":1", "truncated@6"},
    {"{\"a\":1,", "truncated@7"},
    {"tru", "truncated@3"},
    {"-", "truncated@1"},
    {"1.", "truncated@2"},
    {"1e+", "truncated@3"},
    {"\"\\", "truncated@2"},
    {"\"\\u12", "truncated@5"},
    {"\"\\ud800\\u1", "truncated@10"},
    {"\"\xE2\x82", "truncated@3"},
    {"{} {}", "trailing@3"},
    {"{}\n{}", "trailing@3"},
    {"1 2", "trailing@2"},
    {"[1]]", "trailing@3"},
    {"[]\xFF", "trailing@2"},
    {"[]\0"sv, "trailing@2"},
    {"hello", "not json@0"},
    {"<html>", "not json@0"},
    {"{'a':1}", "not json@1"},
    {"{a:1}", "not json@1"},
    {"[1,]", "not json@3"},
    {"[,]", "not json@1"},
    {"{\"a\":1,}", "not json@7"},
    {"{\"a\" 1}", "not json@5"},
    {"{\"a\":}", "not json@5"},
    {"{1:1}", "not json@1"},
    {"[1 2]", "not json@3"},
    {"[1}", "not json@2"},
    {"{\"a\":1]", "not json@6"},
    {"01", "not json@1"},
    {"+1", "not json@0"},
    {".5", "not json@0"},
    {"1.e5", "not json@2"},
    {"-a", "not json@1"},
    {"1a", "not json@1"},
    {"nullify", "not json@4"},
    {"nul!", "not json@3"},
    {"\"\\x\"", "not json@2"},
    {"\"\\u12g4\"", "not json@5"},
    {"\"a\nb\"", "not json@2"},
    {"[1] // no", "trailing@4"},
    {"\u201Ca\u201D", "not json@0"},
    {"\0"sv, "not json@0"},
    {"1\0"sv, "not json@1"},
    {"\xFF\xFE{\0"sv, "invalid utf-8@0"},
    {"[\xC3]", "invalid utf-8@1"},
    {"{\"a\":\x80}", "invalid utf-8@5"},
};

TEST(ReaderTest, ReadsTheTable) {
  Reader reader;
  for (const Case& each : kCases) {
    EXPECT_EQ(Print(reader.Read(each.body)), each.tape) << each.body;
    EXPECT_EQ(Print(reader.ReadLenient(each.body)), each.tape) << each.body;
  }
}

TEST(ReaderTest, CountsOddities) {
  Reader reader;
  EXPECT_EQ(reader.Read("[\"\xFF\xFF\",\"ok\",\"\\ud800\"]").oddities, (Oddities{2, false}));
  EXPECT_EQ(reader.Read("\xEF\xBB\xBF[]").oddities, (Oddities{0, true}));
  EXPECT_EQ(reader.Read("[]").oddities, Oddities{});
}

TEST(ReaderTest, NamesEveryKind) {
  for (int kind = 0; kind < kMalformedKinds; ++kind) {
    EXPECT_NE(MalformedName(static_cast<Malformed>(kind)), "unknown");
  }
  EXPECT_EQ(MalformedName(static_cast<Malformed>(kMalformedKinds)), "unknown");
}

TEST(ReaderTest, RefusesABodyOverTheLimitOnly) {
  Limits limits;
  limits.body_bytes_max = 4;
  Reader reader(limits);
  EXPECT_EQ(Print(reader.Read("1234")), "l1234");
  EXPECT_EQ(Print(reader.Read("12345")), "too large@4");
  EXPECT_EQ(Print(reader.ReadLenient("12345")), "too large@4");
}

std::string Nested(size_t depth, std::string_view open, std::string_view innermost, std::string_view close) {
  std::string body;
  for (size_t i = 0; i < depth; ++i) body += open;
  body += innermost;
  for (size_t i = 0; i < depth; ++i) body += close;
  return body;
}

TEST(ReaderTest, BothReadersAgreeOnDepth) {
  for (const size_t depth_max : {0u, 1u, 2u, 3u, 32u}) {
    Limits limits;
    limits.depth_max = depth_max;
    Reader reader(limits);
    for (const std::string_view innermost : {"1", "[]", "{}", "[ ]", "\"\""}) {
      for (const size_t depth : {depth_max, depth_max + 1, depth_max + 2}) {
        for (const std::string& body :
             {Nested(depth, "[", innermost, "]"), Nested(depth, "{\"a\":", innermost, "}")}) {
          const auto expected = depth <= depth_max ? Malformed::kNone : Malformed::kTooDeep;
          EXPECT_EQ(reader.Read(body).malformed, expected) << body;
          EXPECT_EQ(reader.ReadLenient(body).malformed, expected) << body;
        }
      }
    }
  }
}

TEST(ReaderTest, SurvivesHostileDepth) {
  Limits limits;
  limits.depth_max = SIZE_MAX;
  Reader reader(limits);
  const std::string body(1u << 20, '[');
  EXPECT_EQ(Print(reader.Read(body)), "too deep@1025");
  EXPECT_EQ(Print(Reader().Read(body)), "too deep@33");
}

TEST(ReaderTest, ReadsAgainAfterAMove) {
  Reader first;
  EXPECT_EQ(Print(first.Read("[1]")), "[l1]");
  Reader second = std::move(first);
  EXPECT_EQ(Print(second.Read("[2]")), "[l2]");
}

// Random documents that every JSON reader reads.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  std::string Document() { return Blank() + Value(0) + Blank(); }

 private:
  size_t Pick(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  std::string Blank() {
    static constexpr std::string_view kBlanks[] = {"", "", "", " ", "\n", "\t", "\r\n"};
    return std::string(kBlanks[Pick(std::size(kBlanks))]);
  }
  std::string Value(int depth) {
    switch (Pick(depth < 6 ? 8 : 5)) {
      case 0:
        return std::string(std::vector<std::string_view>{"true", "false", "null"}[Pick(3)]);
      case 1:
      case 2:
        return Number();
      case 3:
      case 4:
        return String();
      case 5:
        return Container(depth, false);
      default:
        return Container(depth, true);
    }
  }
  std::string Container(int depth, bool is_object) {
    std::string text = is_object ? "{" : "[";
    const size_t size = Pick(5);
    for (size_t i = 0; i < size; ++i) {
      text += Blank();
      if (is_object) text += String() + Blank() + ":" + Blank();
      text += Value(depth + 1) + Blank();
      if (i + 1 < size) text += ",";
    }
    return text + Blank() + (is_object ? "}" : "]");
  }
  std::string Digits() {
    std::string digits(1, static_cast<char>('1' + Pick(9)));
    for (size_t i = Pick(18); i > 0; --i) digits.push_back(static_cast<char>('0' + Pick(10)));
    return digits;
  }
  std::string Number() {
    static constexpr std::string_view kEdges[] = {"0",
                                                  "-0",
                                                  "0.0",
                                                  "-0.0",
                                                  "9223372036854775807",
                                                  "-9223372036854775808",
                                                  "18446744073709551615",
                                                  "5e-324",
                                                  "2.2250738585072014e-308",
                                                  "1.7976931348623157e308",
                                                  "0.1",
                                                  "9007199254740993",
                                                  "1e22",
                                                  "1e23",
                                                  "1e-400"};
    if (Pick(3) == 0) return std::string(kEdges[Pick(std::size(kEdges))]);
    std::string number = (Pick(2) == 0 ? "" : "-") + Digits();
    if (Pick(2) == 0) number += "." + Digits();
    if (Pick(3) == 0) number += (Pick(2) == 0 ? "e-" : "E+") + std::to_string(Pick(280));
    return number;
  }
  std::string String() {
    static constexpr std::string_view kParts[] = {"a",          "status",
                                                  "\\n",        "\\\"",
                                                  "\\u00e9",    "\\ud83d\\ude00",
                                                  "\u00e9",     "\u20ac",
                                                  "\U0001F600", " ",
                                                  "\\\\",       "\\u0000",
                                                  "{[,:",       "x.y",
                                                  "\\/",        "longer than eight bytes"};
    std::string text = "\"";
    for (size_t i = Pick(6); i > 0; --i) text += kParts[Pick(std::size(kParts))];
    return text + "\"";
  }

  std::mt19937_64 random_;
};

// Whatever the fast reader reads, the lenient one reads to the same words.
void ExpectSame(Reader& fast, Reader& lenient, std::string_view body) {
  const Document one = fast.Read(body);
  const Document other = lenient.ReadLenient(body);
  ASSERT_EQ(one.malformed, other.malformed) << body;
  ASSERT_EQ(one.malformed_at, other.malformed_at) << body;
  ASSERT_EQ(one.oddities, other.oddities) << body;
  if (one.malformed != Malformed::kNone) return;
  ASSERT_EQ(WordsOf(one), WordsOf(other)) << body;
  ASSERT_EQ(Print(one), Print(other)) << body;
}

TEST(ReaderTest, BothReadersGiveTheSameTapeForGeneratedDocuments) {
  Reader fast;
  Reader lenient;
  Generator generator(1);
  for (int i = 0; i < 5'000; ++i) {
    const std::string body = generator.Document();
    ASSERT_EQ(lenient.ReadLenient(body).malformed, Malformed::kNone) << body;
    ExpectSame(fast, lenient, body);
  }
}

TEST(ReaderTest, EveryProperPrefixOfAContainerIsTruncated) {
  Reader fast;
  Generator generator(2);
  int containers = 0;
  for (int i = 0; i < 300; ++i) {
    std::string body = generator.Document();
    body.erase(0, body.find_first_not_of(" \n\t\r"));
    body.erase(body.find_last_not_of(" \n\t\r") + 1);
    if (body[0] != '{' && body[0] != '[') continue;
    ++containers;
    for (size_t size = 1; size < body.size(); ++size) {
      const Document document = fast.Read(std::string_view(body).substr(0, size));
      ASSERT_EQ(document.malformed, Malformed::kTruncated) << body.substr(0, size);
      ASSERT_EQ(document.malformed_at, size);
    }
  }
  EXPECT_GT(containers, 50);
}

TEST(ReaderTest, BothReadersAgreeOnMutatedDocuments) {
  Reader fast;
  Reader lenient;
  Generator generator(3);
  std::mt19937_64 random(4);
  static constexpr std::string_view kStrangers = "{}[],:\"\\ 0-.eEtfnNI\x80\xC3\xE2\xFF\x01u";
  for (int i = 0; i < 20'000; ++i) {
    std::string body = generator.Document();
    for (size_t edits = 1 + random() % 3; edits > 0 && !body.empty(); --edits) {
      const size_t at = random() % body.size();
      const char stranger = kStrangers[random() % kStrangers.size()];
      if (random() % 3 == 0)
        body.erase(at, 1 + random() % 3);
      else if (random() % 2 == 0)
        body[at] = stranger;
      else
        body.insert(at, 1, stranger);
    }
    ExpectSame(fast, lenient, body);
  }
}

// Else the comparisons above would hold the lenient reader against itself.
TEST(ReaderTest, ValidDocumentsTakeTheFastPath) {
  Reader reader;
  Generator generator(5);
  for (int i = 0; i < 500; ++i) {
    const std::string body = generator.Document();
    const uint64_t* lenient_words = reader.ReadLenient(body).words;
    ASSERT_NE(reader.Read(body).words, lenient_words) << body;
  }
}

TEST(ReaderTest, BothReadersAgreeOnTheCorpora) {
  const std::filesystem::path corpora =
      std::filesystem::path(FIELDMARK_SOURCE_DIR) / "../shared/corpora/bodies";
  if (!std::filesystem::exists(corpora)) GTEST_SKIP() << "no corpora beside this checkout";
  Limits limits;
  limits.body_bytes_max = 16u << 20;
  Reader fast(limits);
  Reader lenient(limits);
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(corpora)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string body{std::istreambuf_iterator<char>(file), {}};
    ASSERT_EQ(fast.Read(body).malformed, Malformed::kNone) << entry.path();
    ExpectSame(fast, lenient, body);
    for (const size_t parts : {2u, 3u, 7u}) {
      ExpectSame(fast, lenient, std::string_view(body).substr(0, body.size() / parts));
    }
    ++files;
  }
  EXPECT_GT(files, 0);
}

}  // namespace
}  // namespace fieldmark::json
