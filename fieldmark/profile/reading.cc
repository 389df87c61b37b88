#include "fieldmark/profile/reading.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <tuple>

#include "fieldmark/base/count.h"
#include "fieldmark/profile/path.h"

namespace fieldmark::profile {
namespace {

uint64_t Without(uint64_t count, uint64_t taken) { return count - std::min(count, taken); }

struct Names {
  size_t count = 0;
  uint64_t most_seen = 0;  // of the name that most objects held
};

bool IsMap(const Names& names, uint64_t objects) {
  return names.count > kMapNamesMin && names.most_seen < objects - objects / 2;
}

bool IsWithin(std::string_view path, std::string_view container) {
  return path.size() > container.size() && path.starts_with(container) &&
         (container.empty() || path[container.size()] == '.' || path[container.size()] == '[');
}

// Maps among the fields, without those inside another: what is inside comes to light when that is folded.
std::set<std::string, std::less<>> OutermostMaps(const Fields& fields,
                                                 const std::set<std::string, std::less<>>& known) {
  std::map<std::string, Names> names;
  for (const auto& [path, field] : fields) {
    if (!IsMember(path)) continue;
    Names& of_parent = names[ParentPath(path)];
    ++of_parent.count;
    of_parent.most_seen = std::max(of_parent.most_seen, field.counts.seen);
  }
  std::set<std::string, std::less<>> maps;
  for (const auto& [path, of_path] : names) {
    const auto object = fields.find(path);
    if (object == fields.end() || known.contains(path) || !IsMap(of_path, object->second.counts.objects))
      continue;
    const bool inside =
        std::any_of(maps.begin(), maps.end(), [&](const std::string& map) { return IsWithin(path, map); });
    if (!inside) maps.insert(path);
  }
  return maps;
}

// The path of what `path` is folded into: the member of `map` on its way becomes the residual child.
std::optional<std::string> Folded(std::string_view path, std::string_view map) {
  if (!IsWithin(path, map)) return std::nullopt;
  // Upwards from the path to the member itself.
  std::string member(path);
  for (std::string parent = ParentPath(member); parent != map; parent = ParentPath(parent)) {
    if (parent.size() <= map.size()) return std::nullopt;
    member = parent;
  }
  if (!IsMember(member)) return std::nullopt;
  return ResidualPath(map).append(path.substr(member.size()));
}

void FoldInto(Fields& into, const std::string& path, const FieldSummary& field, const std::string& map,
              const FieldCounts& object) {
  FieldSummary& target = into[path];
  target.Merge(field);
  target.counts.documents = std::min(target.counts.documents, object.documents);
  if (path != ResidualPath(map)) return;
  FieldCounts& counts = into[map].counts;
  counts.folded = std::min(counts.objects, AddSaturating(counts.folded, field.counts.seen));
}

Fields WithMapFolded(const Fields& fields, const std::string& map) {
  const auto object = fields.find(map);
  if (object == fields.end()) return fields;
  Fields folded;
  std::vector<std::pair<std::string, const FieldSummary*>> moving;
  for (const auto& [path, field] : fields) {
    if (std::optional<std::string> target = Folded(path, map)) {
      moving.emplace_back(std::move(*target), &field);
    } else {
      folded.emplace_hint(folded.end(), path, field);
    }
  }
  for (const auto& [path, field] : moving) FoldInto(folded, path, *field, map, object->second.counts);
  return folded;
}

}  // namespace

bool IsMember(std::string_view path) { return !path.empty() && !IsItem(path) && !IsResidual(path); }

Missing MissingOf(const FieldCounts& member, const FieldCounts& parent) {
  const uint64_t most = Without(parent.objects, member.seen);
  return {parent.objects, Without(most, parent.folded), most};
}

Missing MissingOf(const Fields& fields, std::string_view path) {
  if (!IsMember(path)) return {};
  const auto parent = fields.find(ParentPath(path));
  if (parent == fields.end()) return {};
  const auto member = fields.find(path);
  return MissingOf(member == fields.end() ? FieldCounts{} : member->second.counts, parent->second.counts);
}

std::vector<std::string> MapsOf(const Fields& fields) {
  Fields folded;
  for (const auto& [path, field] : fields) {
    folded.emplace_hint(folded.end(), path, FieldSummary{})->second.counts = field.counts;
  }
  std::vector<std::string> maps;
  std::set<std::string, std::less<>> known;
  for (;;) {
    const auto found = OutermostMaps(folded, known);
    if (found.empty()) return maps;
    for (const std::string& map : found) {
      folded = WithMapFolded(folded, map);
      maps.push_back(map);
      known.insert(map);
    }
  }
}

Fields WithMapsFolded(const Fields& fields, const std::vector<std::string>& maps) {
  Fields folded = fields;
  for (const std::string& map : maps) folded = WithMapFolded(folded, map);
  return folded;
}

Values::Values(const sketch::Histogram& histogram, bool whole)
    : histogram_(histogram), whole_(whole), min_(histogram.min()), max_(histogram.max()) {
  if (!whole) return;
  // The edge of a bucket that is nearer to zero is exclusive.
  const double least = min_ > 0 && histogram.concealed() ? std::floor(min_) + 1 : std::ceil(min_);
  const double most = max_ < 0 && histogram.concealed() ? std::ceil(max_) - 1 : std::floor(max_);
  // Beyond 2^53 a double steps over whole numbers.
  if (least > most) return;
  min_ = least;
  max_ = most;
}

double Values::Quantile(double q) const {
  const double value = histogram_.Quantile(q);
  return std::clamp(whole_ ? std::round(value) : value, min_, max_);
}

uint64_t DistinctOf(const sketch::Categories& categories) {
  return std::min(categories.total(), static_cast<uint64_t>(std::llround(categories.DistinctCount())));
}

std::vector<RevealedValue> RevealedOf(const FieldSummary& field) {
  std::vector<RevealedValue> values;
  for (const sketch::CategoryCount& entry : field.categories.entries()) {
    const sketch::ValueText* known = field.texts.Find(entry.hash);
    if (known != nullptr) values.push_back({known->text, known->is_number, entry.count});
  }
  std::sort(values.begin(), values.end(), [](const RevealedValue& a, const RevealedValue& b) {
    return std::tie(b.count, a.text, a.is_number) < std::tie(a.count, b.text, b.is_number);
  });
  return values;
}

}  // namespace fieldmark::profile
