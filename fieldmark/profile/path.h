// Field paths. A document's own path is ""; a member appends ".name" (without the dot at the start), an
// array's items append "[]", the residual child that stands for all keys without a name appends ".{}". A name
// that is empty or holds a dot, bracket, brace, quote, blank or control character is quoted as JSON would:
// `headers."x.y"`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fieldmark::profile {

std::string MemberPath(std::string_view parent, std::string_view name);
std::string ItemPath(std::string_view parent);
std::string ResidualPath(std::string_view parent);
// The path of the object or array that holds `path`; "" for a top-level member and for "".
std::string ParentPath(std::string_view path);
bool IsItem(std::string_view path);
bool IsResidual(std::string_view path);

// One step down from a field.
struct PathStep {
  enum class Kind : uint8_t { kMember, kItem, kResidual };
  Kind kind = Kind::kMember;
  std::string name{};  // of a member

  bool operator==(const PathStep&) const = default;
};
// A path's steps from the document downwards; none where it is not spelled as the functions above spell it,
// needless quotes forgiven. The document itself, "", has no steps.
std::optional<std::vector<PathStep>> StepsOf(std::string_view path);

// Keys shaped like identifiers never get a name: a UUID, a number, an e-mail address, a phone number, eight
// or more hexadecimal digits with a decimal one among them, and anything over 64 bytes.
bool LooksLikeIdentifier(std::string_view key);

}  // namespace fieldmark::profile
