#include "fieldmark/judge/environment.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "fieldmark/judge/dating.h"

namespace fieldmark::judge {
namespace {

constexpr double kMovedP = 0.05;  // of one route, by itself
constexpr double kHalf = 0.5;     // of the routes
constexpr size_t kVolumesMin = 4;
// A release may well touch the same model in three routes of five.
constexpr size_t kContentsMin = 6;
constexpr double kAllButGone = 0.2;  // of the usual volume: that is no quiet day
constexpr double kSureErrors = 2;    // standard errors

enum class Group : uint8_t { kNone, kRisen, kFallen, kContents };

// By more than chance: of few requests one or none is left on any quiet day.
bool IsAllButGone(const Evidence& evidence) {
  const auto* level = std::get_if<LevelJudgement>(&evidence.test);
  const double expected = evidence.from * (level == nullptr ? 0 : level->steps_after);
  return evidence.n_after + kSureErrors * std::sqrt(evidence.n_after + 1) < kAllButGone * expected;
}

Group GroupOf(const Evidence& evidence) {
  if (evidence.standing != Standing::kJudged || evidence.subject.empty()) return Group::kNone;
  if (evidence.kind == Kind::kCount) {
    if (evidence.up) return Group::kRisen;
    return IsAllButGone(evidence) ? Group::kNone : Group::kFallen;
  }
  const bool content =
      evidence.kind == Kind::kMix || evidence.kind == Kind::kDistribution || evidence.statistic == "true";
  const bool neutral = evidence.polarity == Polarity::kNeutral && evidence.structure == Structure::kNone;
  return content && neutral ? Group::kContents : Group::kNone;
}

// "POST /orders" of "POST /orders response 2xx".
std::string_view RouteOf(std::string_view subject) {
  for (const std::string_view part : {" request", " response "}) {
    const size_t at = subject.find(part);
    if (at != std::string_view::npos) return subject.substr(0, at);
  }
  return subject;
}

struct Route {
  double p = 1;  // the smallest
  double signals = 0;

  bool moved() const { return p * signals <= kMovedP; }
};

// Whether half of the routes that could have moved did so. Volumes of both directions are one question.
bool HalfMoved(const Family& family, Group group) {
  std::map<std::string_view, Route> routes;
  for (const Evidence& evidence : family) {
    const Group own = GroupOf(evidence);
    const bool asked = group == Group::kContents ? own == group : evidence.kind == Kind::kCount;
    if (!asked || evidence.standing != Standing::kJudged || evidence.subject.empty()) continue;
    Route& route = routes[RouteOf(evidence.subject)];
    ++route.signals;
    if (own == group) route.p = std::min(route.p, evidence.p);
  }
  const auto moved = static_cast<double>(
      std::count_if(routes.begin(), routes.end(), [](const auto& route) { return route.second.moved(); }));
  const size_t needed = group == Group::kContents ? kContentsMin : kVolumesMin;
  return routes.size() >= needed && moved >= kHalf * static_cast<double>(routes.size());
}

// Whether the other routes' requests together moved the same way, by half as much or more: each by itself may
// be too few to show it.
bool OthersMoved(const Family& family, const Evidence& volume) {
  size_t others = 0;
  double from = 0;
  double to = 0;
  for (const Evidence& other : family) {
    const bool asked = other.kind == Kind::kCount && other.standing == Standing::kJudged;
    if (!asked || other.subject.empty() || other.subject == volume.subject) continue;
    ++others;
    from += other.from;
    to += other.to;
  }
  if (others + 1 < kVolumesMin || from <= 0 || to <= 0 || volume.from <= 0 || volume.to <= 0) return false;
  const double own = std::log(volume.to / volume.from);
  return std::log(to / from) * own >= kHalf * own * own;
}

}  // namespace

void MarkEnvironment(const Family& family, std::vector<Candidate>& candidates) {
  for (const Group group : {Group::kRisen, Group::kFallen, Group::kContents}) {
    const auto in_group = [&](const Candidate& candidate) { return GroupOf(*candidate.evidence) == group; };
    if (std::none_of(candidates.begin(), candidates.end(), in_group)) continue;
    const bool half = HalfMoved(family, group);
    for (Candidate& candidate : candidates) {
      // What the earlier version does not show beside it is not the world's.
      if (!in_group(candidate) || candidate.qualifier == kSideBySide) continue;
      if (!half && (group == Group::kContents || !OthersMoved(family, *candidate.evidence))) continue;
      candidate.state = State::kSuspected;
      if (candidate.qualifier.empty()) candidate.qualifier = kEnvironmentMoved;
    }
  }
}

}  // namespace fieldmark::judge
