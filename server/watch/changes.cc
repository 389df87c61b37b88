#include "server/watch/changes.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "fieldmark/base/utf8.h"

namespace fieldmark::watch {
namespace {

constexpr int64_t kDayMs = 24LL * 3600 * 1000;
constexpr int64_t kAheadMsMax = 366 * kDayMs;  // a migration that is planned
constexpr UnixMs kAtMin = 946'684'800'000;     // the year 2000: what is before is a slip of units
constexpr size_t kTitleBytesMax = 200;
constexpr size_t kTextBytesMax = 2'000;
constexpr size_t kKeyDigits = 20;  // of the largest integer, with its sign

Error Wrong(std::string_view what, std::string_view found) {
  return {ErrorCode::kInvalidArgument,
          "announcing a change: its " + std::string(what) + " " + std::string(found)};
}

Status CheckText(std::string_view what, const std::string& text, size_t bytes_max) {
  if (text.size() > bytes_max)
    return Wrong(what, "is longer than " + std::to_string(bytes_max) + " bytes; shorten it");
  if (!IsPrintable(text)) return Wrong(what, "is not printable UTF-8 in one line; write it so");
  return {};
}

// The observed deployment that an announced one means; none when nothing fits.
Change* Meant(const store::AnnouncedChange& announced, std::vector<Change>& changes) {
  if (announced.kind != kDeploymentKind || announced.version.empty()) return nullptr;
  Change* nearest = nullptr;
  int64_t nearest_ms = kDayMs;
  for (Change& change : changes) {
    if (!change.deployment || change.deployment->to_version != announced.version) continue;
    const int64_t apart_ms = std::abs(change.at() - announced.at);
    if (apart_ms > nearest_ms) continue;
    nearest = &change;
    nearest_ms = apart_ms;
  }
  return nearest;
}

}  // namespace

UnixMs Change::at() const { return deployment ? deployment->at * kMsPerMinute : announced->at; }

std::string Change::sort_key() const {
  const auto padded = [](int64_t number) {
    const std::string digits = std::to_string(number);
    return std::string(kKeyDigits - digits.size(), '0') + digits;
  };
  constexpr int64_t kLast = std::numeric_limits<int64_t>::max();
  return padded(kLast - at()) + padded(kLast - (deployment ? deployment->nth : 0)) +
         padded(kLast - (announced ? announced->id : 0));
}

std::vector<Change> ChangesOf(std::vector<Deployment> deployments,
                              std::vector<store::AnnouncedChange> announced) {
  std::vector<Change> changes;
  changes.reserve(deployments.size() + announced.size());
  for (Deployment& deployment : deployments) changes.push_back({std::move(deployment), std::nullopt});
  std::vector<Change> alone;
  for (store::AnnouncedChange& one : announced) {
    Change* meant = Meant(one, changes);
    std::optional<store::AnnouncedChange> left = std::move(one);
    if (meant != nullptr) {
      const auto apart_ms = [&](const std::optional<store::AnnouncedChange>& said) {
        return said ? std::abs(said->at - meant->at()) : std::numeric_limits<int64_t>::max();
      };
      if (apart_ms(left) < apart_ms(meant->announced)) std::swap(left, meant->announced);
    }
    if (left) alone.push_back({std::nullopt, std::move(left)});
  }
  changes.insert(changes.end(), std::make_move_iterator(alone.begin()), std::make_move_iterator(alone.end()));
  std::sort(changes.begin(), changes.end(),
            [](const Change& a, const Change& b) { return a.sort_key() < b.sort_key(); });
  return changes;
}

Status CheckAnnounced(const store::AnnouncedChange& change, UnixMs now) {
  if (change.title.empty()) return Wrong("title", "is empty; say in a few words what changes");
  if (std::find(kChangeKinds.begin(), kChangeKinds.end(), change.kind) == kChangeKinds.end())
    return Wrong("kind", "is none; it is one of deployment, migration, cache_rule, job, configuration");
  if (change.at < kAtMin || change.at > now + kAheadMsMax)
    return Wrong("time", "lies before the year 2000, or more than a year ahead; correct it");
  FM_RETURN_IF_ERROR(CheckText("title", change.title, kTitleBytesMax));
  FM_RETURN_IF_ERROR(CheckText("version", change.version, kTitleBytesMax));
  FM_RETURN_IF_ERROR(CheckText("owner", change.owner, kTitleBytesMax));
  FM_RETURN_IF_ERROR(CheckText("url", change.url, kTextBytesMax));
  FM_RETURN_IF_ERROR(CheckText("expected result", change.expected, kTextBytesMax));
  FM_RETURN_IF_ERROR(CheckText("rollback", change.rollback, kTextBytesMax));
  // The page makes a link of it: nothing that runs.
  if (!change.url.empty() && !change.url.starts_with("https://") && !change.url.starts_with("http://"))
    return Wrong("url", "begins with neither https:// nor http://; write it whole");
  if (change.kind == kDeploymentKind || change.version.empty()) return {};
  return Wrong("version", "is given, and it is no deployment; leave it out, or say --kind deployment");
}

std::string RollbackAdvice(const Change& change) {
  if (change.announced && !change.announced->rollback.empty()) return change.announced->rollback;
  return change.deployment ? RollbackAdvice(*change.deployment) : "";
}

}  // namespace fieldmark::watch
