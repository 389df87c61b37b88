// One zstd frame, unpacked within a limit that is known before anything is allocated.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "fieldmark/base/result.h"

namespace fieldmark::bucket {

// One frame with its content size and a checksum.
std::string Pack(std::string_view bytes);

struct Unpacked {
  std::unique_ptr<char[]> memory;
  size_t size = 0;

  std::string_view bytes() const { return {memory.get(), size}; }
};

// `what` is read and `retry` is what to do about it: "a batch", "send the batch again". kTooLarge, with
// `shrink` for advice, where it unpacks to more than `bytes_max`; kInvalidArgument or kDataLoss for what Pack
// cannot have written.
struct UnpackTexts {
  std::string_view what, retry, shrink;
};
Result<Unpacked> Unpack(std::string_view packed, size_t bytes_max, const UnpackTexts& texts);

}  // namespace fieldmark::bucket
