#include "fieldmark/profile/waiting_bodies.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fieldmark::profile {
namespace {

TEST(WaitingBodies, ComeBackInOrderAndOnce) {
  WaitingBodies waiting;
  EXPECT_TRUE(waiting.empty());
  EXPECT_TRUE(waiting.Add("", -7, 1));
  EXPECT_TRUE(waiting.Add("{}", 1'700'000'000'000, UINT64_MAX));
  std::vector<std::string> seen;
  const auto visit = [&](std::string_view body, UnixMs at, uint64_t times) {
    seen.push_back(std::string(body) + " " + std::to_string(at) + " " + std::to_string(times));
  };
  waiting.Settle(visit);
  EXPECT_EQ(seen, (std::vector<std::string>{" -7 1", "{} 1700000000000 18446744073709551615"}));
  waiting.Settle(visit);
  EXPECT_EQ(seen.size(), 2u);
}

TEST(WaitingBodies, AreBoundedAndRefusedWhole) {
  WaitingBodies waiting;
  EXPECT_FALSE(waiting.Add(std::string(WaitingBodies::kBodyBytesMax + 1, 'x'), 0, 1));
  EXPECT_TRUE(waiting.empty());
  const std::string body(1'000, 'x');
  size_t added = 0;
  while (waiting.Add(body, 0, 1)) ++added;
  EXPECT_GE(added, 7u);
  EXPECT_LE(waiting.heap_bytes(), 2 * WaitingBodies::kBytesMax);
  size_t seen = 0;
  waiting.Settle([&](std::string_view each, UnixMs, uint64_t) { seen += each == body; });
  EXPECT_EQ(seen, added);
  EXPECT_TRUE(waiting.Add(body, 0, 1)) << "there is room again";
}

}  // namespace
}  // namespace fieldmark::profile
