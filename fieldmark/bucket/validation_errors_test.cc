#include "fieldmark/bucket/validation_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fieldmark::bucket {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> ErrorsIn(const std::string& body) {
  json::Reader reader;
  std::vector<std::string> errors;
  for (const ViolationName& name : ValidationErrorsIn(reader.Read(body)))
    errors.push_back(name.field + " " + name.rule);
  EXPECT_TRUE(errors.empty() || MayHoldValidationErrors(body)) << body;
  return errors;
}

// One error at a location.
std::string At(const std::string& location, const std::string& type = "missing") {
  const std::vector<std::string> errors =
      ErrorsIn(R"({"detail":[{"loc":)" + location + R"(,"type":")" + type + R"("}]})");
  return errors.size() == 1 ? errors[0] : "none";
}

// As FastAPI 0.115 with pydantic 2 answered.
TEST(ValidationErrors, OfAnAnswerOfFastApi) {
  EXPECT_THAT(
      ErrorsIn(R"({"detail":[{"type":"missing","loc":["body","customer","phone"],"msg":"Field required",)"
               R"("input":{"name":"Anna","loc":["query"],"type":"x"}},{"type":"float_parsing",)"
               R"("loc":["body","items",17,"price"],"msg":"Input should be a valid number, unable to parse )"
               R"(string as a number","input":"12,50"},{"type":"int_parsing","loc":["query","limit"],)"
               R"("msg":"Input should be a valid integer","input":"ten"}]})"),
      ElementsAre("body.customer.phone missing", "body.items[].price float_parsing",
                  "query.limit int_parsing"));
}

TEST(ValidationErrors, LocationsAreSpelledAsFieldsAre) {
  const struct {
    const char* location;
    const char* type;
    const char* expected;
  } cases[] = {
      {R"(["body"])", "missing", "body missing"},
      {R"(["body",41])", "json_invalid", "body[] json_invalid"},
      {R"(["header","x-token"])", "missing", "header.x-token missing"},
      {R"(["response",0,"id"])", "int_type", "response[].id int_type"},
      {R"([])", "missing", " missing"},
      {R"(["body","a.b"])", "missing", R"(body."a.b" missing)"},
      {R"(["body","prices","anna@example.com"])", "float_type", "body.prices.{} float_type"},
      {R"(["body","prices","anything","[key]"])", "int_parsing", "body.prices.{} int_parsing"},
      {R"(["body","customer","my_secret"])", "extra_forbidden", "body.customer.{} extra_forbidden"},
      {R"(["body","my_secret"])", "value_error.extra", "body.{} value_error.extra"},
      {R"(["body","a"])", "my secret", "body.a (other)"},
      {R"(["body","a"])", "", "body.a (other)"},
      {R"(["body",null])", "missing", "none"},
      {R"(["body",{"a":1}])", "missing", "none"},
      {R"("body")", "missing", "none"},
  };
  for (const auto& [location, type, expected] : cases) EXPECT_EQ(At(location, type), expected) << location;
  EXPECT_EQ(At(R"(["body"])", std::string(65, 'a')), "body (other)");
  std::string nested = "[0";
  for (int step = 1; step < 32; ++step) nested += ",0";
  EXPECT_EQ(At(nested + "]").size(), 32 * 2 + std::string(" missing").size());
  EXPECT_EQ(At(nested + ",0]"), "(other) missing");
}

TEST(ValidationErrors, OtherDocumentsHaveNone) {
  for (const char* body :
       {"", "{", "null", "7", "[]", R"("detail")", R"({"detail":"Not Found"})", R"({"detail":{}})",
        R"({"detail":[]})", R"({"detail":[7,"loc",null,[],{}]})", R"({"detail":[{"loc":["body"]}]})",
        R"({"detail":[{"type":"missing"}]})", R"({"detail":[{"loc":["body"],"type":7}]})",
        R"({"errors":[{"loc":["body"],"type":"missing"}]})",
        R"([{"detail":[{"loc":["body"],"type":"missing"}]}])"})
    EXPECT_THAT(ErrorsIn(body), IsEmpty()) << body;
}

TEST(ValidationErrors, EachIsSaidOnce) {
  EXPECT_THAT(
      ErrorsIn(R"({"x":[1,2.5,{"y":[]}],"detail":[{"loc":["body"],"type":"a","ctx":{"e":-1}},{"n":1.5},)"
               R"({"type":"a","loc":["body"]},{"loc":["body"],"type":"b"}],"detail":[]})"),
      ElementsAre("body a", "body b"));
}

}  // namespace
}  // namespace fieldmark::bucket
