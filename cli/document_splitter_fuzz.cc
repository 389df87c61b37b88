// Any bytes in any pieces: the documents are those of the whole in one piece. The first byte is the size of
// the pieces, the second chooses the form.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

#include "cli/document_splitter.h"

namespace fieldmark::cli {
namespace {

constexpr size_t kDocumentBytesMax = 200;

using Documents = std::vector<std::tuple<std::string, uint64_t, json::Malformed>>;

Documents SplitIn(std::string_view stream, size_t piece_bytes, DocumentForm form) {
  Documents documents;
  DocumentSplitter splitter(form, kDocumentBytesMax);
  const auto visit = [&](const DocumentPiece& piece) {
    if (piece.bytes.size() > kDocumentBytesMax || piece.offset > stream.size()) std::abort();
    documents.emplace_back(piece.bytes, piece.offset, piece.malformed);
  };
  for (size_t at = 0; at < stream.size(); at += piece_bytes) {
    splitter.Feed(stream.substr(at, piece_bytes), visit);
  }
  splitter.Finish(visit);
  return documents;
}

}  // namespace
}  // namespace fieldmark::cli

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fieldmark::cli;
  if (size < 2) return 0;
  const size_t piece_bytes = 1 + data[0] % 64;
  const auto form = static_cast<DocumentForm>(data[1] % 4);
  const std::string_view stream(reinterpret_cast<const char*>(data + 2), size - 2);
  if (SplitIn(stream, piece_bytes, form) != SplitIn(stream, stream.size() + 1, form)) std::abort();
  return 0;
}
