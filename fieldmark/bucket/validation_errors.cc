#include "fieldmark/bucket/validation_errors.h"

#include <algorithm>
#include <optional>
#include <string>

#include "fieldmark/profile/path.h"

namespace fieldmark::bucket {
namespace {

using json::Document;
using json::TypeOf;

// The longest type that is taken for one: pydantic's are half of that.
constexpr size_t kTypeBytesMax = 64;
constexpr std::string_view kOther = "(other)";
constexpr size_t kStepsMax = Limits{}.depth_max;
// Ends the location of a key that is wrong itself.
constexpr std::string_view kWrongKey = "[key]";

const uint64_t* Next(const Document& document, const uint64_t* value) {
  switch (TypeOf(*value)) {
    case '{':
    case '[':
      return AfterClose(document, *value);
    case 'l':
    case 'u':
    case 'd':
      return value + 2;
    default:
      return value + 1;
  }
}

// The value of the first member of that name. Null where `value` is no object that has one.
const uint64_t* Member(const Document& document, const uint64_t* value, std::string_view name) {
  if (TypeOf(*value) != '{') return nullptr;
  for (const uint64_t* key = value + 1; TypeOf(*key) != '}'; key = Next(document, key + 1)) {
    if (TextOf(document, *key) == name) return key + 1;
  }
  return nullptr;
}

bool IsText(const uint64_t* value) { return TypeOf(*value) == '"' || TypeOf(*value) == 'U'; }

bool IsOfType(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-';
}

std::string_view TypeNamed(std::string_view type) {
  const bool is_one =
      !type.empty() && type.size() <= kTypeBytesMax && std::all_of(type.begin(), type.end(), IsOfType);
  return is_one ? type : kOther;
}

// Whether an error of the type is about a key that the model does not have (pydantic 2, 1).
bool ForbidsKey(std::string_view type) { return type == "extra_forbidden" || type == "value_error.extra"; }

// The location as a field's path; none where it is no list of names and positions.
std::optional<std::string> PathOf(const Document& document, const uint64_t* location, bool forbids_last) {
  if (TypeOf(*location) != '[') return std::nullopt;
  std::string path;
  std::string parent;  // of the last step
  size_t steps = 0;
  for (const uint64_t* step = location + 1; TypeOf(*step) != ']'; step = Next(document, step)) {
    if (++steps > kStepsMax) return std::string(kOther);
    if (IsText(step)) {
      const std::string_view name = TextOf(document, *step);
      if (name == kWrongKey) {
        path = profile::ResidualPath(parent);
        break;
      }
      parent = path;
      path =
          profile::LooksLikeIdentifier(name) ? profile::ResidualPath(path) : profile::MemberPath(path, name);
    } else if (TypeOf(*step) == 'l') {
      parent = path;
      path = profile::ItemPath(path);
    } else {
      return std::nullopt;
    }
  }
  return forbids_last ? profile::ResidualPath(parent) : path;
}

}  // namespace

bool MayHoldValidationErrors(std::string_view body) { return body.find("\"loc\"") != std::string_view::npos; }

std::set<ViolationName> ValidationErrorsIn(const Document& document) {
  std::set<ViolationName> errors;
  if (document.malformed != json::Malformed::kNone) return errors;
  const uint64_t* list = Member(document, document.words, "detail");
  if (list == nullptr || TypeOf(*list) != '[') return errors;
  for (const uint64_t* error = list + 1; TypeOf(*error) != ']'; error = Next(document, error)) {
    const uint64_t* location = Member(document, error, "loc");
    const uint64_t* type = Member(document, error, "type");
    if (location == nullptr || type == nullptr || !IsText(type)) continue;
    const std::string_view rule = TextOf(document, *type);
    std::optional<std::string> field = PathOf(document, location, ForbidsKey(rule));
    if (field) errors.insert({std::move(*field), std::string(TypeNamed(rule))});
  }
  return errors;
}

}  // namespace fieldmark::bucket
