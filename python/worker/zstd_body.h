// Bodies that were sent with `content-encoding: zstd` (RFC 8878).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace fieldmark::worker {

// Of a body that was compressed, however, unpacked; larger ones count as compressed. Unpacking so much takes
// the serving thread less than half a millisecond, whatever a hostile client packed.
inline constexpr size_t kUnpackedBytesMax = 256u << 10;

// None for what is cut off, damaged, or more than kUnpackedBytesMax when unpacked. Takes that much
// memory, however large a window the sender asks for.
std::optional<std::string> UnpackZstdBody(std::string_view packed);

}  // namespace fieldmark::worker
