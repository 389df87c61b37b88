// The lenient reader: any bytes to a tape, or to the reason why there is none. Slower than simdjson and used
// for what that rejects. A loop over an explicit stack of open containers, never deeper than the limit: no
// body exhausts it.
#pragma once

#include <string_view>
#include <vector>

#include "fieldmark/base/own_pages.h"
#include "fieldmark/json/document.h"

namespace fieldmark::json {

class LenientReader {
 public:
  explicit LenientReader(size_t depth_max) : depth_max_(depth_max) {}

  // `body` without a byte order mark. The document's words and strings are this reader's, until its next
  // Read.
  Document Read(std::string_view body);

  // Of its buffers, since they were last given back.
  size_t touched_bytes() const {
    return tape_touched_ * sizeof(uint64_t) + strings_.capacity() + stack_.capacity() * sizeof(Container);
  }
  void Release();

 private:
  struct Container {
    size_t open;       // index of its opening word
    uint64_t members;  // so far
    bool is_object;
  };

  // Each of these reads one thing at at_ and moves behind it, or sets malformed_ and returns false.
  bool ReadValue();
  bool ReadKey();
  bool ReadString();
  bool ReadEscape();
  bool ReadUnicodeEscape();
  bool ReadHex4(uint32_t& code);
  bool ReadNumber();
  bool ReadWord(std::string_view word);
  bool ReadDigits();
  bool EndOfScalar();
  // Behind a value: separators and closes, up to where the next value must stand. done_ is set behind the
  // root.
  bool ReadToNextValue();
  bool Open(bool is_object);
  void Close();

  bool Fail(Malformed kind);
  // What stands at at_ cannot be there: classifies it by what it is.
  bool FailUnexpected();

  void SkipBlanks();
  char Peek() const { return at_ < body_.size() ? body_[at_] : '\0'; }
  bool AtEnd() const { return at_ == body_.size(); }
  void Append(char type, uint64_t payload);
  void AppendText(char type, std::string_view text);
  void AppendInteger(std::string_view text, bool negative);
  void AppendReal(std::string_view text);
  void AppendCodePoint(uint32_t code);
  void AppendReplacement();
  void CopyMultibyte();

  size_t depth_max_;
  std::string_view body_;
  size_t at_ = 0;
  bool done_ = false;
  bool repaired_ = false;  // the string being read
  Malformed malformed_ = Malformed::kNone;
  Oddities oddities_;
  std::vector<Container> stack_;
  LargeVector<uint64_t> tape_;
  size_t tape_touched_ = 0;  // the most words it has had
  LargeString strings_;
};

}  // namespace fieldmark::json
