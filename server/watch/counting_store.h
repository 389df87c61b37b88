// A store that counts its reads, so that a test sees whether something was made anew.
#pragma once

#include <atomic>

#include "server/store/memory_store.h"

namespace fieldmark::watch {

class CountingStore : public store::MemoryStore {
 public:
  Status Visit(const store::Query& query, const store::PieceVisitor& visit) override {
    ++reads;
    return MemoryStore::Visit(query, visit);
  }
  std::atomic<int> reads{0};
};

}  // namespace fieldmark::watch
