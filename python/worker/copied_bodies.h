// CopiedBodies: small bodies on their way to the thread that profiles them, one behind the other in one piece
// of memory, which is kept: nothing is allocated once it has grown.
//
// Cost: Add copies the body and its route. Not safe for use by several threads at once.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "fieldmark/bucket/recorder.h"

namespace fieldmark::worker {

class CopiedBodies {
 public:
  // `event.body` is a captured one.
  void Add(const bucket::BodyEvent& event) {
    const Head head{event.ended_unix_ms,   event.response_status, event.trace,
                    event.body.wire_bytes, event.route.size(),    event.body.bytes.size()};
    bytes_.append(reinterpret_cast<const char*>(&head), sizeof head);
    bytes_.append(event.route);
    bytes_.append(event.body.bytes);
  }

  bool empty() const { return bytes_.empty(); }
  size_t bytes() const { return bytes_.size(); }

  // visit(event) for each, in the order in which they came, and forgets them.
  template <class Visit>
  void TakeEach(Visit visit) {
    std::string_view left = bytes_;
    const auto take = [&](size_t size) {
      const std::string_view taken = left.substr(0, size);
      left.remove_prefix(size);
      return taken;
    };
    while (!left.empty()) {
      Head head;
      std::memcpy(&head, take(sizeof head).data(), sizeof head);
      const std::string_view route = take(head.route_size);
      visit(bucket::BodyEvent{.route = route,
                              .response_status = head.response_status,
                              .ended_unix_ms = head.ended_unix_ms,
                              .trace = head.trace,
                              .body = {bucket::BodyState::kCaptured, take(head.body_size), head.wire_bytes}});
    }
    bytes_.clear();
  }

 private:
  struct Head {
    UnixMs ended_unix_ms;
    std::optional<uint16_t> response_status;
    sketch::TraceId trace;
    uint64_t wire_bytes;
    uint64_t route_size;
    uint64_t body_size;
  };

  std::string bytes_;
};

}  // namespace fieldmark::worker
