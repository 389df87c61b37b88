// A store that counts its reads, so that a test sees whether something was made anew.
#pragma once

#include <atomic>
#include <vector>

#include "server/store/memory_store.h"

namespace fieldmark::watch {

class CountingStore : public store::MemoryStore {
 public:
  Result<std::vector<store::Slice>> Read(const store::Query& query) override {
    ++reads;
    return MemoryStore::Read(query);
  }
  std::atomic<int> reads{0};
};

}  // namespace fieldmark::watch
