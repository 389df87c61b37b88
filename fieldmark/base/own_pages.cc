#include "fieldmark/base/own_pages.h"

#include <sys/mman.h>

namespace fieldmark {

void* TakePages(size_t bytes) {
  void* const begin = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) throw std::bad_alloc();
  return begin;
}

void GiveBackPages(void* begin, size_t bytes) noexcept { munmap(begin, bytes); }

}  // namespace fieldmark
