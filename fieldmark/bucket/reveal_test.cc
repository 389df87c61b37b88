#include "fieldmark/bucket/reveal.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fieldmark::bucket {
namespace {

TEST(Reveal, IsSpelledAsFindingsAre) {
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
    const Result<std::vector<Reveal>> reveals = RevealsOf({text});
    ASSERT_TRUE(reveals.ok()) << text;
    EXPECT_EQ(*reveals, (std::vector<Reveal>{{subject, path}})) << text;
  }
}

TEST(Reveal, SaysWhatItCannotMean) {
  for (const char* text :
       {"", " ", "a b", "POST /orders customer.country", " request a", "POST /orders request",
        "POST /orders request ", "a..b", "a[0]", "\"a", ".a", "a.", "a[]b"}) {
    const Result<std::vector<Reveal>> reveals = RevealsOf({"fine", text});
    ASSERT_FALSE(reveals.ok()) << text;
    EXPECT_EQ(reveals.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(reveals.error().message.find("like customer.country or POST"), std::string::npos);
  }
}

TEST(Reveal, AsManyAsFieldsHaveNames) {
  std::vector<std::string> many;
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 127; ++j) many.push_back("a" + std::to_string(i) + ".b" + std::to_string(j));
  }
  EXPECT_TRUE(RevealsOf(many).ok());
  many.push_back("a0.c.d.e.f.g.h");
  ASSERT_FALSE(RevealsOf(many).ok());
  EXPECT_NE(RevealsOf(many).error().message.find("no room for 'a0.c.d.e.f.g.h'"), std::string::npos);
}

}  // namespace
}  // namespace fieldmark::bucket
