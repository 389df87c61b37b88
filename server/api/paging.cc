#include "server/api/paging.h"

namespace fieldmark::api {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

std::string CursorOf(std::string_view key) {
  std::string cursor;
  for (const char c : key) {
    cursor += kDigits[static_cast<unsigned char>(c) >> 4];
    cursor += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return cursor;
}

std::optional<std::string> KeyOf(std::string_view cursor) {
  if (cursor.empty() || cursor.size() % 2 != 0) return std::nullopt;
  std::string key;
  for (size_t i = 0; i < cursor.size(); i += 2) {
    const size_t high = kDigits.find(cursor[i]), low = kDigits.find(cursor[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    key += static_cast<char>(high * 16 + low);
  }
  return key;
}

}  // namespace fieldmark::api
