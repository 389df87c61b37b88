#include "cli/document_splitter.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace fieldmark::cli {
namespace {

using json::Malformed;

// Kept to tell the form; lines longer than this are told by their brackets.
constexpr size_t kHeadBytes = 256u << 10;
constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Bytes outside strings that structure or end a document.
constexpr std::array<bool, 256> kOutline = [] {
  std::array<bool, 256> outline{};
  for (const char c : {'"', '{', '}', '[', ']', ',', ' ', '\t', '\r', '\n'}) {
    outline[static_cast<uint8_t>(c)] = true;
  }
  return outline;
}();

// How many containers are open at the end of `text`; a string that is not closed counts as one.
int64_t OpenAtEnd(std::string_view text) {
  int64_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string && (text[i] == '{' || text[i] == '[')) {
      ++depth;
    } else if (!in_string && (text[i] == '}' || text[i] == ']')) {
      --depth;
    }
  }
  return depth + (in_string ? 1 : 0);
}

}  // namespace

DocumentForm FormOf(std::string_view head, bool whole) {
  if (head.starts_with(kByteOrderMark)) head.remove_prefix(kByteOrderMark.size());
  head.remove_prefix(std::min(head.find_first_not_of(kBlanks), head.size()));
  if (head.empty()) return DocumentForm::kLines;
  const bool array = head.front() == '[';
  const size_t line_bytes = head.find('\n');
  if (line_bytes == std::string_view::npos && !whole)
    return array ? DocumentForm::kArray : DocumentForm::kValues;
  const std::string_view line = Trimmed(head.substr(0, line_bytes));
  const std::string_view rest = Trimmed(head.substr(std::min(line_bytes, head.size())));
  const bool balanced = OpenAtEnd(line) == 0;
  if (balanced) return array && rest.empty() ? DocumentForm::kArray : DocumentForm::kLines;
  if (array) return DocumentForm::kArray;
  // A line that is cut short is no reason to read what follows as its inside: no object begins after a value.
  const bool goes_on = std::string_view("{[,:").find(line.back()) != std::string_view::npos;
  return !goes_on && rest.starts_with('{') ? DocumentForm::kLines : DocumentForm::kValues;
}

DocumentSplitter::DocumentSplitter(DocumentForm form, size_t document_bytes_max)
    : form_(form), bytes_max_(document_bytes_max) {}

void DocumentSplitter::Feed(std::string_view bytes, const Visit& visit) {
  if (decided_) return Split(bytes, visit);
  head_.append(bytes);
  // A form that was given needs no telling, only the bytes that may be a mark before it.
  if (head_.size() < (form_ == DocumentForm::kAuto ? kHeadBytes : kByteOrderMark.size())) return;
  if (form_ == DocumentForm::kAuto) form_ = FormOf(head_, false);
  decided_ = true;
  std::string head;
  head.swap(head_);
  Split(head, visit);
}

void DocumentSplitter::Finish(const Visit& visit) {
  if (!decided_) {
    if (form_ == DocumentForm::kAuto) form_ = FormOf(head_, true);
    decided_ = true;
    std::string head;
    head.swap(head_);
    Split(head, visit);
  }
  if (in_document_) Complete({}, visit);
  const bool unclosed = array_ == ArrayState::kItem || array_ == ArrayState::kAfterItem;
  if (unclosed) visit({{}, offset_, Malformed::kTruncated});
}

void DocumentSplitter::Split(std::string_view bytes, const Visit& visit) {
  size_t at = 0;
  if (offset_ == 0 && bytes.starts_with(kByteOrderMark)) at = kByteOrderMark.size();
  while (at < bytes.size()) {
    switch (form_) {
      case DocumentForm::kAuto:
      case DocumentForm::kLines:
        at = SplitLine(bytes, at, visit);
        break;
      case DocumentForm::kArray:
        at = SplitArray(bytes, at, visit);
        break;
      case DocumentForm::kValues:
        at = SplitValue(bytes, at, visit);
        break;
    }
  }
  offset_ += bytes.size();
}

size_t DocumentSplitter::SplitLine(std::string_view bytes, size_t at, const Visit& visit) {
  if (!in_document_) {
    at = bytes.find_first_not_of(kBlanks, at);
    if (at == std::string_view::npos) return bytes.size();
    Begin(offset_ + at, bytes[at]);
  }
  const size_t end = bytes.find('\n', at);
  if (end == std::string_view::npos) {
    Keep(bytes.substr(at));
    return bytes.size();
  }
  Complete(bytes.substr(at, end - at), visit);
  return end + 1;
}

size_t DocumentSplitter::SplitArray(std::string_view bytes, size_t at, const Visit& visit) {
  if (in_document_) {
    const std::optional<size_t> end = DocumentEnd(bytes, at);
    if (!end) {
      Keep(bytes.substr(at));
      return bytes.size();
    }
    Complete(bytes.substr(at, *end - at), visit);
    array_ = ArrayState::kAfterItem;
    return *end;
  }
  at = bytes.find_first_not_of(kBlanks, at);
  if (at == std::string_view::npos) return bytes.size();
  const char c = bytes[at];
  const auto broken = [&](Malformed kind) {
    array_ = ArrayState::kBroken;
    visit({{}, offset_ + at, kind});
    return bytes.size();
  };
  switch (array_) {
    case ArrayState::kBefore:
      if (c != '[') return broken(Malformed::kNotJson);
      array_ = ArrayState::kItem;
      return at + 1;
    case ArrayState::kItem:
      if (c == ']' && array_empty_) {
        array_ = ArrayState::kAfter;
        return at + 1;
      }
      array_empty_ = false;
      if (c == ',' || c == ']') {
        visit({{}, offset_ + at, Malformed::kEmpty});
        array_ = c == ',' ? ArrayState::kItem : ArrayState::kAfter;
        return at + 1;
      }
      Begin(offset_ + at, bytes[at]);
      return at;
    case ArrayState::kAfterItem:
      if (c != ',' && c != ']') return broken(Malformed::kNotJson);
      array_ = c == ',' ? ArrayState::kItem : ArrayState::kAfter;
      return at + 1;
    case ArrayState::kAfter:
      return broken(Malformed::kTrailing);
    case ArrayState::kBroken:
      break;
  }
  return bytes.size();
}

size_t DocumentSplitter::SplitValue(std::string_view bytes, size_t at, const Visit& visit) {
  if (!in_document_) {
    at = bytes.find_first_not_of(kBlanks, at);
    if (at == std::string_view::npos) return bytes.size();
    Begin(offset_ + at, bytes[at]);
  }
  const std::optional<size_t> end = DocumentEnd(bytes, at);
  if (!end) {
    Keep(bytes.substr(at));
    return bytes.size();
  }
  Complete(bytes.substr(at, *end - at), visit);
  return *end;
}

std::optional<size_t> DocumentSplitter::DocumentEnd(std::string_view bytes, size_t at) {
  return shape_ == Shape::kBare ? BareEnd(bytes, at) : OutlineEnd(bytes, at);
}

std::optional<size_t> DocumentSplitter::BareEnd(std::string_view bytes, size_t at) const {
  if (offset_ + at == document_offset_) ++at;  // the byte that began it, whatever it is
  for (; at < bytes.size(); ++at) {
    if (kOutline[static_cast<uint8_t>(bytes[at])]) return at;
  }
  return std::nullopt;
}

std::optional<size_t> DocumentSplitter::OutlineEnd(std::string_view bytes, size_t at) {
  for (; at < bytes.size(); ++at) {
    const char c = bytes[at];
    if (escaped_) {
      escaped_ = false;
    } else if (in_string_) {
      escaped_ = c == '\\';
      if (c != '"') continue;
      in_string_ = false;
      if (depth_ == 0) return at + 1;
    } else if (!kOutline[static_cast<uint8_t>(c)]) {
      continue;
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if ((c == '}' || c == ']') && --depth_ == 0) {
      return at + 1;
    }
  }
  return std::nullopt;
}

void DocumentSplitter::Begin(uint64_t offset, char first) {
  in_document_ = true;
  shape_ = first == '{' || first == '[' || first == '"' ? Shape::kOutlined : Shape::kBare;
  depth_ = 0;
  in_string_ = false;
  escaped_ = false;
  document_offset_ = offset;
  kept_.clear();
  kept_bytes_ = 0;
}

void DocumentSplitter::Keep(std::string_view bytes) {
  kept_bytes_ += bytes.size();
  if (kept_bytes_ <= bytes_max_) {
    kept_.append(bytes);
  } else {
    kept_.clear();
  }
}

void DocumentSplitter::Complete(std::string_view last_bytes, const Visit& visit) {
  in_document_ = false;
  if (kept_bytes_ + last_bytes.size() > bytes_max_) {
    visit({{}, document_offset_, Malformed::kTooLarge});
    return;
  }
  if (kept_bytes_ == 0) {
    visit({last_bytes, document_offset_, Malformed::kNone});
    return;
  }
  kept_.append(last_bytes);
  visit({kept_, document_offset_, Malformed::kNone});
}

}  // namespace fieldmark::cli
