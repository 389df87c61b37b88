#include "fieldmark/bucket/listed_fields.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fieldmark::bucket {
namespace {

TEST(ListedFields, AreSpelledAsFindingsAre) {
  const struct {
    const char* text;
    const char* subject;
    const char* path;
  } cases[] = {
      {"status", "", "status"},
      {"customer.country", "", "customer.country"},
      {"[].a", "", "[].a"},
      {"\"odd name\".b", "", "\"odd name\".b"},
      {"POST /orders request customer.country", "POST /orders request", "customer.country"},
      {"GET /o/{id} response 2xx items[].price", "GET /o/{id} response 2xx", "items[].price"},
      {"GET /o response none prices.{}.amount", "GET /o response none", "prices.{}.amount"},
      {"GET /o request \"a request b\"", "GET /o request", "\"a request b\""},
      {"GET /a request x request status", "GET /a request x request", "status"},
  };
  for (const auto& [text, subject, path] : cases) {
    const Result<std::vector<ListedField>> fields = ListedFieldsOf({text});
    ASSERT_TRUE(fields.ok()) << text;
    EXPECT_EQ(*fields, (std::vector<ListedField>{{subject, path}})) << text;
  }
}

TEST(ListedFields, SayWhatTheyCannotMean) {
  for (const char* text :
       {"", " ", "a b", "POST /orders customer.country", " request a", "POST /orders request",
        "POST /orders request ", "a..b", "a[0]", "\"a", ".a", "a.", "a[]b"}) {
    const Result<std::vector<ListedField>> fields = ListedFieldsOf({"fine", text});
    ASSERT_FALSE(fields.ok()) << text;
    EXPECT_EQ(fields.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(fields.error().message.find("like customer.country or POST"), std::string::npos);
  }
}

TEST(ListedFields, AsManyAsFieldsHaveNames) {
  std::vector<std::string> many;
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 127; ++j) many.push_back("a" + std::to_string(i) + ".b" + std::to_string(j));
  }
  EXPECT_TRUE(ListedFieldsOf(many).ok());
  many.push_back("a0.c.d.e.f.g.h");
  ASSERT_FALSE(ListedFieldsOf(many).ok());
  EXPECT_NE(ListedFieldsOf(many).error().message.find("no room for 'a0.c.d.e.f.g.h'"), std::string::npos);
}

TEST(ListedFields, SayWhetherTheyAreRevealedOrDropped) {
  const Result<std::vector<ListedField>> fields = ListedFieldsOf({"a"}, {"a", "POST /b request c"});
  ASSERT_TRUE(fields.ok());
  EXPECT_EQ(*fields, (std::vector<ListedField>{{"", "a", profile::FieldKind::kRevealed},
                                               {"", "a", profile::FieldKind::kDropped},
                                               {"POST /b request", "c", profile::FieldKind::kDropped}}));
  EXPECT_TRUE(
      ListedFieldsOf({}, {"a b"}).error().message.starts_with("reading what to drop: 'a b' names no"));
}

}  // namespace
}  // namespace fieldmark::bucket
