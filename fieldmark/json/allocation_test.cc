// Apart from the other tests, for the heap is the whole program's.
#include <gtest/gtest.h>

#include <string>

#include "fieldmark/base/counting_heap.h"
#include "fieldmark/json/document.h"

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
  const uint64_t before = heap_counts.allocations;
  for (int i = 0; i < 10; ++i) {
    for (const std::string_view each : {std::string_view(strict), std::string_view(lenient)}) {
      ASSERT_EQ(reader.Read(each).malformed, Malformed::kNone);
      ASSERT_EQ(reader.Read(each.substr(0, 1'000)).malformed, Malformed::kTruncated);
    }
  }
  EXPECT_EQ(heap_counts.allocations - before, 0u);
  EXPECT_EQ(before > 0, kHeapIsCounted);
}

}  // namespace
}  // namespace fieldmark::json
