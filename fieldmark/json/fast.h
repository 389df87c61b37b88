// The fast reader: a valid document to a tape. simdjson's first stage checks that the bytes are UTF-8 and
// finds where every value and separator begins; the second stage is ours. simdjson's own copies every key and
// text: here they stay where they are, in the reader's copy of the body, but for those with escapes.
//
// It may reject what the lenient reader reads, never the other way round.
#pragma once

#include <memory>
#include <string_view>

#include "fieldmark/json/document.h"
#include "fieldmark/json/first_stage.h"

namespace fieldmark::json {

class FastReader {
 public:
  explicit FastReader(size_t depth_max);

  // False when it does not read it: then `document` is as it was. Its words and texts are this reader's,
  // until its next Read.
  bool Read(std::string_view body, Document& document);

  // Bodies of so many bytes need no allocation.
  size_t capacity() const { return capacity_; }
  // Gives its buffers back; the next Read takes them anew.
  void Release();

 private:
  struct Container {
    uint32_t open;     // index of its opening word
    uint32_t members;  // so far
    char close;
  };

  void Reserve(size_t size);
  // The second stage: whether the tape is whole.
  bool Build(size_t size);
  // Without its escapes; behind what was unescaped before.
  bool Unescape(const char* begin, uint64_t& word);

  size_t depth_max_;
  FirstStage first_stage_;
  size_t capacity_ = 0;
  LargeVector<uint64_t> tape_;
  LargeVector<char> texts_;    // the body, then what was unescaped, each with room behind it
  char* unescaped_ = nullptr;  // where the next goes
  std::unique_ptr<Container[]> stack_;
};

}  // namespace fieldmark::json
