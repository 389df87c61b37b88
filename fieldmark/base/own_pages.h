// OwnPages: an allocator for large buffers that come and go, which have pages of their own and give them back
// to the system.
//
// malloc gives such pages too, but only until the first of them is freed: glibc then takes buffers up to that
// size from its heap, and keeps more of what is freed there, whoever freed it (mallopt(3), M_MMAP_THRESHOLD).
// A library inside somebody's process must not bring that about.
//
// Values that get none stay as they are: in a fresh buffer, pages that nobody writes take no memory.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace fieldmark {

// Smaller ones are the heap's; glibc begins there.
inline constexpr size_t kOwnPagesBytesMin = 128u << 10;

// Throws std::bad_alloc as new does.
void* TakePages(size_t bytes);
void GiveBackPages(void* begin, size_t bytes) noexcept;

template <class T>
struct OwnPages {
  using value_type = T;

  OwnPages() = default;
  template <class Other>
  OwnPages(const OwnPages<Other>&) {}

  T* allocate(size_t count) {
    const size_t bytes = count * sizeof(T);
    return static_cast<T*>(bytes < kOwnPagesBytesMin ? ::operator new(bytes) : TakePages(bytes));
  }
  void deallocate(T* begin, size_t count) noexcept {
    const size_t bytes = count * sizeof(T);
    bytes < kOwnPagesBytesMin ? ::operator delete(begin) : GiveBackPages(begin, bytes);
  }

  void construct(T* value) { ::new (value) T; }
  template <class... Arguments>
  void construct(T* value, Arguments&&... arguments) {
    std::construct_at(value, std::forward<Arguments>(arguments)...);
  }

  bool operator==(const OwnPages&) const = default;
};

template <class T>
using LargeVector = std::vector<T, OwnPages<T>>;
using LargeString = std::basic_string<char, std::char_traits<char>, OwnPages<char>>;

}  // namespace fieldmark
