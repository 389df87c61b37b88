#include "fieldmark/profile/path.h"

#include <algorithm>
#include <charconv>

namespace fieldmark::profile {
namespace {

constexpr size_t kNameBytesMax = 64;
constexpr size_t kHexDigitsMin = 8;
constexpr size_t kPhoneDigitsMin = 7;
constexpr std::string_view kItem = "[]";
constexpr std::string_view kResidual = "{}";
// What follows a backslash, and what it stands for.
constexpr std::string_view kEscapes = "\"\\bfnrt";
constexpr std::string_view kEscapeMeanings = "\"\\\b\f\n\r\t";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool NeedsQuotes(char c) {
  return static_cast<uint8_t>(c) <= ' ' || c == 0x7F ||
         std::string_view(".[]{}\"").find(c) != std::string_view::npos;
}

void AppendQuoted(std::string& path, std::string_view name) {
  static constexpr char kHexDigits[] = "0123456789abcdef";
  path += '"';
  for (const char c : name) {
    const size_t escape = kEscapeMeanings.find(c);
    if (escape != std::string_view::npos) {
      path += '\\';
      path += kEscapes[escape];
    } else if (static_cast<uint8_t>(c) < 0x20) {
      path += "\\u00";
      path += kHexDigits[static_cast<uint8_t>(c) >> 4];
      path += kHexDigits[c & 15];
    } else {
      path += c;
    }
  }
  path += '"';
}

std::string Joined(std::string_view parent, size_t more) {
  std::string path;
  path.reserve(parent.size() + 1 + more);
  path += parent;
  if (!parent.empty()) path += '.';
  return path;
}

// Where the last segment of a non-empty path begins, its dot included.
size_t LastSegment(std::string_view path) {
  size_t last = 0;
  bool quoted = false;
  for (size_t i = 0; i < path.size(); ++i) {
    if (quoted && path[i] == '\\') {
      ++i;
    } else if (path[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && (path[i] == '.' || path[i] == '[')) {
      last = i;
    }
  }
  return last;
}

// The name between the quotes that `rest` begins with, both taken off it.
std::optional<std::string> TakeQuoted(std::string_view& rest) {
  static constexpr std::string_view kControl = "u00";
  std::string name;
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return name;
    }
    if (rest[i] != '\\') {
      name += rest[i];
      continue;
    }
    if (++i == rest.size()) break;
    const size_t escape = kEscapes.find(rest[i]);
    if (escape != std::string_view::npos) {
      name += kEscapeMeanings[escape];
      continue;
    }
    const std::string_view digits = rest.substr(std::min(i + kControl.size(), rest.size()), 2);
    unsigned code = 0;
    const bool read = digits.size() == 2 && rest.substr(i, kControl.size()) == kControl &&
                      std::from_chars(digits.data(), digits.data() + 2, code, 16).ptr == digits.data() + 2;
    if (!read || code >= 0x80) return std::nullopt;
    name += static_cast<char>(code);
    i += kControl.size() + 1;
  }
  return std::nullopt;
}

std::optional<std::string> TakeName(std::string_view& rest) {
  if (rest.starts_with('"')) return TakeQuoted(rest);
  const size_t end = static_cast<size_t>(std::find_if(rest.begin(), rest.end(), NeedsQuotes) - rest.begin());
  if (end == 0) return std::nullopt;
  std::string name(rest.substr(0, end));
  rest.remove_prefix(end);
  return name;
}

bool IsUuid(std::string_view key) {
  if (key.size() != 36) return false;
  for (size_t i = 0; i < key.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? key[i] != '-' : !IsHexDigit(key[i])) return false;
  }
  return true;
}

// As JSON writes it, with a plus sign, leading zeros and a bare point forgiven.
bool IsNumber(std::string_view key) {
  const auto skip_digits = [&key] {
    const size_t digits = std::min(key.find_first_not_of("0123456789"), key.size());
    key.remove_prefix(digits);
    return digits;
  };
  if (key.starts_with('-') || key.starts_with('+')) key.remove_prefix(1);
  size_t digits = skip_digits();
  if (key.starts_with('.')) {
    key.remove_prefix(1);
    digits += skip_digits();
  }
  if (digits == 0) return false;
  if (key.starts_with('e') || key.starts_with('E')) {
    key.remove_prefix(1);
    if (key.starts_with('-') || key.starts_with('+')) key.remove_prefix(1);
    if (skip_digits() == 0) return false;
  }
  return key.empty();
}

bool IsEmail(std::string_view key) {
  const size_t at = key.find('@');
  if (at == 0 || at == std::string_view::npos || key.find(' ') != std::string_view::npos) return false;
  const std::string_view domain = key.substr(at + 1);
  const size_t dot = domain.rfind('.');
  return domain.find('@') == std::string_view::npos && dot != std::string_view::npos && dot > 0 &&
         dot + 1 < domain.size();
}

bool IsPhone(std::string_view key) {
  const size_t digits = static_cast<size_t>(std::count_if(key.begin(), key.end(), IsDigit));
  return digits >= kPhoneDigitsMin && key.find_first_not_of("0123456789 +-./()") == std::string_view::npos;
}

bool IsHex(std::string_view key) {
  if (key.starts_with("0x") || key.starts_with("0X")) key.remove_prefix(2);
  return key.size() >= kHexDigitsMin && std::all_of(key.begin(), key.end(), IsHexDigit) &&
         std::any_of(key.begin(), key.end(), IsDigit);
}

}  // namespace

std::string MemberPath(std::string_view parent, std::string_view name) {
  std::string path = Joined(parent, name.size());
  if (name.empty() || std::any_of(name.begin(), name.end(), NeedsQuotes)) {
    AppendQuoted(path, name);
  } else {
    path += name;
  }
  return path;
}

std::string ItemPath(std::string_view parent) { return std::string(parent) += kItem; }

std::string ResidualPath(std::string_view parent) { return Joined(parent, kResidual.size()) += kResidual; }

std::string ParentPath(std::string_view path) { return std::string(path.substr(0, LastSegment(path))); }

// Both marks hold brackets or braces, which a name has only in quotes, so the end of the path decides.
bool IsItem(std::string_view path) { return path.ends_with(kItem); }
bool IsResidual(std::string_view path) { return path.ends_with(kResidual); }

std::optional<std::vector<PathStep>> StepsOf(std::string_view path) {
  std::vector<PathStep> steps;
  while (!path.empty()) {
    if (path.starts_with(kItem)) {
      steps.push_back({PathStep::Kind::kItem});
      path.remove_prefix(kItem.size());
      continue;
    }
    if (!steps.empty()) {
      if (!path.starts_with('.')) return std::nullopt;
      path.remove_prefix(1);
    }
    if (path.starts_with(kResidual)) {
      steps.push_back({PathStep::Kind::kResidual});
      path.remove_prefix(kResidual.size());
      continue;
    }
    std::optional<std::string> name = TakeName(path);
    if (!name) return std::nullopt;
    steps.push_back({PathStep::Kind::kMember, std::move(*name)});
  }
  return steps;
}

bool LooksLikeIdentifier(std::string_view key) {
  if (key.size() > kNameBytesMax) return true;
  // Everything below holds a digit or an at sign; most keys hold neither.
  if (std::none_of(key.begin(), key.end(), [](char c) { return IsDigit(c) || c == '@'; })) return false;
  return IsNumber(key) || IsHex(key) || IsUuid(key) || IsEmail(key) || IsPhone(key);
}

}  // namespace fieldmark::profile
