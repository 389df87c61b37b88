// Any bytes as names: what is appended to a path is what is taken off it again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fieldmark/profile/path.h"

namespace fieldmark::profile {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace
}  // namespace fieldmark::profile

// Lines are steps: "[]" into an array's items, "{}" into a residual child, anything else a member's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fieldmark::profile;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  (void)ParentPath(rest);
  (void)IsItem(rest);
  (void)IsResidual(rest);
  std::string path;
  while (!rest.empty()) {
    const std::string_view step = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(step.size() < rest.size() ? step.size() + 1 : step.size());
    (void)LooksLikeIdentifier(step);
    const bool item = step == "[]";
    const bool residual = step == "{}";
    std::string longer = item ? ItemPath(path) : residual ? ResidualPath(path) : MemberPath(path, step);
    Check(ParentPath(longer) == path);
    Check(IsItem(longer) == item && IsResidual(longer) == residual);
    path = std::move(longer);
  }
  return 0;
}
