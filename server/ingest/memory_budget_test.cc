#include "server/ingest/memory_budget.h"

#include <gtest/gtest.h>

#include <thread>

namespace fieldmark::ingest {
namespace {

constexpr std::chrono::milliseconds kAtOnce{0};

TEST(MemoryBudgetTest, GivesNoMoreThanItHasAndTakesItBack) {
  MemoryBudget budget(100);
  std::optional<MemoryBudget::Share> first = budget.Take(60, kAtOnce);
  EXPECT_TRUE(first.has_value());
  EXPECT_FALSE(budget.Take(41, kAtOnce).has_value());
  EXPECT_TRUE(budget.Take(40, kAtOnce).has_value());
  MemoryBudget::Share moved = std::move(*first);
  first.reset();
  EXPECT_FALSE(budget.Take(41, kAtOnce).has_value()) << "what was moved is still held";
}

TEST(MemoryBudgetTest, GivesAllToWhoAsksForMore) {
  MemoryBudget budget(100);
  const std::optional<MemoryBudget::Share> all = budget.Take(1000, kAtOnce);
  EXPECT_TRUE(all.has_value());
  EXPECT_FALSE(budget.Take(1, kAtOnce).has_value());
}

TEST(MemoryBudgetTest, LetsWhoWaitsGoOnWhenThereIsRoom) {
  MemoryBudget budget(100);
  std::optional<MemoryBudget::Share> held = budget.Take(100, kAtOnce);
  std::thread waiting([&] { EXPECT_TRUE(budget.Take(100, std::chrono::minutes(1)).has_value()); });
  held.reset();
  waiting.join();
}

}  // namespace
}  // namespace fieldmark::ingest
