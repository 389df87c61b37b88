// WaitingBodies: bodies of one subject that are to be profiled together.
//
// Between two bodies of a subject the application and the other subjects push what a profiler needs out of
// the caches: its fields, their sketches, the reader's buffers, even its code. Fetching that costs several
// times what the work does (docs/design/profile-speed.md). Summaries do not care when they are told, so small
// bodies wait, one behind the other, until there are enough of them to share the fetching.
//
// Cost: Add copies the body. Memory grows up to kBytesMax with the first bodies and is kept; nothing is
// allocated after that. Not safe for use by several threads at once.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "fieldmark/base/time.h"

namespace fieldmark::profile {

class WaitingBodies {
 public:
  // Of what waits, and of a body that may: what is larger has enough work of its own. Measured, and short
  // enough that the body which has to do it for all is not delayed by more than some microseconds.
  static constexpr size_t kBytesMax = 8u << 10;
  static constexpr size_t kBodyBytesMax = 2u << 10;

  // False, and nothing is kept, when it is too large or there is no room before the next Settle.
  bool Add(std::string_view body, UnixMs observed_at, uint64_t times) {
    if (body.size() > kBodyBytesMax || bytes_.size() + sizeof(Head) + body.size() > kBytesMax) return false;
    const Head head{observed_at, times, body.size()};
    bytes_.append(reinterpret_cast<const char*>(&head), sizeof head);
    bytes_.append(body);
    return true;
  }

  bool empty() const { return bytes_.empty(); }

  // visit(body, observed_at, times) for each, in the order in which they came, and forgets them.
  template <class Visit>
  void Settle(Visit visit) {
    for (std::string_view left = bytes_; !left.empty();) {
      Head head;
      std::memcpy(&head, left.data(), sizeof head);
      left.remove_prefix(sizeof head);
      visit(left.substr(0, head.size), head.observed_at, head.times);
      left.remove_prefix(head.size);
    }
    bytes_.clear();
  }

  size_t heap_bytes() const { return bytes_.capacity(); }

 private:
  struct Head {
    UnixMs observed_at;
    uint64_t times;
    uint64_t size;
  };

  std::string bytes_;
};

}  // namespace fieldmark::profile
