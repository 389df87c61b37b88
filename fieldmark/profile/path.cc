#include "fieldmark/profile/path.h"

#include <algorithm>

namespace fieldmark::profile {
namespace {

constexpr size_t kNameBytesMax = 64;
constexpr size_t kHexDigitsMin = 8;
constexpr size_t kPhoneDigitsMin = 7;
constexpr std::string_view kItem = "[]";
constexpr std::string_view kResidual = "{}";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool NeedsQuotes(char c) {
  return static_cast<uint8_t>(c) <= ' ' || c == 0x7F ||
         std::string_view(".[]{}\"").find(c) != std::string_view::npos;
}

void AppendQuoted(std::string& path, std::string_view name) {
  static constexpr std::string_view kMeanings = "\"\\\b\f\n\r\t";
  static constexpr std::string_view kEscapes = "\"\\bfnrt";
  static constexpr char kHexDigits[] = "0123456789abcdef";
  path += '"';
  for (const char c : name) {
    const size_t escape = kMeanings.find(c);
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

bool LooksLikeIdentifier(std::string_view key) {
  if (key.size() > kNameBytesMax) return true;
  // Everything below holds a digit or an at sign; most keys hold neither.
  if (std::none_of(key.begin(), key.end(), [](char c) { return IsDigit(c) || c == '@'; })) return false;
  return IsNumber(key) || IsHex(key) || IsUuid(key) || IsEmail(key) || IsPhone(key);
}

}  // namespace fieldmark::profile
