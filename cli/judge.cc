#include "cli/judge.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>

#include "cli/duration.h"
#include "cli/exit_code.h"
#include "cli/series_file.h"
#include "cli/server_answers.h"
#include "fieldmark/base/utc_time.h"
#include "fieldmark/judge/judge.h"
#include "server/watch/incidents.h"
#include "server/watch/moments.h"

namespace fieldmark::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string file;
  std::vector<std::string> change_at;
  std::string look = "1h";
  bool schedule = false;
  bool moments = false;
  std::string watch_from;
  bool json = false;
};

struct Look {
  int64_t look_s = 0;
  double spend = 0;
};

// All looks of the schedule together spend what a single one may.
constexpr Look kSchedule[] = {{900, 0.005}, {3600, 0.01}, {4 * 3600, 0.015}, {24 * 3600, 0.02}};
constexpr double kWholeBudget = 0.05;

const char* KindCode(judge::Kind kind) {
  constexpr const char* kCodes[] = {"rate", "mean", "count", "quantile", "distribution", "mix"};
  return kCodes[static_cast<size_t>(kind)];
}

json::object FindingJson(const judge::Finding& finding) {
  return {
      {"signal", finding.signal},
      {"kind", KindCode(finding.kind)},
      {"state", judge::StateCode(finding.state)},
      {"direction", judge::DirectionCode(finding.direction)},
      {"qualifier", finding.qualifier.empty() ? json::value(nullptr) : json::value(finding.qualifier)},
      {"from", finding.from},
      {"to", finding.to},
      {"effect", finding.effect},
      {"since", {TimeText(finding.since_unix_s.first), TimeText(finding.since_unix_s.second)}},
      {"n_before", finding.n_before},
      {"n_after", finding.n_after},
      {"q_value", finding.q_value},
      {"could_have_seen", finding.could_have_seen},
      {"also", json::array(finding.also.begin(), finding.also.end())},
      {"sentence", finding.sentence},
  };
}

json::object VerdictJson(const judge::Verdict& verdict) {
  json::array findings;
  for (const judge::Finding& finding : verdict.findings) findings.push_back(FindingJson(finding));
  return {
      {"change_at", TimeText(verdict.change.at_unix_s)},
      {"look_s", verdict.change.look_s},
      {"state", judge::StateCode(verdict.state)},
      {"title", verdict.title},
      {"sentence", verdict.sentence},
      {"findings", std::move(findings)},
      {"judged", verdict.judged},
      {"not_enough", verdict.not_enough},
      {"cannot_compare", verdict.cannot_compare},
      {"could_have_seen", verdict.could_have_seen},
  };
}

judge::Verdict JudgeOne(const SeriesFile& file, int64_t at_unix_s, const Look& look) {
  judge::Change change;
  change.at_unix_s = at_unix_s;
  change.look_s = look.look_s;
  change.spend = look.spend;
  judge::Judge judge(file.timeline, change);
  for (const judge::Series& series : file.series) judge.Add(series);
  return judge.Finish();
}

bool Found(const judge::Verdict& verdict) {
  return verdict.state == judge::State::kChanged || verdict.state == judge::State::kSuspected;
}

// The looks that the data cover, until one finds a change; the last of them answers.
json::object JudgeSchedule(const SeriesFile& file, int64_t at_unix_s, judge::Verdict& verdict) {
  const int64_t end =
      file.timeline.start_unix_s + static_cast<int64_t>(file.timeline.steps) * file.timeline.step_s;
  json::array looks;
  for (const Look& look : kSchedule) {
    // A look shorter than a step sees what no step can tell from the next.
    const bool covered = at_unix_s + look.look_s <= end && look.look_s >= file.timeline.step_s;
    if (!covered && !(looks.empty() && &look == &kSchedule[std::size(kSchedule) - 1])) continue;
    verdict = JudgeOne(file, at_unix_s, look);
    looks.push_back(json::object{{"look_s", look.look_s}, {"state", judge::StateCode(verdict.state)}});
    if (verdict.state == judge::State::kChanged) break;
  }
  json::object answer = VerdictJson(verdict);
  answer["looks"] = std::move(looks);
  return answer;
}

watch::QuietTimes QuietTimesOf(const SeriesFile& file, const std::vector<int64_t>& changes_unix_s) {
  std::vector<watch::Change> changes;
  for (const std::vector<int64_t>* some : {&file.timeline.known_changes_unix_s, &changes_unix_s}) {
    for (const int64_t at_unix_s : *some) changes.emplace_back().announced.emplace().at = at_unix_s * 1000;
  }
  std::vector<store::Incident> incidents;
  for (const auto& [from_s, to_s] : file.timeline.excluded_unix_s) {
    incidents.emplace_back().since_first = from_s * 1000;
    incidents.back().over_at = to_s * 1000;
  }
  return {changes, incidents};
}

// One moment at a time: of each the family is held in memory.
json::value MomentsJson(const SeriesFile& file, const watch::QuietTimes& quiet,
                        const judge::Verdict& verdict) {
  const UnixMs to = verdict.change.at_unix_s * 1000;
  std::vector<store::Moment> asked;
  for (const UnixMs at :
       watch::MomentsToAsk(file.timeline, to, quiet, {}, std::numeric_limits<size_t>::max())) {
    watch::MomentsAsked moment(file.timeline, {at}, {});
    for (const judge::Series& series : file.series) moment.Add(series);
    asked.push_back(moment.Finish({}).front());
  }
  const std::optional<watch::MomentCount> count = watch::CountMoments(asked, quiet, verdict, to);
  if (!count) return nullptr;
  return json::object{
      {"asked", count->asked}, {"flagged", count->flagged}, {"sentence", watch::SentenceOf(*count)}};
}

json::object IncidentJson(const store::Incident& incident) {
  const bool lasts = incident.over_at == 0;
  return {{"signal", incident.signal},
          {"direction", incident.direction},
          {"since", {TimeText(incident.since_first / 1000), TimeText(incident.since_last / 1000)}},
          {"found_at", TimeText(incident.found_at / 1000)},
          {"over_at", lasts ? json::value(nullptr) : json::value(TimeText(incident.over_at / 1000))},
          {"also", json::array(incident.also.begin(), incident.also.end())},
          {"sentence", incident.sentence}};
}

void Keep(store::Incident incident, std::vector<store::Incident>& incidents) {
  if (incident.id == 0) {
    incident.id = static_cast<int64_t>(incidents.size()) + 1;
    incidents.push_back(std::move(incident));
  } else {
    incidents[static_cast<size_t>(incident.id) - 1] = std::move(incident);
  }
}

// As the server looks between changes, from `from_unix_s` to the end of the data.
int Watch(const SeriesFile& file, int64_t from_unix_s) {
  const judge::Timeline& timeline = file.timeline;
  const int64_t end = timeline.start_unix_s + static_cast<int64_t>(timeline.steps) * timeline.step_s;
  std::vector<store::Incident> incidents;
  bool judged = false;
  for (int64_t to = from_unix_s - from_unix_s % watch::kWatchEveryS + watch::kWatchEveryS; to <= end;
       to += watch::kWatchEveryS) {
    watch::WatchedMoment moment(timeline, to, {}, incidents);
    for (const judge::Series& series : file.series) moment.Add(series);
    for (store::Incident& incident : moment.Finish()) Keep(std::move(incident), incidents);
    judged |= moment.has_judged();
  }
  for (const store::Incident& incident : incidents)
    std::puts(json::serialize(IncidentJson(incident)).c_str());
  return !incidents.empty() ? kFoundSomething : judged ? kNothingFound : kNotEnough;
}

Result<SeriesFile> Load(const std::string& path) {
  if (path == "-") return ReadSeriesFile(std::cin);
  std::ifstream in(path);
  if (!in)
    return Error{ErrorCode::kNotFound, "opening " + path + ": it cannot be read; give a file or - for input"};
  return ReadSeriesFile(in);
}

int Run(const Options& options) {
  const Result<SeriesFile> file = Load(options.file);
  if (!file.ok()) {
    PrintError(file.error().message);
    return kCouldNotRun;
  }
  const Result<int64_t> look_s = ParseDuration(options.look);
  if (!look_s.ok() || *look_s < 1) {
    PrintError("reading --look: expected a duration such as 15m, 1h or 1d");
    return kCouldNotRun;
  }
  if (!options.watch_from.empty()) {
    const Result<int64_t> from = ParseTime(options.watch_from);
    if (from.ok()) return Watch(*file, *from);
    PrintError("reading --watch-from: " + from.error().message);
    return kCouldNotRun;
  }
  std::vector<int64_t> changes;
  for (const std::string& text : options.change_at) {
    const Result<int64_t> time = ParseTime(text);
    if (!time.ok()) {
      PrintError("reading --change-at: " + time.error().message);
      return kCouldNotRun;
    }
    changes.push_back(*time);
  }

  const watch::QuietTimes quiet = QuietTimesOf(*file, changes);
  bool found = false;
  bool unjudged = false;
  for (const int64_t at_unix_s : changes) {
    judge::Verdict verdict;
    json::object answer;
    if (options.schedule) {
      answer = JudgeSchedule(*file, at_unix_s, verdict);
    } else {
      verdict = JudgeOne(*file, at_unix_s, {*look_s, kWholeBudget});
      answer = VerdictJson(verdict);
    }
    if (options.moments) answer["moments"] = MomentsJson(*file, quiet, verdict);
    std::puts(json::serialize(answer).c_str());
    found |= Found(verdict);
    unjudged |= !Found(verdict) && verdict.state != judge::State::kNoChange;
  }
  return found ? kFoundSomething : unjudged ? kNotEnough : kNothingFound;
}

}  // namespace

void AddJudge(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("judge", "What did these changes do? Offline, from a file of signals");
  command->add_option("file", options->file, "fieldmark.series/1, JSON lines; - reads standard input")
      ->required();
  CLI::App* question = command->add_option_group("question")->require_option(1);
  question->add_option("--change-at", options->change_at,
                       "Moments of changes, UTC; each is its own question");
  question->add_option("--watch-from", options->watch_from,
                       "Look between changes from this moment on, as the server does; a line an incident");
  CLI::Option* look =
      command->add_option("--look", options->look, "How much after a change is judged: 15m, 1h, 1d")
          ->capture_default_str();
  command
      ->add_flag("--schedule", options->schedule,
                 "Looks after 15 min, 1 h, 4 h and 24 h sharing the false-alarm budget")
      ->excludes(look);
  command->add_flag(
      "--moments", options->moments,
      "Also look at about a hundred hours before each change, when nothing changed, and say how "
      "many would have been flagged");
  command->add_flag("--json", options->json, "JSON lines, one a change, which it prints anyway");
  command->callback([options, &exit_code] { exit_code = Run(*options); });
}

}  // namespace fieldmark::cli
