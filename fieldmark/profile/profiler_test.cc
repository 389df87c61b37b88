#include "fieldmark/profile/profiler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "fieldmark/profile/path.h"

namespace fieldmark::profile {
namespace {

const HashKey kKey = *HashKey::FromHex("000102030405060708090a0b0c0d0e0f");

// ---- The slow obvious twin: a naive parser to a tree of values, and a profiler that walks the tree with a
// map. ----

struct Value {
  char type = 'n';  // n t f s, l (integer), d (float), [ {
  std::string text;
  double number = 0;
  std::vector<std::string> keys;  // of an object, in the order of its items
  std::vector<Value> items;
};

// Of documents written by this test: no escapes, no blanks, no surprises.
class NaiveParser {
 public:
  static Value Parse(const std::string& body) {
    NaiveParser parser(body);
    return parser.ParseValue();
  }

 private:
  explicit NaiveParser(const std::string& body) : body_(body) {}

  Value ParseValue() {
    Value value;
    const char c = body_[at_];
    if (c == '{' || c == '[') return ParseContainer(c);
    if (c == '"') {
      value.type = 's';
      value.text = ParseString();
    } else if (c == 'n' || c == 't' || c == 'f') {
      value.type = c;
      at_ += c == 'f' ? 5 : 4;
    } else {
      const size_t end = std::min(body_.find_first_of(",]}", at_), body_.size());
      value.text = body_.substr(at_, end - at_);
      value.type = value.text.find_first_of(".e") == std::string::npos ? 'l' : 'd';
      value.number = std::stod(value.text);
      at_ = end;
    }
    return value;
  }
  Value ParseContainer(char open) {
    Value value;
    value.type = open;
    ++at_;
    while (body_[at_] != '}' && body_[at_] != ']') {
      if (body_[at_] == ',') ++at_;
      if (open == '[') {
        value.items.push_back(ParseValue());
        continue;
      }
      value.keys.push_back(ParseString());
      ++at_;
      value.items.push_back(ParseValue());
    }
    ++at_;
    return value;
  }
  std::string ParseString() {
    const size_t end = body_.find('"', at_ + 1);
    std::string text = body_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return text;
  }

  const std::string& body_;
  size_t at_ = 0;
};

// Every key has a name, unless it is an identifier.
class NaiveProfiler {
 public:
  void Observe(const std::string& body) {
    in_document_.clear();
    Visit("", NaiveParser::Parse(body));
    for (const std::string& path : in_document_) ++fields_[path].counts.documents;
  }
  const Fields& fields() const { return fields_; }

 private:
  void Visit(const std::string& path, const Value& value) {
    in_document_.insert(path);
    FieldSummary& field = fields_[path];
    ++field.counts.seen;
    switch (value.type) {
      case 'n':
        ++field.counts.nulls;
        break;
      case 't':
        ++field.counts.trues;
        break;
      case 'f':
        ++field.counts.falses;
        break;
      case 's':
        ++field.counts.strings;
        field.string_bytes.Add(static_cast<double>(value.text.size()));
        for (size_t i = 0; i < sketch::kFormats; ++i) {
          field.counts.formats[i] += sketch::FormatsOf(value.text) >> i & 1;
        }
        field.categories.Add(Profiler::HashString(kKey, value.text));
        break;
      case 'l':
        ++field.counts.integers;
        field.numbers.Add(value.number);
        field.categories.Add(Profiler::HashInteger(kKey, std::stoll(value.text)));
        break;
      case 'd':
        ++field.counts.floats;
        field.numbers.Add(value.number);
        field.categories.Add(Profiler::HashNumber(kKey, value.number));
        break;
      case '[':
        ++field.counts.arrays;
        field.array_items.Add(static_cast<double>(value.items.size()));
        for (const Value& item : value.items) Visit(ItemPath(path), item);
        break;
      default:
        ++field.counts.objects;
        VisitMembers(path, value);
    }
  }
  void VisitMembers(const std::string& path, const Value& object) {
    std::set<std::string> seen;
    bool folded = false;
    for (size_t i = 0; i < object.keys.size(); ++i) {
      const std::string& name = object.keys[i];
      const Value& value = object.items[i];
      if (LooksLikeIdentifier(name)) {
        folded = true;
        Visit(ResidualPath(path), value);
      } else if (seen.insert(name).second) {
        Visit(MemberPath(path, name), value);
      } else {
        ++fields_[MemberPath(path, name)].counts.duplicate_keys;
      }
    }
    if (folded) ++fields_[path].counts.folded;
  }

  Fields fields_;
  std::set<std::string> in_document_;
};

// ---- Helpers ----

void Observe(Profiler& profiler, const std::string& body, uint64_t times = 1) {
  static json::Reader reader;
  const json::Document document = reader.Read(body);
  ASSERT_EQ(document.malformed, json::Malformed::kNone) << body;
  profiler.Observe(document, times);
}

Fields ProfileOf(const std::vector<std::string>& bodies, const Limits& limits = {}) {
  Profiler profiler(limits, kKey);
  for (const std::string& body : bodies) Observe(profiler, body);
  return profiler.Take();
}

// Field by field, so that a failure says where.
void ExpectSame(const Fields& actual, const Fields& expected, const std::string& where) {
  std::vector<std::string> actual_paths, expected_paths;
  for (const auto& [path, field] : actual) actual_paths.push_back(path);
  for (const auto& [path, field] : expected) expected_paths.push_back(path);
  ASSERT_EQ(actual_paths, expected_paths) << where;
  for (const auto& [path, field] : expected) {
    const FieldSummary& other = actual.at(path);
    ByteWriter actual_counts, expected_counts;
    EncodeField(other, Family::kCounts, actual_counts);
    EncodeField(field, Family::kCounts, expected_counts);
    ASSERT_EQ(actual_counts.bytes(), expected_counts.bytes()) << where << " counts of " << path;
    ASSERT_EQ(other.numbers, field.numbers) << where << " numbers of " << path;
    ASSERT_EQ(other.string_bytes, field.string_bytes) << where << " lengths of " << path;
    ASSERT_EQ(other.array_items, field.array_items) << where << " items of " << path;
    ASSERT_EQ(other.categories, field.categories) << where << " categories of " << path;
  }
}

// All documents of a small grammar: leaves, then containers of up to two values of the layer below.
std::vector<std::string> SmallDocuments() {
  const std::vector<std::string> leaves = {"null", "true", "1", "-0.5", "\"a\""};
  const std::vector<std::string> keys = {"a", "b", "42"};
  const auto wrap = [&](const std::vector<std::string>& inner) {
    std::vector<std::string> layer = {"[]", "{}"};
    for (const std::string& one : inner) {
      layer.push_back("[" + one + "]");
      for (const std::string& key : keys) layer.push_back("{\"" + key + "\":" + one + "}");
      for (const std::string& other : inner) {
        layer.push_back("[" + one + "," + other + "]");
        for (const std::string& key : keys) {
          for (const std::string& other_key : keys) {
            layer.push_back("{\"" + key + "\":" + one + ",\"" + other_key + "\":" + other + "}");
          }
        }
      }
    }
    return layer;
  };
  std::vector<std::string> documents = leaves;
  const std::vector<std::string> flat = wrap(leaves);
  documents.insert(documents.end(), flat.begin(), flat.end());
  std::vector<std::string> sample = {"null", "7", "{}", "[]"};
  for (size_t i = 0; i < flat.size(); i += 17) sample.push_back(flat[i]);
  const std::vector<std::string> nested = wrap(sample);
  documents.insert(documents.end(), nested.begin(), nested.end());
  return documents;
}

// Random documents of a few shapes, keys in any order, some missing, some double.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}
  std::string Document() { return Object(0); }

 private:
  size_t Pick(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  std::string Object(int depth) {
    static const std::vector<std::string> kNames = {
        "id", "status", "customer", "x.y", "", "prices", "a rather long name of a member", "n", "12345"};
    std::string text = "{";
    for (size_t i = Pick(7); i > 0; --i) {
      text += (text.size() > 1 ? ",\"" : "\"") + kNames[Pick(kNames.size())] + "\":" + Any(depth + 1);
    }
    return text + "}";
  }
  std::string Array(int depth) {
    std::string text = "[";
    for (size_t i = Pick(4); i > 0; --i) text += (text.size() > 1 ? "," : "") + Any(depth + 1);
    return text + "]";
  }
  std::string Any(int depth) {
    switch (Pick(depth < 4 ? 10 : 8)) {
      case 0:
        return "null";
      case 1:
        return Pick(3) == 0 ? "true" : "false";
      case 2:
        return std::to_string(static_cast<int64_t>(random_()) >> Pick(64));
      case 3:
        return std::to_string(Pick(5));
      case 4:
        return std::to_string(static_cast<double>(Pick(100'000)) / 100 - 300);
      case 5:
        return "\"" + std::string(Pick(90), static_cast<char>('a' + Pick(26))) + "\"";
      case 6:
        return "\"value " + std::to_string(Pick(200)) + "\"";
      case 7:
        return "\"" + Word() + "\"";
      case 8:
        return Object(depth);
      default:
        return Array(depth);
    }
  }

  std::string Word() {
    static const std::vector<std::string> kWords = {"paid",
                                                    "open",
                                                    "",
                                                    " ",
                                                    "12",
                                                    "true",
                                                    "2026-11-24",
                                                    "2026-11-24T10:00:00Z",
                                                    "a@example.com",
                                                    "127.0.0.1",
                                                    "550e8400-e29b-41d4-a716-446655440000",
                                                    "https://example.com/",
                                                    "+49 30 1234567",
                                                    "padded "};
    return kWords[Pick(kWords.size())];
  }

  std::mt19937_64 random_;
};

std::vector<std::string> Documents(uint64_t seed, size_t count) {
  Generator generator(seed);
  std::vector<std::string> documents(count);
  std::generate(documents.begin(), documents.end(), [&] { return generator.Document(); });
  return documents;
}

// ---- Tests ----

TEST(ProfilerTest, ProfilesAnOrder) {
  const Fields fields = ProfileOf({R"({"customer":{"phone":null},"items":[{"price":1.5},{"price":2}]})",
                                   R"({"customer":{"phone":"+1"},"items":[]})", R"({"customer":null})"});
  EXPECT_EQ(fields.at("").counts.objects, 3u);
  EXPECT_EQ(fields.at("customer").counts.seen, 3u);
  EXPECT_EQ(fields.at("customer").counts.objects, 2u);
  EXPECT_EQ(fields.at("customer").counts.nulls, 1u);
  EXPECT_EQ(fields.at("customer.phone").counts.seen, 2u);
  EXPECT_EQ(fields.at("customer.phone").counts.nulls, 1u);
  EXPECT_EQ(fields.at("items").counts.arrays, 2u);
  EXPECT_EQ(fields.at("items").array_items.max(), 2);
  EXPECT_EQ(fields.at("items").array_items.min(), 0);
  EXPECT_EQ(fields.at("items[]").counts.seen, 2u);
  EXPECT_EQ(fields.at("items[]").counts.documents, 1u);
  EXPECT_EQ(fields.at("items[].price").counts.floats, 1u);
  EXPECT_EQ(fields.at("items[].price").counts.integers, 1u);
  EXPECT_EQ(fields.at("items[].price").numbers.sum(), 3.5);
  EXPECT_EQ(fields.size(), 6u);
}

TEST(ProfilerTest, EverySmallDocumentAgreesWithTheTwin) {
  Profiler whole(Limits{}, kKey);
  NaiveProfiler whole_twin;
  for (const std::string& body : SmallDocuments()) {
    NaiveProfiler twin;
    twin.Observe(body);
    ExpectSame(ProfileOf({body}), twin.fields(), body);
    Observe(whole, body);
    whole_twin.Observe(body);
  }
  ExpectSame(whole.Take(), whole_twin.fields(), "all together");
}

TEST(ProfilerTest, RandomDocumentsAgreeWithTheTwin) {
  Limits limits;
  limits.fields_max = 100'000;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const std::vector<std::string> documents = Documents(seed, 400);
    NaiveProfiler twin;
    for (const std::string& body : documents) twin.Observe(body);
    ExpectSame(ProfileOf(documents, limits), twin.fields(), "seed " + std::to_string(seed));
  }
}

TEST(ProfilerTest, AnyPartitionMergesToTheWhole) {
  Limits limits;
  limits.fields_max = 100'000;  // a fixed naming: nothing folds for want of room
  const std::vector<std::string> documents = Documents(7, 600);
  const Fields whole = ProfileOf(documents, limits);
  std::mt19937_64 random(8);
  for (int round = 0; round < 10; ++round) {
    std::vector<std::string> shuffled = documents;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    std::vector<std::vector<std::string>> parts(1 + random() % 6);
    for (const std::string& body : shuffled) parts[random() % parts.size()].push_back(body);
    Fields merged, concealed_merged;
    for (const auto& part : parts) {
      Fields fields = ProfileOf(part, limits);
      MergeFields(merged, fields);
      for (auto& [path, field] : fields) field.Conceal();
      MergeFields(concealed_merged, fields);
    }
    ExpectSame(merged, whole, "merged");
    Fields concealed = whole;
    for (auto& [path, field] : concealed) field.Conceal();
    ExpectSame(concealed_merged, concealed, "concealed, then merged");
  }
}

TEST(ProfilerTest, TakingInBetweenLosesNothing) {
  const std::vector<std::string> documents = Documents(9, 300);
  const Fields whole = ProfileOf(documents);
  Profiler profiler(Limits{}, kKey);
  Fields merged;
  for (size_t i = 0; i < documents.size(); ++i) {
    Observe(profiler, documents[i]);
    if (i % 37 == 0) MergeFields(merged, profiler.Take());
  }
  MergeFields(merged, profiler.Take());
  ExpectSame(merged, whole, "taken in between");
  EXPECT_TRUE(profiler.empty());
  EXPECT_TRUE(profiler.Take().empty());
}

TEST(ProfilerTest, TimesIsTheSameAsCallingItThatOften) {
  std::mt19937_64 random(10);
  Profiler once(Limits{}, kKey);
  Profiler often(Limits{}, kKey);
  for (const std::string& body : Documents(11, 200)) {
    const uint64_t times = random() % 4;
    Observe(once, body, times);
    for (uint64_t i = 0; i < times; ++i) Observe(often, body);
  }
  ExpectSame(once.Take(), often.Take(), "times");
}

// A field whose values come back, no longer do, and do again: all ways that a value may take to the sketches.
TEST(ProfilerTest, ValuesMayComeBackAndStopToAndComeBack) {
  std::mt19937_64 random(12);
  Profiler profiler(Limits{}, kKey);
  NaiveProfiler twin;
  const auto observe = [&](uint64_t distinct) {
    const std::string n = std::to_string(random() % distinct);
    const std::string body = R"({"text":"v)" + n + R"(","long":"at least seventeen bytes )" + n +
                             R"(","number":)" + n + R"(,"either":)" + (random() % 2 ? n : "\"" + n + "\"") +
                             "}";
    Observe(profiler, body);
    twin.Observe(body);
  };
  for (int i = 0; i < 500; ++i) observe(12);
  for (int i = 0; i < 7'000; ++i) observe(100'000);
  for (int i = 0; i < 500; ++i) observe(12);
  for (int i = 0; i < 500; ++i) observe(40);
  ExpectSame(profiler.Take(), twin.fields(), "values");
}

// Texts that differ in their length alone, numbers that share their bits: all through the table of those that
// come back.
TEST(ProfilerTest, ValuesThatLookAlikeAreToldApart) {
  std::vector<std::string> documents;
  for (int round = 0; round < 3; ++round) {
    for (char c = 'a'; c <= 'h'; ++c) {
      for (size_t size = 0; size <= 20; ++size) documents.push_back("[\"" + std::string(size, c) + "\"]");
    }
    for (int i = 0; i < 40; ++i) {
      documents.push_back("[" + std::to_string(i) + "," + std::to_string(i) + ".0,-" + std::to_string(i) +
                          "]");
      documents.push_back("[\"" + std::to_string(i) + "\"]");
    }
  }
  NaiveProfiler twin;
  for (const std::string& body : documents) twin.Observe(body);
  ExpectSame(ProfileOf(documents), twin.fields(), "alike");
}

TEST(ProfilerTest, TheDocumentMayBeAScalarOrAnArray) {
  EXPECT_EQ(ProfileOf({"1", "null", "\"a\""}).at("").counts.seen, 3u);
  const Fields fields = ProfileOf({"[[1],[]]"});
  EXPECT_EQ(fields.at("").counts.arrays, 1u);
  EXPECT_EQ(fields.at("[]").counts.arrays, 2u);
  EXPECT_EQ(fields.at("[][]").counts.integers, 1u);
  EXPECT_EQ(ProfileOf({R"([{"a":1}])"}).count("[].a"), 1u);
}

TEST(ProfilerTest, OddValuesAreCounted) {
  const Fields fields = ProfileOf(
      {"[18446744073709551616,-1e400,NaN,Infinity,\"\xFF\",\"\\ud800\",\"fine\",18446744073709551615]"});
  const FieldSummary& field = fields.at("[]");
  EXPECT_EQ(field.counts.seen, 8u);
  EXPECT_EQ(field.counts.integers, 2u);
  EXPECT_EQ(field.counts.big_integers, 1u);
  EXPECT_EQ(field.counts.floats, 3u);
  EXPECT_EQ(field.counts.non_finites, 3u);
  EXPECT_EQ(field.counts.strings, 3u);
  EXPECT_EQ(field.counts.invalid_utf8, 2u);
  EXPECT_EQ(field.numbers.count(), 2u);
  EXPECT_EQ(field.categories.total(), 5u);
  // An integer too large for any double is counted and hashed.
  const Fields huge = ProfileOf({"[1" + std::string(400, '0') + "]"});
  EXPECT_EQ(huge.at("[]").counts.big_integers, 1u);
  EXPECT_TRUE(huge.at("[]").numbers.empty());
  EXPECT_EQ(huge.at("[]").categories.total(), 1u);
}

TEST(ProfilerTest, FormatsOfStringsAreCounted) {
  const Fields fields =
      ProfileOf({R"({"id":"550e8400-e29b-41d4-a716-446655440000","n":"12","mail":"a@b.cd"})",
                 R"({"id":"550e8400-e29b-41d4-a716-446655440001","n":"13","mail":"nobody"})",
                 R"({"id":42,"n":12,"mail":null})"});
  const auto count_of = [&](const char* path, sketch::Format format) {
    return fields.at(path).counts.formats[static_cast<size_t>(format)];
  };
  EXPECT_EQ(count_of("id", sketch::Format::kUuid), 2u);
  EXPECT_EQ(count_of("n", sketch::Format::kNumber), 2u);
  EXPECT_EQ(count_of("mail", sketch::Format::kEmail), 1u);
  EXPECT_EQ(count_of("mail", sketch::Format::kUuid), 0u);
}

TEST(ProfilerTest, FormatsNeedNoKey) {
  Profiler profiler;
  Observe(profiler, R"({"short":"12","long":"2026-11-24T10:00:00Z"})", 3);
  const Fields fields = profiler.Take();
  EXPECT_EQ(fields.at("short").counts.formats[static_cast<size_t>(sketch::Format::kNumber)], 3u);
  EXPECT_EQ(fields.at("long").counts.formats[static_cast<size_t>(sketch::Format::kDateTime)], 3u);
}

TEST(ProfilerTest, NamesComeFirstComeFirstServed) {
  Limits limits;
  limits.names_max = 2;
  Profiler profiler(limits, kKey);
  Observe(profiler, R"({"a":1,"b":2,"c":3,"d":4})");
  Observe(profiler, R"({"d":5,"b":6})");
  Observe(profiler, R"({"inner":{"a":1}})");
  Fields fields = profiler.Take();
  EXPECT_EQ(fields.at("a").counts.seen, 1u);
  EXPECT_EQ(fields.at("b").counts.seen, 2u);
  EXPECT_EQ(fields.at("{}").counts.seen, 4u);
  EXPECT_EQ(fields.at("{}").counts.documents, 3u);
  EXPECT_EQ(fields.at("").counts.folded, 3u);
  EXPECT_EQ(fields.at("{}.a").counts.seen, 1u);
  // Names stay after Take, in use or not.
  Observe(profiler, R"({"c":1,"b":2})");
  fields = profiler.Take();
  EXPECT_EQ(fields.count("a"), 0u);
  EXPECT_EQ(fields.count("c"), 0u);
  EXPECT_EQ(fields.at("b").counts.seen, 1u);
}

TEST(ProfilerTest, FieldsAreBoundedWhateverComes) {
  Limits limits;
  limits.fields_max = 20;
  Profiler profiler(limits, kKey);
  std::mt19937_64 random(12);
  for (int i = 0; i < 2'000; ++i) {
    // Nests of arrays, identifiers and new names: each would be a path of its own.
    std::string open, close;
    for (int depth = 0; depth < 20; ++depth) {
      const size_t kind = random() % 3;
      open += kind == 0 ? "[" : kind == 1 ? "{\"12345\":" : "{\"k" + std::to_string(random() % 1'000) + "\":";
      close.insert(0, kind == 0 ? "]" : "}");
    }
    Observe(profiler, open + "1" + close);
  }
  const Fields fields = profiler.Take();
  EXPECT_LE(fields.size(), 1 + 2 * limits.fields_max);
  uint64_t cut = 0;
  for (const auto& [path, field] : fields) cut += field.counts.cut;
  EXPECT_GT(cut, 0u);
  EXPECT_EQ(fields.at("").counts.seen, 2'000u);
  // Every value of the root is somewhere: under a name, in the residual child, in the items or cut.
  uint64_t below = fields.at("").counts.cut;
  for (const auto& [path, field] : fields) {
    if (!path.empty() && ParentPath(path).empty()) below += field.counts.seen;
  }
  EXPECT_EQ(below, 2'000u);
}

TEST(ProfilerTest, CountsWhatHasNoRoomAtAll) {
  Limits limits;
  limits.fields_max = 0;
  Profiler profiler(limits, kKey);
  Observe(profiler, R"({"a":1,"b":{"c":[]}})", 2);
  Observe(profiler, "[1,2,3]");
  const Fields fields = profiler.Take();
  ASSERT_EQ(fields.size(), 1u);
  EXPECT_EQ(fields.at("").counts.folded, 2u);
  EXPECT_EQ(fields.at("").counts.cut, 2 * 2 + 3u);
}

TEST(ProfilerTest, CutsWhatIsDeeperThanItsLimit) {
  Limits limits;
  limits.depth_max = 2;
  Profiler profiler(limits, kKey);
  Observe(profiler, R"({"a":{"b":1,"c":[]}})");
  Observe(profiler, R"({"a":{"b":{"c":1,"d":2},"e":[1,2,3]}})");
  const Fields fields = profiler.Take();
  EXPECT_EQ(fields.at("a.b").counts.seen, 2u);
  EXPECT_EQ(fields.at("a.b").counts.cut, 2u);
  EXPECT_EQ(fields.at("a.e").counts.cut, 3u);
  EXPECT_EQ(fields.at("a.e").array_items.max(), 3);
  EXPECT_EQ(fields.count("a.b.c"), 0u);
}

TEST(ProfilerTest, WithoutAKeyNothingIsHashed) {
  Profiler profiler;
  Observe(profiler, R"({"a":"x","b":1,"c":18446744073709551616})");
  Fields fields = profiler.Take();
  for (const auto& [path, field] : fields) EXPECT_TRUE(field.categories.empty()) << path;
  EXPECT_EQ(fields.at("b").numbers.count(), 1u);
  // A key that comes later hashes from then on.
  Observe(profiler, R"({"a":"x"})");
  profiler.SetHashKey(kKey);
  Observe(profiler, R"({"a":"x"})");
  fields = profiler.Take();
  EXPECT_EQ(fields.at("a").counts.seen, 2u);
  ASSERT_EQ(fields.at("a").categories.total(), 1u);
  EXPECT_EQ(fields.at("a").categories.entries()[0].hash, Profiler::HashString(kKey, "x"));
}

TEST(ProfilerTest, AnotherKeyDropsWhatTheOldOneHashed) {
  const HashKey other = *HashKey::FromHex("ffffffffffffffffffffffffffffffff");
  Profiler profiler(Limits{}, kKey);
  Observe(profiler, R"({"a":"x","b":"longer than sixteen bytes","n":5})");
  profiler.SetHashKey(other);
  Observe(profiler, R"({"a":"x","b":"longer than sixteen bytes","n":5})");
  const Fields fields = profiler.Take();
  for (const std::string path : {"a", "b", "n"}) {
    ASSERT_EQ(fields.at(path).categories.total(), 1u) << path;
    EXPECT_EQ(fields.at(path).counts.seen, 2u);
  }
  EXPECT_EQ(fields.at("a").categories.entries()[0].hash, Profiler::HashString(other, "x"));
  EXPECT_EQ(fields.at("n").numbers.count(), 2u);
}

TEST(ProfilerTest, LongStringsAreMeasuredWholeAndHashedByTheirBeginning) {
  Limits limits;
  limits.string_bytes_max = 100;
  const std::string text(250, 'x');
  const Fields fields = ProfileOf({"\"" + text + "\""}, limits);
  EXPECT_EQ(fields.at("").string_bytes.max(), 250);
  EXPECT_EQ(fields.at("").categories.entries()[0].hash, Profiler::HashString(kKey, text.substr(0, 100)));
  limits.string_bytes_max = 3;
  EXPECT_EQ(ProfileOf({"\"short\""}, limits).at("").categories.entries()[0].hash,
            Profiler::HashString(kKey, "sho"));
}

TEST(ProfilerTest, HashesTagTheType) {
  const auto tagged = [](const std::string& bytes) { return SipHash13(kKey, bytes); };
  EXPECT_EQ(Profiler::HashString(kKey, ""), tagged("s"));
  EXPECT_EQ(Profiler::HashString(kKey, "42"), tagged("s42"));
  EXPECT_EQ(Profiler::HashString(kKey, std::string(5'000, 'a')), tagged("s" + std::string(5'000, 'a')));
  EXPECT_EQ(Profiler::HashNumber(kKey, 1.5), tagged(std::string("d\0\0\0\0\0\0\xF8\x3F", 9)));
  EXPECT_EQ(Profiler::HashNumber(kKey, -0.0), Profiler::HashNumber(kKey, 0.0));
  EXPECT_EQ(Profiler::HashInteger(kKey, 42), Profiler::HashNumber(kKey, 42));
  EXPECT_EQ(Profiler::HashInteger(kKey, -42), Profiler::HashNumber(kKey, -42));
  EXPECT_EQ(Profiler::HashUnsigned(kKey, 42), Profiler::HashInteger(kKey, 42));
  EXPECT_EQ(Profiler::HashInteger(kKey, INT64_MIN), Profiler::HashNumber(kKey, -0x1p63));
  EXPECT_EQ(Profiler::HashUnsigned(kKey, uint64_t{1} << 63), Profiler::HashNumber(kKey, 0x1p63));
  EXPECT_EQ(Profiler::HashInteger(kKey, (int64_t{1} << 53) + 1), tagged("i9007199254740993"));
  EXPECT_EQ(Profiler::HashInteger(kKey, INT64_MAX), tagged("i9223372036854775807"));
  EXPECT_EQ(Profiler::HashInteger(kKey, INT64_MIN + 1), tagged("i-9223372036854775807"));
  EXPECT_EQ(Profiler::HashUnsigned(kKey, UINT64_MAX), tagged("i18446744073709551615"));
}

TEST(ProfilerTest, IntegersBeyond64BitsHashLikeAnyOther) {
  const auto hash_of = [](const std::string& digits) {
    const Fields fields = ProfileOf({digits});
    EXPECT_EQ(fields.at("").counts.big_integers, 1u) << digits;
    return fields.at("").categories.entries()[0].hash;
  };
  EXPECT_EQ(hash_of("18446744073709551616"), Profiler::HashNumber(kKey, 0x1p64));
  EXPECT_EQ(hash_of("-36893488147419103232"), Profiler::HashNumber(kKey, -0x1p65));
  EXPECT_EQ(hash_of("1" + std::string(22, '0')), Profiler::HashNumber(kKey, 1e22));
  EXPECT_EQ(hash_of("18446744073709551617"), SipHash13(kKey, "i18446744073709551617"));
  EXPECT_EQ(hash_of("1" + std::string(23, '0')), SipHash13(kKey, "i1" + std::string(23, '0')));
  EXPECT_EQ(hash_of("1" + std::string(400, '0')), SipHash13(kKey, "i1" + std::string(400, '0')));
}

TEST(ProfilerTest, SurvivesAMove) {
  Profiler first(Limits{}, kKey);
  Observe(first, R"({"a":1})");
  Profiler second = std::move(first);
  Observe(second, R"({"a":2})");
  EXPECT_EQ(second.Take().at("a").counts.seen, 2u);
}

// What leaves the worker holds none of the bytes that came in.
TEST(ProfilerTest, ConcealedFieldsHoldNoPayload) {
  const std::string secret = "correct horse battery";
  const std::string short_secret = "hunter2!";
  const int64_t number = 0x1122334455667788;
  const double real = 1234567.890625;
  const std::string uuid = "550e8400-e29b-41d4-a716-446655440000";
  const std::string email = "anna@example.com";
  Profiler profiler(Limits{}, kKey);
  for (int i = 0; i < 3; ++i) {
    Observe(profiler, "{\"a\":\"" + secret + "\",\"b\":\"" + short_secret +
                          "\",\"n\":" + std::to_string(number) + ",\"r\":1234567.890625,\"" + uuid +
                          "\":{\"" + email + "\":\"" + secret + "\"},\"list\":[\"" + short_secret + "\"," +
                          std::to_string(number) + ",1234567.890625]}");
  }
  ByteWriter out;
  for (auto& [path, field] : profiler.Take()) {
    field.Conceal();
    out.String(path);
    for (int family = 0; family < kFamilies; ++family) EncodeField(field, static_cast<Family>(family), out);
  }
  const auto bytes_of = [](auto value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
  };
  const auto varint_of = [](uint64_t value) {
    ByteWriter writer;
    writer.Varint(value);
    return std::move(writer).Take();
  };
  const auto zigzag_of = [](int64_t value) {
    ByteWriter writer;
    writer.Signed(value);
    return std::move(writer).Take();
  };
  const double number_as_real = static_cast<double>(number);
  for (const std::string& planted :
       {secret, short_secret, secret.substr(0, 7), uuid, uuid.substr(0, 8), email, std::to_string(number),
        std::string("1234567"), bytes_of(number), bytes_of(real), bytes_of(number_as_real),
        bytes_of(3 * real), bytes_of(6 * real), bytes_of(3 * number_as_real), varint_of(number),
        zigzag_of(number)}) {
    EXPECT_EQ(out.bytes().find(planted), std::string::npos) << planted;
  }
  // The search would find them: unconcealed, the numbers are there.
  Observe(profiler, R"({"r":1234567.890625})");
  ByteWriter plain;
  EncodeField(profiler.Take().at("r"), Family::kDistributions, plain);
  EXPECT_NE(plain.bytes().find(bytes_of(real)), std::string::npos);
}

}  // namespace
}  // namespace fieldmark::profile
