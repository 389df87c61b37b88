#include "fieldmark/bucket/reveal.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "fieldmark/profile/declarations.h"
#include "fieldmark/profile/path.h"

namespace fieldmark::bucket {
namespace {

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

Result<Reveal> RevealOf(std::string_view text) {
  if (IsField(text)) return Reveal{"", std::string(text)};
  for (size_t blank = text.find(' '); blank != std::string_view::npos; blank = text.find(' ', blank + 1)) {
    const std::string_view subject = text.substr(0, blank);
    const std::string_view path = text.substr(blank + 1);
    if (NamesBodies(subject) && IsField(path)) return Reveal{std::string(subject), std::string(path)};
  }
  return Error{ErrorCode::kInvalidArgument,
               "reading what to reveal: '" + std::string(text) +
                   "' names no field; write it as findings do, like customer.country or "
                   "POST /orders request customer.country"};
}

}  // namespace

Result<std::vector<Reveal>> RevealsOf(const std::vector<std::string>& texts) {
  std::vector<Reveal> reveals;
  profile::Declarations room;  // as if all were of one subject
  for (const std::string& text : texts) {
    Result<Reveal> reveal = RevealOf(text);
    if (!reveal.ok()) return reveal.error();
    if (!room.Add(reveal->path, profile::FieldKind::kRevealed)) {
      return Error{
          ErrorCode::kInvalidArgument,
          "reading what to reveal: there is no room for '" + text +
              "' beside the others; list fewer fields, and none nested deeper than documents are read"};
    }
    reveals.push_back(std::move(reveal).value());
  }
  return reveals;
}

void Declare(const std::vector<Reveal>& reveals, Recorder& recorder) {
  for (const auto& [subject, path] : reveals) {
    recorder.Declare(subject, path, profile::FieldKind::kRevealed);
  }
}

}  // namespace fieldmark::bucket
