// DocumentSplitter: a stream of bytes, in whatever pieces it comes, into the JSON documents it holds.
//
// Memory: one document that spans pieces, up to the largest that is taken, and what is needed to tell the
// form. It looks at brackets and quotes alone; whether a document is JSON is for a reader to say.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "fieldmark/json/document.h"

namespace fieldmark::cli {

enum class DocumentForm : uint8_t {
  kAuto,    // told from the beginning
  kLines,   // one document a line; blank lines are passed over
  kArray,   // the items of one array
  kValues,  // documents one after the other, of any number of lines: one document is the commonest case
};

struct DocumentPiece {
  std::string_view bytes;  // valid during the call
  uint64_t offset = 0;     // of its first byte, or where the stream is not as it should be
  // Anything but kNone: no document, and `bytes` are empty.
  json::Malformed malformed = json::Malformed::kNone;
};

class DocumentSplitter {
 public:
  using Visit = std::function<void(const DocumentPiece&)>;

  DocumentSplitter(DocumentForm form, size_t document_bytes_max);

  void Feed(std::string_view bytes, const Visit& visit);
  // The stream has ended. An unfinished document is handed out for a reader to say so; an array without its
  // end is kTruncated, and what follows its end kTrailing.
  void Finish(const Visit& visit);

  // kAuto until it was told.
  DocumentForm form() const { return form_; }

 private:
  void Split(std::string_view bytes, const Visit& visit);
  size_t SplitLine(std::string_view bytes, size_t at, const Visit& visit);
  size_t SplitArray(std::string_view bytes, size_t at, const Visit& visit);
  size_t SplitValue(std::string_view bytes, size_t at, const Visit& visit);
  // Walks inside a document from `at`; the position after its last byte, or none if it goes on.
  std::optional<size_t> DocumentEnd(std::string_view bytes, size_t at);
  std::optional<size_t> BareEnd(std::string_view bytes, size_t at) const;
  std::optional<size_t> OutlineEnd(std::string_view bytes, size_t at);
  void Begin(uint64_t offset, char first);
  void Keep(std::string_view bytes);
  void Complete(std::string_view last_bytes, const Visit& visit);

  DocumentForm form_;
  size_t bytes_max_;
  bool decided_ = false;
  std::string head_;         // the stream so far, until the form is known
  uint64_t offset_ = 0;      // of the bytes being split
  std::string kept_;         // of the document being read, from earlier pieces
  uint64_t kept_bytes_ = 0;  // how many there were: more than `kept_` when it is too large
  uint64_t document_offset_ = 0;

  // Where the stream is, inside a document and, of an array, around it.
  bool in_document_ = false;
  enum class Shape : uint8_t { kOutlined, kBare };  // by brackets or quotes; a number or word
  Shape shape_ = Shape::kOutlined;
  size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  enum class ArrayState : uint8_t { kBefore, kItem, kAfterItem, kAfter, kBroken };
  ArrayState array_ = ArrayState::kBefore;
  bool array_empty_ = true;
};

// The form of a stream that begins so. `whole`: there is nothing more.
DocumentForm FormOf(std::string_view head, bool whole);

}  // namespace fieldmark::cli
