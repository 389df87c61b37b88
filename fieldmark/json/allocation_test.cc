// Apart from the other tests, for the heap is the whole program's.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <random>
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

size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

std::string Repeated(std::string_view item, size_t bytes, std::string_view last) {
  std::string body = "[";
  while (body.size() + item.size() + last.size() < bytes) body += item;
  return body + std::string(last) + "]";
}

// Held against what the kernel says has been touched.
TEST(ReaderAllocationTest, ALargeBodyTouchesNoMoreThanIsSaidBefore) {
  if (!kHeapIsCounted) GTEST_SKIP() << "the sanitizer has pages of its own";
  constexpr size_t kBytes = 1u << 20;
  std::mt19937_64 random(3);
  std::string text;
  for (size_t i = 0; i < kBytes - 100; ++i) text += static_cast<char>('a' + random() % 26);
  const std::pair<const char*, std::string> bodies[] = {
      {"blanks", "[" + std::string(kBytes - 2, ' ') + "]"},
      {"one text", "[\"" + text + "\"]"},
      {"objects", Repeated(R"({"id":12,"name":"x\u00e9y","list":[1,2.5,null]},)", kBytes, "null")},
      {"texts", Repeated(R"("",)", kBytes, "null")},
      {"digits", Repeated("1,", kBytes, "1")},
      {"opens", Repeated("[],", kBytes, "1")},
      {"lenient digits", Repeated("1,", kBytes, "NaN")},
      {"lenient texts", Repeated("\"\xff\",", kBytes, "NaN")},
      {"truncated", Repeated(R"({"id":12},)", kBytes, "{")},
  };
  for (const auto& [name, body] : bodies) {
    const size_t said = BytesTouchedBy(body);
    const size_t before = ResidentBytes();
    const size_t live_before = heap_counts.live_bytes;
    Reader reader;
    reader.Read(body);
    const size_t resident = ResidentBytes() - before;
    EXPECT_LE(resident, said + (64u << 10)) << name;
    EXPECT_LE(reader.touched_bytes(), 16 * body.size() + (64u << 10)) << name;
    EXPECT_LE(resident, reader.touched_bytes() + (256u << 10)) << name;
    reader.Release();
    EXPECT_LT(reader.touched_bytes(), 64u) << name;
    EXPECT_LE(heap_counts.live_bytes, live_before + 4096) << name;
    EXPECT_GE(resident, body.size()) << name << ": pages were touched before";
  }
  EXPECT_LT(BytesTouchedBy(bodies[2].second), 9 * kBytes);
}

}  // namespace
}  // namespace fieldmark::json
