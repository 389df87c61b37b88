// How often each limit of the HTTP server was met. Written by its threads, read by any.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fieldmark::api {

enum class HttpLimit : uint8_t { kConnections, kHeader, kBody, kAllBodies, kTime, kWaiting, kMemory };

// By HttpLimit, as /metrics names them.
inline constexpr std::array<std::string_view, 7> kHttpLimitNames = {
    "connections", "header", "body", "all_bodies", "time", "waiting", "memory"};

class LimitsMet {
 public:
  void Count(HttpLimit limit) { times_[static_cast<size_t>(limit)].fetch_add(1, std::memory_order_relaxed); }
  uint64_t times(HttpLimit limit) const {
    return times_[static_cast<size_t>(limit)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<uint64_t>, kHttpLimitNames.size()> times_{};
};

}  // namespace fieldmark::api
