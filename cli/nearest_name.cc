#include "cli/nearest_name.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace fieldmark::cli {
namespace {

constexpr size_t kNamesMax = 3;
constexpr size_t kListedMax = 5;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Letters to insert, delete, exchange or swap with their neighbour; case does not count.
size_t Slips(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = Lower(a[i - 1]) == Lower(b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
      const bool swapped =
          i > 1 && j > 1 && Lower(a[i - 1]) == Lower(b[j - 2]) && Lower(a[i - 2]) == Lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

void SortOnce(std::vector<std::string>& names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
}

}  // namespace

std::vector<std::string> NearestNames(std::string_view asked, std::vector<std::string> names) {
  SortOnce(names);
  std::vector<std::pair<size_t, std::string>> near;
  for (std::string& name : names) {
    const size_t slips = Slips(asked, name);
    if (slips <= std::max<size_t>(2, asked.size() / 3) && slips < asked.size())
      near.emplace_back(slips, std::move(name));
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> nearest;
  for (size_t i = 0; i < std::min(near.size(), kNamesMax); ++i) nearest.push_back(std::move(near[i].second));
  return nearest;
}

std::string NearestWords(std::string_view asked, const std::vector<std::string>& names) {
  const std::vector<std::string> nearest = NearestNames(asked, names);
  std::string words;
  for (size_t i = 0; i < nearest.size(); ++i) words += (i == 0 ? "; did you mean " : " or ") + nearest[i];
  if (!words.empty() || names.empty()) return words;
  std::vector<std::string> all = names;
  SortOnce(all);
  const size_t listed = std::min(all.size(), kListedMax);
  for (size_t i = 0; i < listed; ++i) words += (i == 0 ? "; there are " : ", ") + all[i];
  if (listed < all.size()) words += " and " + std::to_string(all.size() - listed) + " more";
  return words;
}

}  // namespace fieldmark::cli
