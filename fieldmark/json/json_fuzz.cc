// Any bytes: the readers never crash, and what the fast one reads the lenient one reads to the same words and
// strings.
#include <cstdlib>

#include "fieldmark/json/document.h"

namespace fieldmark::json {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

size_t RootWords(const Document& document) {
  const uint64_t root = document.words[0];
  switch (TypeOf(root)) {
    case '{':
    case '[':
      return static_cast<size_t>(AfterClose(document, root) - document.words);
    case 'l':
    case 'u':
    case 'd':
      return 2;
    default:
      return 1;
  }
}

void CheckSame(const Document& one, const Document& other) {
  Check(one.malformed == other.malformed);
  Check(one.malformed_at == other.malformed_at);
  Check(one.oddities == other.oddities);
  if (one.malformed != Malformed::kNone) return;
  const size_t size = RootWords(one);
  Check(RootWords(other) == size);
  for (size_t i = 0; i < size; ++i) {
    Check(TypeOf(one.words[i]) == TypeOf(other.words[i]));
    switch (TypeOf(one.words[i])) {
      case 'l':
      case 'u':
      case 'd':
        ++i;
        Check(one.words[i] == other.words[i]);
        break;
      case '"':
      case 'U':
      case 'Z':
      case 'N':
        Check(TextOf(one, one.words[i]) == TextOf(other, other.words[i]));
        break;
      default:
        Check(one.words[i] == other.words[i]);
        break;
    }
  }
}

}  // namespace
}  // namespace fieldmark::json

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using fieldmark::json::Reader;
  static Reader fast;
  static Reader lenient;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  fieldmark::json::CheckSame(fast.Read(body), lenient.ReadLenient(body));
  return 0;
}
