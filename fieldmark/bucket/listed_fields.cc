#include "fieldmark/bucket/listed_fields.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "fieldmark/profile/path.h"

namespace fieldmark::bucket {
namespace {

using profile::FieldKind;

constexpr std::array<std::string_view, 8> kBodies = {" request",       " response 1xx",  " response 2xx",
                                                     " response 3xx",  " response 4xx",  " response 5xx",
                                                     " response none", " response other"};

bool NamesBodies(std::string_view subject) {
  return std::any_of(kBodies.begin(), kBodies.end(), [&](std::string_view body) {
    return subject.ends_with(body) && subject.size() > body.size();
  });
}

bool IsField(std::string_view path) {
  const auto steps = profile::StepsOf(path);
  return steps && !steps->empty();
}

Error Wrong(FieldKind kind, const std::string& found) {
  const bool reveals = kind == FieldKind::kRevealed;
  return {ErrorCode::kInvalidArgument,
          std::string("reading what to ") + (reveals ? "reveal" : "drop") + ": " + found};
}

Result<ListedField> ListedFieldOf(std::string_view text, FieldKind kind) {
  if (IsField(text)) return ListedField{"", std::string(text), kind};
  for (size_t blank = text.find(' '); blank != std::string_view::npos; blank = text.find(' ', blank + 1)) {
    const std::string_view subject = text.substr(0, blank);
    const std::string_view path = text.substr(blank + 1);
    if (NamesBodies(subject) && IsField(path))
      return ListedField{std::string(subject), std::string(path), kind};
  }
  return Wrong(kind, "'" + std::string(text) +
                         "' names no field; write it as findings do, like customer.country or "
                         "POST /orders request customer.country");
}

}  // namespace

Result<std::vector<ListedField>> ListedFieldsOf(const std::vector<std::string>& revealed,
                                                const std::vector<std::string>& dropped) {
  std::vector<ListedField> fields;
  profile::Declarations room;  // as if all were of one subject
  for (const auto& [kind, texts] :
       {std::pair(FieldKind::kRevealed, &revealed), {FieldKind::kDropped, &dropped}}) {
    for (const std::string& text : *texts) {
      Result<ListedField> field = ListedFieldOf(text, kind);
      if (!field.ok()) return field.error();
      if (!room.Add(field->path, kind)) {
        return Wrong(kind,
                     "there is no room for '" + text +
                         "' beside the others; list fewer fields, and none nested deeper than documents "
                         "are read");
      }
      fields.push_back(std::move(field).value());
    }
  }
  return fields;
}

void Declare(const std::vector<ListedField>& fields, Recorder& recorder) {
  for (const auto& [subject, path, kind] : fields) recorder.Declare(subject, path, kind);
}

}  // namespace fieldmark::bucket
