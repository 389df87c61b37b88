#include "server/store/commit_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace fieldmark::store {
namespace {

const bucket::Batch kBatch;

TEST(CommitQueueTest, OneAppendIsAGroupOfItsOwn) {
  std::vector<size_t> groups;
  CommitQueue queue([&](const auto& group) {
    groups.push_back(group.size());
    return std::vector<Result<Append>>(group.size(), Append::kApplied);
  });
  EXPECT_EQ(*queue.Add({kBatch, "", 0}), Append::kApplied);
  EXPECT_EQ(*queue.Add({kBatch, "", 0}), Append::kApplied);
  EXPECT_EQ(groups, (std::vector<size_t>{1, 1}));
}

TEST(CommitQueueTest, WhatArrivesDuringACommitGoesTogetherAndEachGetsItsOwnResult) {
  constexpr size_t kLater = 5;
  std::vector<size_t> groups;
  CommitQueue* the_queue = nullptr;
  CommitQueue queue([&](const auto& group) {
    groups.push_back(group.size());
    // The first commit takes until all the others wait.
    while (groups.size() == 1 && the_queue->waiting() < kLater) std::this_thread::yield();
    std::vector<Result<Append>> results;
    for (const PendingAppend* append : group) {
      results.push_back(append->received % 2 == 0
                            ? Result<Append>(Append::kApplied)
                            : Error{ErrorCode::kUnavailable, std::to_string(append->received)});
    }
    return results;
  });
  the_queue = &queue;

  std::vector<std::thread> threads;
  threads.emplace_back([&] { EXPECT_TRUE(queue.Add({kBatch, "", 0}).ok()); });
  for (UnixMs received = 1; received <= static_cast<UnixMs>(kLater); ++received) {
    threads.emplace_back([&, received] {
      const Result<Append> added = queue.Add({kBatch, "", received});
      EXPECT_EQ(added.ok(), received % 2 == 0);
      if (!added.ok()) {
        EXPECT_EQ(added.error().message, std::to_string(received));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  size_t appends = 0;
  for (const size_t group : groups) appends += group;
  EXPECT_EQ(appends, kLater + 1);
  EXPECT_EQ(groups.size(), 2u);
}

}  // namespace
}  // namespace fieldmark::store
