// Counts that stop at the largest number instead of wrapping. Saturating addition is associative and
// commutative, and a total computed from saturated parts equals the saturated total, so no input, however
// hostile, breaks an invariant of a summary by being merged often enough.
#pragma once

#include <cstdint>

namespace fieldmark {

constexpr uint64_t AddSaturating(uint64_t a, uint64_t b) {
  const uint64_t sum = a + b;
  return sum < a ? UINT64_MAX : sum;
}

}  // namespace fieldmark
