#include "fieldmark/base/own_pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>

namespace fieldmark {
namespace {

constexpr size_t kLarge = 32u << 20;

size_t PageBytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

// Of the pages of `values`, which begin with them; none when they are nobody's.
std::optional<size_t> Resident(const char* values, size_t bytes) {
  std::vector<unsigned char> pages((bytes + PageBytes() - 1) / PageBytes());
  if (mincore(const_cast<char*>(values), bytes, pages.data()) != 0) return std::nullopt;
  return std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return page & 1; });
}

TEST(OwnPagesTest, HoldValuesOfEverySize) {
  for (const size_t bytes : {size_t{8}, kOwnPagesBytesMin - 8, kOwnPagesBytesMin, 3 * kOwnPagesBytesMin}) {
    LargeVector<uint64_t> values(bytes / sizeof(uint64_t));
    std::iota(values.begin(), values.end(), 0);
    values.push_back(7);
    EXPECT_EQ(values.front(), 0u);
    EXPECT_EQ(values[values.size() - 2], values.size() - 2);
    LargeString text;
    while (text.size() < bytes) text += "text";
    EXPECT_EQ(text.substr(text.size() - 4), "text");
  }
}

TEST(OwnPagesTest, TakeNoMemoryUntilTheyAreWrittenAndNoneWhenGivenBack) {
  LargeVector<char> values(kLarge);
  const char* const begin = values.data();
  EXPECT_EQ(Resident(begin, kLarge), 0u);
  values[kLarge / 2] = 'x';
  EXPECT_EQ(Resident(begin, kLarge), 1u);
  values = LargeVector<char>();
  EXPECT_EQ(Resident(begin, kLarge), std::nullopt);
}

// What malloc's do: after the first of them the next come from its heap, and stay there.
TEST(OwnPagesTest, LeaveTheHeapAsItIs) {
  const auto top = [] { return reinterpret_cast<uintptr_t>(sbrk(0)); };
  const uintptr_t before = top();
  for (int i = 0; i < 3; ++i) LargeVector<char>(kLarge / 2, 'x');
  EXPECT_EQ(top(), before);
}

}  // namespace
}  // namespace fieldmark
