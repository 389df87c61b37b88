// Counts what the whole test program asks of the heap, so it stands apart. A sanitizer brings its own heap.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>

#include "fieldmark/json/document.h"

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

namespace fieldmark::json {
namespace {

TEST(ReaderAllocationTest, ASteadySizeAllocatesNothing) {
  Reader reader;
  std::string body = "[";
  for (int i = 0; i < 500; ++i) body += R"({"id":"x\u00e9y","n":1.5,"list":[1,2,3]},)";
  const std::string strict = body + "null]";
  const std::string lenient = body + "NaN]";
  ASSERT_EQ(reader.Read(strict).malformed, Malformed::kNone);
  ASSERT_EQ(reader.Read(lenient).malformed, Malformed::kNone);
  const uint64_t before = allocations;
  for (int i = 0; i < 10; ++i) {
    for (const std::string_view each : {std::string_view(strict), std::string_view(lenient)}) {
      ASSERT_EQ(reader.Read(each).malformed, Malformed::kNone);
      ASSERT_EQ(reader.Read(each.substr(0, 1'000)).malformed, Malformed::kTruncated);
    }
  }
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_GT(before, 0u);
}

}  // namespace
}  // namespace fieldmark::json

#endif
