#include "server/api/http.h"

#include <gtest/gtest.h>

#include "server/api/etag.h"
#include "server/api/paging.h"

namespace fieldmark::api {
namespace {

TEST(HttpTest, KnowsTheHostsThatAreThisMachine) {
  for (const char* host :
       {"localhost", "LocalHost:3435", "127.0.0.1", "127.0.0.1:80", "127.9.8.7", "[::1]", "[::1]:3435"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const char* host :
       {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0", "128.0.0.1",
        "0.0.0.0", "[::2]", "[::1", "[::1]x", "localhost:evil", "127.0.0.1:3435x", "127.0.0.256"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
}

TEST(HttpTest, FindsAHeaderWithoutMindingCase) {
  const Request request{"GET", "/", {{"Content-Type", "a"}, {"content-type", "b"}}, ""};
  EXPECT_EQ(request.Header("CONTENT-TYPE"), "a");
  EXPECT_EQ(request.Header("Accept"), "");
}

TEST(HttpTest, TakesParametersOffAMediaType) {
  EXPECT_EQ(MediaType("Application/JSON ; charset=utf-8"), "application/json");
  EXPECT_EQ(MediaType(""), "");
}

TEST(HttpTest, WritesAProblemThatQuotesWell) {
  const Response problem = Problem(404, "looking up \"x\"");
  EXPECT_EQ(problem.status, 404);
  EXPECT_EQ(problem.content_type, "application/problem+json");
  EXPECT_EQ(problem.body, R"({"title":"Not Found","status":404,"detail":"looking up \"x\""})");
}

TEST(HostTest, OurNamesAreLoopbackNamedOnesAndBeyondItAddresses) {
  const HostRules here{false, {"fieldmark.example.org"}};
  const HostRules beyond{true, {"fieldmark.example.org"}};
  for (const char* host :
       {"localhost:3435", "127.0.0.1", "[::1]:80", "Fieldmark.Example.org", "fieldmark.example.org:443"}) {
    EXPECT_TRUE(IsOurHost(host, here)) << host;
    EXPECT_TRUE(IsOurHost(host, beyond)) << host;
  }
  for (const char* host : {"10.1.2.3", "10.1.2.3:3435", "[fe80::1]:3435"}) {
    EXPECT_FALSE(IsOurHost(host, here)) << host;
    EXPECT_TRUE(IsOurHost(host, beyond)) << host;
  }
  for (const char* host : {"", "evil.example", "fieldmark.example.org.evil.example", "10.1.2.3.evil.example",
                           "localhost.evil.example", "10.1.2.3:x", "[::1"}) {
    EXPECT_FALSE(IsOurHost(host, here)) << host;
    EXPECT_FALSE(IsOurHost(host, beyond)) << host;
  }
}

TEST(EtagTest, IsRecognisedInEveryForm) {
  const std::string etag = EtagOf("body");
  EXPECT_NE(etag, EtagOf("other body"));
  for (const std::string& header :
       {etag, "W/" + etag, "\"x\", " + etag, "\"x\" ,\tW/" + etag + " ", std::string("*")})
    EXPECT_TRUE(HasEtag(header, etag)) << header;
  for (const std::string& header :
       {std::string(), std::string(","), std::string("\"x\""), etag.substr(1), "w/" + etag})
    EXPECT_FALSE(HasEtag(header, etag)) << header;
}

TEST(CursorTest, GivesBackTheKey) {
  const std::string key("3shop\0production", 16);
  EXPECT_EQ(KeyOf(CursorOf(key)), key);
  EXPECT_EQ(CursorOf(key).find_first_not_of("0123456789abcdef"), std::string::npos);
  for (const char* cursor : {"", "6", "6G", "616"}) EXPECT_FALSE(KeyOf(cursor)) << cursor;
}

}  // namespace
}  // namespace fieldmark::api
