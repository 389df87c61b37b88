#pragma once

#include "fieldmark/base/hash.h"
#include "fieldmark/base/result.h"

namespace fieldmark::store {

// 128 bits from the operating system's random source; waits for it in the first seconds of a machine's life.
Result<HashKey> RandomKey();

}  // namespace fieldmark::store
