// Apart from the other tests, for the heap is the whole program's.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fieldmark/base/counting_heap.h"
#include "fieldmark/profile/profiler.h"

namespace fieldmark::profile {
namespace {

TEST(ProfilerAllocationTest, KnownShapesAndFullSketchesAllocateNothing) {
  json::Reader reader;
  Profiler profiler({}, *HashKey::FromHex("000102030405060708090a0b0c0d0e0f"));
  // More than 64 values of each kind, a key in odd places, keys without a name, strings beyond every
  // shortcut.
  std::vector<std::string> bodies;
  for (int i = 0; i < 200; ++i) {
    const std::string n = std::to_string(i);
    bodies.push_back("{\"short\":\"" + n + "\",\"long\":\"" + std::string(200, 'x') + n + "\"," +
                     (i % 3 == 0 ? "\"optional\":null," : "") + "\"number\":" + n +
                     ".5,\"large\":90071992547409" + n + "93,\"550e8400-e29b-41d4-a716-44665544" +
                     std::to_string(1'000 + i) + "\":[" + n + ",{\"a\":[]}]}");
  }
  // Twice, so that what was noted last has reached its sketches.
  for (int i = 0; i < 2; ++i) {
    for (const std::string& body : bodies) profiler.Observe(reader.Read(body));
  }
  const uint64_t before = heap_counts.allocations;
  for (const std::string& body : bodies) profiler.Observe(reader.Read(body), 2);
  EXPECT_EQ(heap_counts.allocations - before, 0u);
  EXPECT_EQ(before > 0, kHeapIsCounted);
}

}  // namespace
}  // namespace fieldmark::profile
