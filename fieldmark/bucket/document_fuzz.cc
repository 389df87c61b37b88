// Any documents, a line each: profiled one after the other they give what their profiles merged give, in
// either order, and what is saved reads the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/bucket/document_profiler.h"

namespace fieldmark::bucket {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

HashKey Key() { return *HashKey::FromHex("000102030405060708090a0b0c0d0e0f"); }

SavedProfile Profiled(const std::vector<std::string_view>& documents) {
  DocumentProfiler profiler(Key());
  for (const std::string_view document : documents) profiler.Observe(document);
  return profiler.Take();
}

}  // namespace
}  // namespace fieldmark::bucket

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fieldmark::bucket;
  // So few bytes reach no limit on names, so naming is the same whoever sees the documents.
  if (size > 1'500) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<std::string_view> documents;
  while (!rest.empty()) {
    documents.push_back(rest.substr(0, rest.find('\n')));
    rest.remove_prefix(documents.back().size() < rest.size() ? documents.back().size() + 1 : rest.size());
  }
  const SavedProfile whole = Profiled(documents);
  SavedProfile forwards, backwards;
  for (size_t i = 0; i < documents.size(); ++i) {
    Check(forwards.Merge(Profiled({documents[i]})));
    Check(backwards.Merge(Profiled({documents[documents.size() - 1 - i]})));
  }
  Check(forwards == whole && backwards == whole);
  const auto bytes = EncodeProfile(whole);
  Check(bytes.ok());
  const auto back = DecodeProfile(*bytes);
  Check(back.ok() && *back == whole);
  return 0;
}
