// Counts what the whole test program asks of the heap, so it stands apart. A sanitizer brings its own heap.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "fieldmark/profile/profiler.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {
uint64_t allocations = 0;
}

void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

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
  for (const std::string& body : bodies) profiler.Observe(reader.Read(body));
  const uint64_t before = allocations;
  for (const std::string& body : bodies) profiler.Observe(reader.Read(body), 2);
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_GT(before, 0u);
}

}  // namespace
}  // namespace fieldmark::profile

#endif
