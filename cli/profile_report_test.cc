#include "cli/profile_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <string>

#include "fieldmark/bucket/document_profiler.h"

namespace fieldmark::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const HashKey kKey = *HashKey::FromHex("000102030405060708090a0b0c0d0e0f");

bucket::SavedProfile ProfileOf(const std::string& body, int times, const std::string& other = "",
                               int other_times = 0) {
  bucket::DocumentProfiler profiler(kKey);
  for (int i = 0; i < times; ++i) profiler.Observe(body);
  for (int i = 0; i < other_times; ++i) profiler.Observe(other);
  return profiler.Take();
}

std::vector<std::string> Texts(const std::vector<Remark>& remarks) {
  std::vector<std::string> texts;
  for (const Remark& remark : remarks) texts.push_back(remark.field + ": " + remark.text);
  return texts;
}

struct Case {
  const char* body;
  int times;
  const char* other;
  int other_times;
  const char* remark;
};

const Case kRemarks[] = {
    {"{\"a\":1}", 990, "{\"a\":\"1\"}", 10, "a: has several types: integer 99 %, string 1 %"},
    {"{\"a\":\"x\"}", 995, "{\"a\":null}", 5, "a: null in only 5 of 1 000"},
    {"{\"a\":\"x\"}", 995, "{}", 5, "a: missing from only 5 of 1 000"},
    {"{\"a\":null}", 5, "", 0, "a: is null wherever it is"},
    {"{\"a\":7}", 50, "", 0, "a: holds one and the same value in all 50 places"},
    {"{\"a\":1,\"a\":2}", 1, "{\"a\":1}", 1,
     "a: 50 % of its objects hold the key again; the first was profiled"},
    {"{\"a\":NaN}", 1, "{\"a\":1}", 3, "a: 25 % of its numbers are NaN, infinite or beyond a double"},
    {"{\"a\":18446744073709551616}", 1, "", 0, "a: 100 % of its integers are beyond 64 bits"},
    {"{\"a\":\"\xFF\"}", 1, "", 0, "a: 100 % of its strings are not valid UTF-8"},
    {"{\"4111\":1}", 1, "{}", 3, ": 25 % of its objects hold keys that are data or too many, shown as {}"},
    {"{\"a\":\"d@example.org\"}", 95, "{\"a\":\"unknown\"}", 5,
     "a: 5 % of its strings are no email, unlike the others"},
    {"{\"a\":\"4111111111111111\"}", 3, "", 0, "a: looks like personal data (card in 100 % of its strings)"},
    {"{\"a\":\" x\"}", 1, "{\"a\":\"x\"}", 1, "a: padded in 50 % of its strings"},
    {"[1,", 2, "", 0, ": 2 documents could not be read: 2 truncated"},
};

TEST(ProfileReport, RemarksOnWhatIsStrange) {
  for (const Case& test : kRemarks) {
    const auto profile = ProfileOf(test.body, test.times, test.other, test.other_times);
    EXPECT_THAT(Texts(RemarksOf(profile.body)), ::testing::Contains(test.remark)) << test.body;
  }
}

TEST(ProfileReport, PutsTheWorstFirst) {
  const auto profile = ProfileOf("{\"a\":\"x\",\"b\":\"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln\"}", 60,
                                 "{\"a\":1,\"b\":\"\"}", 40);
  const std::vector<Remark> remarks = RemarksOf(profile.body);
  ASSERT_GE(remarks.size(), 2u);
  EXPECT_EQ(remarks.front().field, "b");
  for (size_t i = 1; i < remarks.size(); ++i) EXPECT_LE(remarks[i].weight, remarks[i - 1].weight);
}

TEST(ProfileReport, HasNothingToSayOfWhatIsAsItShouldBe) {
  const auto profile = ProfileOf("{\"a\":\"x\"}", 20, "{\"a\":\"yy\"}", 20);
  EXPECT_THAT(RemarksOf(profile.body), IsEmpty());
  EXPECT_THAT(TableOf(profile.body), Not(HasSubstr("Remarks")));
}

TEST(ProfileReport, RangesOfWholeNumbersAreWholeAndHoldTheTruth) {
  const struct {
    const char* body;
    const char* values;
  } cases[] = {{"{\"a\":0}", "0"},
               {"{\"a\":1}", "1"},
               {"{\"a\":-7}", "-7"},
               {"{\"a\":32}", "32"},
               {"{\"a\":\"wxyz\"}", "4 bytes"},
               {"{\"a\":[1,2]}", "2 items"}};
  for (const auto& test : cases) {
    const std::string table = TableOf(ProfileOf(test.body, 3).body);
    const size_t row = table.find("\na ");
    const std::string line = table.substr(row + 1, table.find('\n', row + 1) - row - 1);
    EXPECT_TRUE(line.ends_with(std::string("  ") + test.values)) << line;
  }
  EXPECT_THAT(TableOf(ProfileOf("{\"a\":3}", 3, "{\"a\":11}", 3).body),
              HasSubstr("3 … 11, median 3, 99 % ≤ 11"));
}

TEST(ProfileReport, ShowsNoValueAndNoControlCharacter) {
  const std::string body = "{\"a\\u001b[31m\":\"hunter2\",\"pin\":71933,\"x@y.org\":\"s3cret\"}";
  const auto profile = ProfileOf(body, 3);
  const std::string json = boost::json::serialize(ProfileJson(profile));
  for (const std::string& text : {TableOf(profile.body), json}) {
    EXPECT_THAT(text, Not(HasSubstr("hunter2")));
    EXPECT_THAT(text, Not(HasSubstr("s3cret")));
    EXPECT_THAT(text, Not(HasSubstr("x@y")));
    EXPECT_THAT(text, Not(HasSubstr("71933")));
    EXPECT_THAT(text, Not(HasSubstr("71 933")));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  }
}

TEST(ProfileReport, GivesMachinesCounts) {
  const boost::json::object json = ProfileJson(ProfileOf("{\"a\":[1,2.5]}", 3, "{\"b\":true}", 1));
  EXPECT_EQ(json.at("format"), "fieldmark.profile/1");
  EXPECT_EQ(json.at("documents").to_number<int>(), 4);
  const boost::json::object& item = json.at("fields").as_array().at(2).as_object();
  EXPECT_EQ(item.at("field"), "a[]");
  EXPECT_EQ(item.at("types").at("integer").to_number<int>(), 3);
  EXPECT_EQ(item.at("types").at("float").to_number<int>(), 3);
  EXPECT_EQ(item.at("distinct").at("count").to_number<int>(), 2);
  EXPECT_FALSE(item.contains("missing"));
  const boost::json::object& b = json.at("fields").as_array().at(3).as_object();
  EXPECT_EQ(boost::json::serialize(b.at("missing")), "{\"objects\":4,\"min\":3,\"max\":3}");
}

}  // namespace
}  // namespace fieldmark::cli
