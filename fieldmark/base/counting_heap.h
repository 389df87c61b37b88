// Counts what a whole test program asks of the heap, by replacing the global operator new: include it in one
// file of a program, for tests that stand apart. A sanitizer brings its own heap and nothing is counted:
// kHeapIsCounted says so.
#pragma once

#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "fieldmark/base/sanitizer.h"

namespace fieldmark {

struct HeapCounts {
  uint64_t allocations = 0;
  size_t live_bytes = 0;  // as malloc rounds them
  size_t peak_bytes = 0;
};
inline HeapCounts heap_counts;

inline constexpr bool kHeapIsCounted = !FIELDMARK_HAS_SANITIZER_HEAP;

}  // namespace fieldmark

#if !FIELDMARK_HAS_SANITIZER_HEAP

namespace fieldmark {

[[gnu::noinline]] inline void* Counted(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  ++heap_counts.allocations;
  heap_counts.live_bytes += malloc_usable_size(memory);
  heap_counts.peak_bytes = std::max(heap_counts.peak_bytes, heap_counts.live_bytes);
  return memory;
}
[[gnu::noinline]] inline void FreeCounted(void* memory) {
  if (memory != nullptr) heap_counts.live_bytes -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace fieldmark

void* operator new(size_t size) { return fieldmark::Counted(std::malloc(size == 0 ? 1 : size)); }
void* operator new(size_t size, std::align_val_t align) {
  const auto to = static_cast<size_t>(align);
  return fieldmark::Counted(std::aligned_alloc(to, (std::max<size_t>(size, 1) + to - 1) / to * to));
}
void operator delete(void* memory) noexcept { fieldmark::FreeCounted(memory); }
void operator delete(void* memory, size_t) noexcept { fieldmark::FreeCounted(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { fieldmark::FreeCounted(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { fieldmark::FreeCounted(memory); }

#endif
