#include "server/store/commit_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
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

TEST(CommitQueueTest, ACommitThatThrowsFailsItsGroupAndNotTheNext) {
  constexpr size_t kTogether = 4;
  std::atomic<size_t> commits = 0;
  CommitQueue* the_queue = nullptr;
  CommitQueue queue([&](const auto& group) -> std::vector<Result<Append>> {
    const size_t commit = commits++;
    while (commit == 0 && the_queue->waiting() < kTogether) std::this_thread::yield();
    if (commit == 1) throw std::bad_alloc();
    return std::vector<Result<Append>>(group.size(), Append::kApplied);
  });
  the_queue = &queue;
  std::atomic<size_t> failed = 0;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kTogether + 1; ++i) {
    threads.emplace_back([&] {
      const Result<Append> added = queue.Add({kBatch, "", 0});
      if (added.ok()) return;
      EXPECT_EQ(added.error().code, ErrorCode::kUnavailable);
      EXPECT_NE(added.error().message, "");
      ++failed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, kTogether);
  EXPECT_EQ(*queue.Add({kBatch, "", 0}), Append::kApplied);
}

}  // namespace
}  // namespace fieldmark::store
