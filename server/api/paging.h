// Lists go out in pages. Each entry has a key by which the list ascends; a cursor says after which key the
// next page begins, so that a page is right whatever came and went before it.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fieldmark::api {

inline constexpr int64_t kPageEntries = 100;  // when nothing is said
inline constexpr int64_t kPageEntriesMax = 500;

struct PageRequest {
  size_t limit = kPageEntries;
  std::string after;  // a key; empty: from the beginning
};

// For clients to give back as it is: letters and digits alone.
std::string CursorOf(std::string_view key);
std::optional<std::string> KeyOf(std::string_view cursor);  // none when it is no cursor

// {name: […], "next": cursor or null, "total": how many there are}. `key_of` and `json_of` take an entry;
// `entries` ascend by key.
template <class Entry, class ToKey, class ToJson>
boost::json::object PageOf(std::string_view name, const std::vector<Entry>& entries, const PageRequest& page,
                           ToKey key_of, ToJson json_of) {
  boost::json::array shown;
  boost::json::value next = nullptr;
  const Entry* last = nullptr;
  for (const Entry& entry : entries) {
    if (!page.after.empty() && key_of(entry) <= page.after) continue;
    if (shown.size() == page.limit) {
      next = CursorOf(key_of(*last));
      break;
    }
    shown.push_back(json_of(entry));
    last = &entry;
  }
  return {{name, std::move(shown)}, {"next", std::move(next)}, {"total", entries.size()}};
}

}  // namespace fieldmark::api
