// Any bytes as an answer: whatever it says was wrong, fields are spelled as paths are and rules as types are.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fieldmark/bucket/validation_errors.h"
#include "fieldmark/profile/path.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fieldmark;
  using namespace fieldmark::bucket;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  json::Reader reader;
  for (const ViolationName& error : ValidationErrorsIn(reader.Read(body))) {
    if (!profile::StepsOf(error.field) || error.rule.empty() || error.rule.size() > 64) std::abort();
  }
  return 0;
}
