// What declarations change: which keys have a name, whose values appear. And the law that naming must keep:
// whatever the order and the partition of documents, totals are exact, what is missing lies in its interval,
// and what has a name everywhere is counted exactly.
#include "fieldmark/profile/declarations.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "fieldmark/profile/profiler.h"
#include "fieldmark/profile/reading.h"

namespace fieldmark::profile {
namespace {

using Random = std::mt19937_64;
const HashKey kKey = *HashKey::FromHex("000102030405060708090a0b0c0d0e0f");
constexpr Limits kNarrow = {.fields_max = 6, .names_max = 4};

std::shared_ptr<Declarations> Declared(const std::vector<std::pair<std::string, FieldKind>>& fields,
                                       const Limits& limits = {}) {
  auto declarations = std::make_shared<Declarations>(limits);
  for (const auto& [path, kind] : fields) EXPECT_TRUE(declarations->Add(path, kind)) << path;
  return declarations;
}

Fields Profiled(Profiler& profiler, const std::vector<std::string>& bodies) {
  json::Reader reader;
  for (const std::string& body : bodies) profiler.Observe(reader.Read(body));
  return profiler.TakeConcealed();
}

TEST(Declarations, TakeWhatIsAFieldAndFits) {
  Declarations declarations(kNarrow);
  for (const char* path : {"a", "a.b", "c[].d", "c[].{}"}) {
    EXPECT_TRUE(declarations.Add(path, FieldKind::kPlain)) << path;
    EXPECT_TRUE(declarations.Add(path, FieldKind::kRevealed)) << path << " again";
  }
  EXPECT_EQ(declarations.names(), 4u);
  EXPECT_EQ(declarations.structural(), 2u);
  for (const char* path : {"", "a..b", "a b", "a[1]"}) {
    EXPECT_FALSE(declarations.Add(path, FieldKind::kPlain)) << path;
  }
  EXPECT_TRUE(declarations.Add("e", FieldKind::kPlain));
  EXPECT_TRUE(declarations.Add("f", FieldKind::kPlain));
  EXPECT_FALSE(declarations.Add("g", FieldKind::kPlain)) << "four names an object";
  EXPECT_FALSE(declarations.Add("a.c", FieldKind::kPlain)) << "six names in all";
  EXPECT_EQ(declarations.names(), 6u);
  std::string deep = "a";
  for (int i = 0; i < 32; ++i) deep += "[]";
  EXPECT_FALSE(declarations.Add(deep, FieldKind::kPlain)) << "deeper than documents are read";
  EXPECT_EQ(declarations.document().Member("c")->item->Member("d")->kind, FieldKind::kRevealed);
  EXPECT_EQ(declarations.document().Member("c")->kind, FieldKind::kPlain);
}

TEST(Declarations, AreNamedFirstWhateverCameBefore) {
  const auto declared =
      Declared({{"total", FieldKind::kPlain}, {"customer.country", FieldKind::kPlain}}, kNarrow);
  Profiler profiler(kNarrow, kKey, declared);
  std::vector<std::string> bodies;
  for (int i = 0; i < 100; ++i) bodies.push_back("{\"hostile" + std::to_string(i) + "x\":{\"k\":1}}");
  bodies.push_back("{\"customer\":{\"country\":\"de\",\"a\":1,\"b\":1,\"c\":1,\"d\":1},\"total\":1}");
  const Fields fields = Profiled(profiler, bodies);
  for (const char* path : {"total", "customer", "customer.country"}) {
    ASSERT_TRUE(fields.contains(path)) << path;
    EXPECT_EQ(fields.at(path).counts.seen, 1u);
  }
  const auto named =
      std::count_if(fields.begin(), fields.end(), [](const auto& field) { return IsMember(field.first); });
  EXPECT_EQ(named, 6) << "room that is kept is not lost, and no more is taken";
}

TEST(Declarations, AKeyShapedLikeAnIdentifierIsNamedWhenItIsDeclared) {
  Profiler profiler({}, kKey, Declared({{"prices.4711", FieldKind::kPlain}}));
  const Fields fields = Profiled(profiler, {"{\"prices\":{\"4711\":1,\"4712\":1}}"});
  EXPECT_EQ(fields.at("prices.4711").counts.seen, 1u);
  EXPECT_EQ(fields.at("prices.{}").counts.seen, 1u);
  EXPECT_FALSE(fields.contains("prices.4712"));
}

TEST(Declarations, ItemsAndResidualChildrenHaveTheirRoomKept) {
  const Limits limits = {.fields_max = 3};
  Profiler profiler(limits, kKey, Declared({{"tags[]", FieldKind::kRevealed}}, limits));
  const Fields fields = Profiled(profiler, {"[[[[[[1]]]]]]", "{\"tags\":[\"a\",\"b\"]}"});
  EXPECT_EQ(fields.at("tags[]").counts.strings, 2u);
  EXPECT_EQ(fields.at("tags[]").texts.entries().size(), 2u);
}

TEST(Declarations, WhatIsDeclaredAndNeverSeenIsNotThere) {
  Profiler profiler({}, kKey, Declared({{"a.b", FieldKind::kRevealed}}));
  const Fields fields = Profiled(profiler, {"{\"c\":1}"});
  EXPECT_EQ(fields.size(), 2u);
}

TEST(Declarations, WhatIsDroppedIsPassedOverWithAllBelowIt) {
  Profiler profiler({}, kKey,
                    Declared({{"a.b", FieldKind::kDropped},
                              {"a.b.c", FieldKind::kRevealed},
                              {"list[]", FieldKind::kDropped},
                              {"map.{}", FieldKind::kDropped},
                              {"d", FieldKind::kRevealed},
                              {"d", FieldKind::kDropped}}));
  const std::string uuid = "3f1f8e5c-7d55-4f6e-9d7c-0123456789ab";
  const std::string body =
      R"({"d":1,"a":{"x":1,"b":{"c":[1,{"e":2}]},"y":2,"b":3},"list":[1,{"z":2}],"map":{")" + uuid +
      R"(":1},"d":2})";
  const Fields fields = Profiled(profiler, {body, body});
  std::set<std::string> paths;
  for (const auto& [path, field] : fields) {
    paths.insert(path);
    EXPECT_EQ(field.counts.cut, 0u) << path;
    EXPECT_EQ(field.counts.documents, 2u) << path;
  }
  EXPECT_EQ(paths, (std::set<std::string>{"", "a", "a.x", "a.y", "list", "map"}));
  EXPECT_EQ(fields.at("").counts.folded + fields.at("a").counts.folded, 0u);
  EXPECT_EQ(fields.at("map").counts.folded, 2u);
  EXPECT_FALSE(fields.at("list").array_items.empty());
}

std::map<std::string, uint64_t> Shown(const FieldSummary& field) {
  std::map<std::string, uint64_t> shown;
  for (const RevealedValue& value : RevealedOf(field)) {
    shown[(value.is_number ? "" : "\"") + value.text] = value.count;
  }
  return shown;
}

TEST(Declarations, ARevealedFieldShowsItsValuesAndItsExactRange) {
  Profiler profiler({}, kKey, Declared({{"v", FieldKind::kRevealed}}));
  const std::string lengthy = "more than sixteen bytes";
  const Fields fields =
      Profiled(profiler, {"{\"v\":\"paid\",\"w\":123.456}", "{\"v\":\"paid\"}", "{\"v\":\"\"}",
                          "{\"v\":\"" + lengthy + "\"}", "{\"v\":\"" + lengthy + "\"}", "{\"v\":-7}",
                          "{\"v\":12.5}", "{\"v\":18446744073709551615}", "{\"v\":1e3}", "{\"v\":1000}",
                          "{\"v\":99999999999999999999999}", "{\"v\":null}", "{\"v\":true}"});
  EXPECT_EQ(Shown(fields.at("v")), (std::map<std::string, uint64_t>{{"\"paid", 2},
                                                                    {"\"", 1},
                                                                    {"\"" + lengthy, 2},
                                                                    {"-7", 1},
                                                                    {"12.5", 1},
                                                                    {"18446744073709551615", 1},
                                                                    {"1000", 2},
                                                                    {"99999999999999999999999", 1}}));
  EXPECT_EQ(fields.at("v").numbers.min(), -7);
  EXPECT_FALSE(fields.at("v").numbers.concealed());
  EXPECT_TRUE(fields.at("w").numbers.concealed());
  EXPECT_TRUE(Shown(fields.at("w")).empty());
}

TEST(Declarations, WithoutAKeyThereAreNoTexts) {
  Profiler profiler({}, std::nullopt, Declared({{"v", FieldKind::kRevealed}}));
  const Fields fields = Profiled(profiler, {"{\"v\":\"paid\"}", "{\"v\":\"more than sixteen bytes\"}"});
  EXPECT_TRUE(fields.at("v").texts.empty());
}

// Of many values the same are shown in whatever order they come.
TEST(Declarations, TextsAreThoseOfTheValuesThatAreCountedExactly) {
  std::vector<std::string> bodies;
  for (int i = 0; i < 500; ++i) bodies.push_back("{\"v\":\"value " + std::to_string(i % 200) + "\"}");
  Random random(3);
  std::map<std::string, uint64_t> before;
  for (int round = 0; round < 4; ++round) {
    std::shuffle(bodies.begin(), bodies.end(), random);
    Profiler one({}, kKey, Declared({{"v", FieldKind::kRevealed}}));
    Profiler other({}, kKey, Declared({{"v", FieldKind::kRevealed}}));
    const size_t half = random() % bodies.size();
    const auto middle = bodies.begin() + static_cast<ptrdiff_t>(half);
    Fields fields = Profiled(one, {bodies.begin(), middle});
    MergeFields(fields, Profiled(other, {middle, bodies.end()}));
    const auto shown = Shown(fields.at("v"));
    EXPECT_EQ(shown.size(), 64u);
    if (round > 0) {
      EXPECT_EQ(shown, before);
    }
    before = shown;
  }
}

// ---- the law, with names for few of many keys

struct Document {
  std::vector<std::string> keys;

  std::string Body() const {
    std::string body = "{";
    for (const std::string& key : keys) body += (body.size() > 1 ? "," : "") + ("\"" + key + "\":\"x\"");
    return body + "}";
  }
};

TEST(NamingLaw, TotalsAreExactAndMissingLiesInItsInterval) {
  Random random(5);
  for (int round = 0; round < 60; ++round) {
    const Limits limits = {.fields_max = 1 + random() % 6, .names_max = 1 + random() % 6};
    const bool declares = round % 2 == 1;
    const auto declared = declares ? Declared({{"k0", FieldKind::kPlain}}, limits) : nullptr;
    std::vector<Document> documents(1 + random() % 60);
    std::map<std::string, uint64_t> seen;
    uint64_t values = 0;
    for (Document& document : documents) {
      for (int key = 0; key < 10; ++key) {
        if (random() % 3 == 0) document.keys.push_back("k" + std::to_string(key));
      }
      if (random() % 4 == 0) document.keys.push_back("49" + std::to_string(random() % 1'000'000));
      std::shuffle(document.keys.begin(), document.keys.end(), random);
      for (const std::string& key : document.keys) ++seen[key];
      values += document.keys.size();
    }
    std::shuffle(documents.begin(), documents.end(), random);
    std::vector<Profiler> workers;
    for (size_t left = 1 + random() % 4; left > 0; --left) workers.emplace_back(limits, kKey, declared);
    json::Reader reader;
    Fields fields;
    for (const Document& document : documents) {
      Profiler& worker = workers[random() % workers.size()];
      worker.Observe(reader.Read(document.Body()));
      if (random() % 8 == 0) MergeFields(fields, worker.TakeConcealed());
    }
    for (Profiler& worker : workers) MergeFields(fields, worker.TakeConcealed());

    EXPECT_EQ(fields.at("").counts.documents, documents.size());
    EXPECT_EQ(fields.at("").counts.objects, documents.size());
    uint64_t strings = fields.at("").counts.cut;
    uint64_t hashed = fields.at("").counts.cut;
    for (const auto& [path, field] : fields) {
      strings += field.counts.strings;
      hashed += field.categories.total();
    }
    EXPECT_EQ(strings, values) << "every value is somewhere, once";
    EXPECT_EQ(hashed, values);
    for (const auto& [key, times] : seen) {
      const auto at = fields.find(key);
      if (at == fields.end() || !IsMember(at->first)) continue;
      const Missing missing = MissingOf(fields, key);
      EXPECT_LE(missing.min, documents.size() - times) << key;
      EXPECT_GE(missing.max, documents.size() - times) << key;
    }
    if (declares && seen.contains("k0")) {
      EXPECT_EQ(fields.at("k0").counts.seen, seen.at("k0")) << "named everywhere: exact";
    }
  }
}

// Where every worker has room for every key, order and partition leave no trace at all.
TEST(NamingLaw, WhereAllIsNamedEverythingIsTheSameInEveryOrderAndPartition) {
  Random random(8);
  for (int round = 0; round < 40; ++round) {
    std::vector<std::string> bodies;
    for (size_t left = 1 + random() % 40; left > 0; --left) {
      const auto value = [&] { return std::to_string(random() % 90); };
      bodies.push_back("{\"a\":" + value() + ",\"49123456" + value() + "\":{\"x\":\"" + value() +
                       "\"},\"b\":[{\"c\":" + value() + "},null]}");
    }
    Profiler whole({}, kKey);
    const Fields expected = Profiled(whole, bodies);
    std::shuffle(bodies.begin(), bodies.end(), random);
    std::vector<Profiler> workers;
    for (size_t left = 1 + random() % 4; left > 0; --left) workers.emplace_back(Limits{}, kKey);
    Fields merged;
    for (const std::string& body : bodies) {
      MergeFields(merged, Profiled(workers[random() % workers.size()], {body}));
    }
    EXPECT_EQ(merged, expected);
  }
}

// That an object is a map is decided on both sides together, so a side with fewer keys is folded alike.
TEST(NamingLaw, MapsAreTheSameOnBothSides) {
  Profiler before({}, kKey), after({}, kKey);
  const auto bodies = [](int from, int to) {
    std::vector<std::string> made;
    for (int i = from; i < to; ++i) {
      const std::string key = std::string(static_cast<size_t>(1 + i / 2), 'k') + (i % 2 == 0 ? "a" : "b");
      made.push_back("{\"by_sku\":{\"" + key + "\":1}}");
    }
    return made;
  };
  const Fields many = Profiled(before, bodies(0, 70));
  const Fields few = Profiled(after, bodies(60, 90));
  EXPECT_TRUE(MapsOf(few).empty());
  Fields both = many;
  MergeFields(both, few);
  const std::vector<std::string> maps = MapsOf(both);
  ASSERT_EQ(maps, std::vector<std::string>{"by_sku"});
  const Fields folded_few = WithMapsFolded(few, maps);
  EXPECT_EQ(folded_few.at("by_sku.{}").counts.seen, 30u);
  EXPECT_EQ(folded_few.at("by_sku").counts.folded, 30u);
  EXPECT_EQ(WithMapsFolded(many, maps).at("by_sku.{}").counts.seen, 70u);
}

}  // namespace
}  // namespace fieldmark::profile
