#include "fieldmark/profile/path.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace fieldmark::profile {
namespace {

using namespace std::string_view_literals;

TEST(PathTest, NamesMembers) {
  struct Case {
    std::string_view parent, name, path;
  };
  for (const Case& each : std::vector<Case>{
           {"", "customer", "customer"},
           {"customer", "phone", "customer.phone"},
           {"[]", "price", "[].price"},
           {"items[]", "price", "items[].price"},
           {"{}", "amount", "{}.amount"},
           {"headers", "x.y", "headers.\"x.y\""},
           {"", "", "\"\""},
           {"a", "", "a.\"\""},
           {"", "two words", "\"two words\""},
           {"", "[]", "\"[]\""},
           {"", "{}", "\"{}\""},
           {"", "say \"hi\"", "\"say \\\"hi\\\"\""},
           {"", "a\\b", "a\\b"},
           {"", "a\\b c", "\"a\\\\b c\""},
           {"", "tab\t", "\"tab\\t\""},
           {"", "\x01"sv, "\"\\u0001\""},
           {"", "\0"sv, "\"\\u0000\""},
           {"", "\x7F", "\"\x7F\""},
           {"", "gr\u00f6\u00dfe", "gr\u00f6\u00dfe"},
           {"", "x-request-id", "x-request-id"},
           {"", "$ref", "$ref"},
       }) {
    EXPECT_EQ(MemberPath(each.parent, each.name), each.path);
  }
}

TEST(PathTest, NamesItemsAndResiduals) {
  EXPECT_EQ(ItemPath(""), "[]");
  EXPECT_EQ(ItemPath("items"), "items[]");
  EXPECT_EQ(ItemPath("items[]"), "items[][]");
  EXPECT_EQ(ResidualPath(""), "{}");
  EXPECT_EQ(ResidualPath("prices"), "prices.{}");
  EXPECT_EQ(ResidualPath("[]"), "[].{}");
}

TEST(PathTest, TellsKindsApart) {
  EXPECT_TRUE(IsItem("items[]"));
  EXPECT_TRUE(IsItem("[]"));
  EXPECT_FALSE(IsItem("items[].price"));
  EXPECT_FALSE(IsItem("\"[]\""));
  EXPECT_TRUE(IsResidual("{}"));
  EXPECT_TRUE(IsResidual("prices.{}"));
  EXPECT_FALSE(IsResidual("prices.{}.amount"));
  EXPECT_FALSE(IsResidual("prices.\"{}\""));
  EXPECT_FALSE(IsResidual("prices.{}[]"));
  EXPECT_FALSE(IsItem(""));
  EXPECT_FALSE(IsResidual(""));
}

// ParentPath undoes each step, whatever the names.
TEST(PathTest, ParentUndoesEveryStep) {
  const std::vector<std::string> names = {"a",  "",      "x.y", "[]",   "{}", "q\"",
                                          "\\", "b\\\"", "\"",  "\\\\", " ",  ".\n["};
  std::set<std::string> paths = {""};
  for (int depth = 0; depth < 3; ++depth) {
    std::set<std::string> deeper = paths;
    for (const std::string& parent : paths) {
      std::vector<std::string> children = {ItemPath(parent), ResidualPath(parent)};
      for (const std::string& name : names) children.push_back(MemberPath(parent, name));
      for (const std::string& child : children) {
        EXPECT_EQ(ParentPath(child), parent) << child;
        deeper.insert(child);
      }
    }
    paths = deeper;
  }
  // Injective: 14 children a path, no two the same.
  EXPECT_EQ(paths.size(), 1u + 14 + 14 * 14 + 14 * 14 * 14);
  EXPECT_EQ(ParentPath(""), "");
}

TEST(PathTest, RecognisesIdentifiers) {
  for (const std::string_view key : {
           "550e8400-e29b-41d4-a716-446655440000"sv,
           "550E8400E29B41D4A716446655440000"sv,
           "0"sv,
           "42"sv,
           "2024"sv,
           "-1.5"sv,
           "1e9"sv,
           "007"sv,
           "anna@example.com"sv,
           "a.b+c@mail.example.org"sv,
           "+49 30 1234567"sv,
           "(555) 123-4567"sv,
           "555-1234567"sv,
           "2024-05-01"sv,
           "deadbee1"sv,
           "9f2c1ab004"sv,
           "0x12ab34cd"sv,
           "a-key-of-sixty-five-bytes-is-more-likely-data-than-it-is-a-name.."sv,
       }) {
    EXPECT_TRUE(LooksLikeIdentifier(key)) << key;
  }
  for (const std::string_view key : {
           ""sv,
           "id"sv,
           "name"sv,
           "line1"sv,
           "address2"sv,
           "utf8"sv,
           "deadbeef"sv,
           "facade"sv,
           "x-b3-traceid"sv,
           "1st"sv,
           "@type"sv,
           "a@b"sv,
           "e5"sv,
           "-"sv,
           "."sv,
           "+"sv,
           "de305d54"sv.substr(0, 7),
           "v1.2"sv,
           "sha256"sv,
           "a-key-of-exactly-sixty-four-bytes-may-still-be-a-name-after-all."sv,
           "p99"sv,
           "24h"sv,
           "1-2-3"sv,
       }) {
    EXPECT_FALSE(LooksLikeIdentifier(key)) << key;
  }
}

TEST(Path, ItsStepsLeadBackToIt) {
  const std::string names[] = {"a", "", "a b", "x.y", "q\"[]{}", "\\", "\n\t\b\f\r", "\x01\x1f\x7f", "ü"};
  for (const std::string& first : names) {
    for (const std::string& second : names) {
      const std::string path = ResidualPath(ItemPath(ItemPath(MemberPath(MemberPath("", first), second))));
      const auto steps = StepsOf(path);
      ASSERT_TRUE(steps) << path;
      using Kind = PathStep::Kind;
      EXPECT_EQ(*steps, (std::vector<PathStep>{{Kind::kMember, first},
                                               {Kind::kMember, second},
                                               {Kind::kItem},
                                               {Kind::kItem},
                                               {Kind::kResidual}}))
          << path;
    }
  }
  EXPECT_EQ(StepsOf("")->size(), 0u);
  EXPECT_EQ(StepsOf("[].a")->size(), 2u);
  EXPECT_EQ(StepsOf("\"a\".b")->size(), 2u) << "needless quotes";
  for (const char* path : {".", ".a", "a.", "a..b", "a b", "a[", "a[1]", "a]", "a{}", "{}a", "a[]b", "\"a",
                           "\"\\", "\"\\u0", "\"\\u12\"", "\"\\uffff\"", "\"a\"b"}) {
    EXPECT_FALSE(StepsOf(path)) << path;
  }
}

}  // namespace
}  // namespace fieldmark::profile
