#include "cli/nearest_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fieldmark::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(NearestNameTest, FindsWhatAFewSlipsAwayIsMeant) {
  const std::vector<std::string> names = {"payments", "orders", "order-api", "orders", "stock"};
  EXPECT_THAT(NearestNames("ordres", names), ElementsAre("orders"));
  EXPECT_THAT(NearestNames("Orders", names), ElementsAre("orders"));
  EXPECT_THAT(NearestNames("payment", names), ElementsAre("payments"));
  EXPECT_THAT(NearestNames("shipping", names), IsEmpty());
  EXPECT_THAT(NearestNames("x", {"y"}), IsEmpty()) << "every letter is exchanged";
  EXPECT_THAT(NearestNames("aaaa", {"aaab", "aaac", "aaad", "aaae"}), ElementsAre("aaab", "aaac", "aaad"));
}

TEST(NearestNameTest, ListsWhatThereIsWhenNothingIsNear) {
  EXPECT_EQ(NearestWords("ordres", {"orders", "stock"}), "; did you mean orders");
  EXPECT_EQ(NearestWords("nothing-like-it", {"b", "a", "b"}), "; there are a, b");
  EXPECT_EQ(NearestWords("nothing-like-it", {"a", "b", "c", "d", "e", "f", "g"}),
            "; there are a, b, c, d, e and 2 more");
  EXPECT_EQ(NearestWords("any", {}), "");
}

}  // namespace
}  // namespace fieldmark::cli
