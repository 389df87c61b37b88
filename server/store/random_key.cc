#include "server/store/random_key.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>

namespace fieldmark::store {

Result<HashKey> RandomKey() {
  HashKey key;
  while (true) {
    // Up to 256 bytes come whole or not at all.
    const ssize_t got = ::getrandom(key.bytes.data(), key.bytes.size(), 0);
    if (got == static_cast<ssize_t>(key.bytes.size())) return key;
    if (got < 0 && errno == EINTR) continue;
    return Error{ErrorCode::kInternal, std::string("making a hash key: no random bits from the system (") +
                                           std::strerror(errno) + ")"};
  }
}

}  // namespace fieldmark::store
