#include "server/api/change_in.h"

#include <array>
#include <boost/json.hpp>
#include <string>
#include <utility>

#include "fieldmark/base/utc_time.h"

namespace fieldmark::api {
namespace {

namespace json = boost::json;

Error Wrong(std::string_view found) {
  return {ErrorCode::kInvalidArgument, "reading a change: " + std::string(found)};
}

using Member = std::pair<std::string_view, std::string store::AnnouncedChange::*>;
constexpr std::array<Member, 7> kTexts{{{"kind", &store::AnnouncedChange::kind},
                                        {"title", &store::AnnouncedChange::title},
                                        {"version", &store::AnnouncedChange::version},
                                        {"url", &store::AnnouncedChange::url},
                                        {"owner", &store::AnnouncedChange::owner},
                                        {"expected", &store::AnnouncedChange::expected},
                                        {"rollback", &store::AnnouncedChange::rollback}}};

Status ReadMember(std::string_view name, std::string_view text, store::AnnouncedChange& into) {
  if (name == "at") {
    const Result<int64_t> at_s = ParseTime(text);
    if (!at_s.ok()) return Wrong("its at is no time; write it as 2026-01-01T00:00:00Z");
    into.at = *at_s * 1000;
    return {};
  }
  for (const auto& [key, member] : kTexts) {
    if (key != name) continue;
    into.*member = text;
    return {};
  }
  return Wrong(
      "it has a member that a change has not; it has title, kind, version, at, url, owner, expected and "
      "rollback");
}

}  // namespace

Status ReadChange(std::string_view body, store::AnnouncedChange& into) {
  json::error_code failed;
  const json::value value = json::parse(body, failed);
  const json::object* object = failed ? nullptr : value.if_object();
  if (object == nullptr) return Wrong("it is no JSON object; send one");
  for (const auto& [name, member] : *object) {
    const json::string* text = member.if_string();
    if (text == nullptr) return Wrong("a member of it is no text; send texts");
    FM_RETURN_IF_ERROR(ReadMember(name, *text, into));
  }
  return {};
}

}  // namespace fieldmark::api
