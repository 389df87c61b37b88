#include "server/watch/answers.h"

#include <algorithm>
#include <chrono>

#include "server/watch/words.h"

namespace fieldmark::watch {
namespace {

constexpr Minute kNowMinutes = 5;
constexpr int64_t kSilentMsMax = 120'000;  // idle workers report every minute at least
constexpr int64_t kUsualKeptMs = 60'000;
constexpr uint64_t kRequestsMin = 20;  // a ratio of fewer says little
constexpr Minute kMinutesADay = 1440;
constexpr int64_t kFactsKeptMs = 10'000;  // a look may come due meanwhile
constexpr size_t kKeptMax = 10'000;
// What is made sooner is always made anew; the rest may take a tenth of one core at the most.
constexpr int64_t kCheapMs = 50;
constexpr int64_t kCostFactor = 10;

// Taste: what is worth a person's look, on top of being out of the usual range.
constexpr double kFailedAttention = 0.01;
constexpr double kFailedBad = 0.10;
constexpr uint64_t kFailuresMin = 5;
constexpr double kSlowAttention = 1.25;
constexpr double kSlowBad = 2.0;
constexpr double kSlowMsMin = 5;

Minute FloorTo(Minute minute, Minute step) { return minute - ((minute % step) + step) % step; }

int64_t ElapsedMs(std::chrono::steady_clock::time_point since) {
  const auto passed = std::chrono::steady_clock::now() - since;
  return std::chrono::duration_cast<std::chrono::milliseconds>(passed).count();
}

bool IsTooDearToMakeAgain(int64_t age_ms, int64_t cost_ms) {
  return cost_ms >= kCheapMs && age_ms >= 0 && age_ms < kCostFactor * cost_ms;
}

UnixMs NewestReceived(const std::vector<store::StreamInfo>& streams) {
  UnixMs newest = 0;
  for (const store::StreamInfo& info : streams) newest = std::max(newest, info.last_received_unix_ms);
  return newest;
}

// The version that is running: the last of those that were heard of last.
const store::StreamInfo& NewestOf(const std::vector<store::StreamInfo>& streams) {
  const store::StreamInfo* newest = &streams.front();
  for (const store::StreamInfo& info : streams) {
    if (std::tie(info.last_minute, info.first_minute) >= std::tie(newest->last_minute, newest->first_minute))
      newest = &info;
  }
  return *newest;
}

double Ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string Count(uint64_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

std::string RangeWords(const std::string& low, const std::string& high) {
  return low == high ? "usually " + low : "usually " + low + " to " + high;
}

std::string LastHeard(UnixMs last, UnixMs now) {
  return "last heard of it " + Duration(std::max<int64_t>(0, now - last) / 1000) + " ago";
}

struct Recent {
  Traffic traffic;
  double seconds = 0;
  UnixMs last_received = 0;
  bool silent = false;
};

Answer UpAnswer(const Recent& recent, const std::optional<Band>& usual, UnixMs now) {
  Answer answer{"Is it up?", AnswerState::kNoData, "No data", LastHeard(recent.last_received, now), ""};
  if (usual) answer.usual = RangeWords(Percent(usual->low), Percent(usual->high)) + " failed";
  if (recent.silent) return answer;
  const uint64_t count = recent.traffic.requests.count();
  if (count == 0) {
    answer.word = "No requests";
    answer.detail = "watched, and no requests in " + Duration(kNowMinutes * 60);
    return answer;
  }
  const uint64_t failed = FailedOf(recent.traffic.requests);
  const double ratio = Ratio(failed, count);
  const double line = std::max(kFailedAttention, usual ? 2 * usual->high : 0);
  answer.state = AnswerState::kGood;
  answer.word = "Up";
  answer.detail = PerSecond(static_cast<double>(count) / recent.seconds) + ", " + Percent(ratio) + " failed";
  if (failed > 0 && failed < kFailuresMin && 2 * failed >= count) {
    // Too few to call it down, and nothing to call it up either.
    answer.state = AnswerState::kAttention;
    answer.word = "Some fail";
    return answer;
  }
  // One in ten is bad even where it is usual.
  if (failed < kFailuresMin || (ratio <= line && ratio < kFailedBad)) return answer;
  answer.state = ratio >= kFailedBad ? AnswerState::kBad : AnswerState::kAttention;
  answer.word = answer.state == AnswerState::kBad ? "Failing" : "Some fail";
  return answer;
}

Answer SlowAnswer(const Recent& recent, const std::optional<Band>& usual) {
  Answer answer{"Is it slow?", AnswerState::kNoData, "No data", "no requests to time", ""};
  if (usual) answer.usual = RangeWords(Milliseconds(usual->low), Milliseconds(usual->high)) + " (95 %)";
  const sketch::Histogram& latency = recent.traffic.requests.last_byte_ms;
  if (recent.silent || latency.empty()) return answer;
  const double slow_ms = latency.Quantile(0.95);
  answer.detail =
      "half within " + Milliseconds(latency.Quantile(0.5)) + ", 95 % within " + Milliseconds(slow_ms);
  if (!usual) {
    answer.word = "No history yet";
    return answer;
  }
  answer.state = AnswerState::kGood;
  answer.word = "Usual speed";
  if (latency.count() < kRequestsMin || slow_ms - usual->high < kSlowMsMin) return answer;
  if (slow_ms > kSlowAttention * usual->high) {
    answer.state = AnswerState::kAttention;
    answer.word = "Slower";
  }
  if (slow_ms > kSlowBad * usual->high) {
    answer.state = AnswerState::kBad;
    answer.word = "Slow";
  }
  return answer;
}

Answer JobsAnswer(const bucket::RunSummary& runs, const Recent& recent, UnixMs now) {
  Answer answer{"Are jobs failing?", AnswerState::kNoData, "No jobs seen", "no job reported in 24 h", ""};
  const uint64_t finished = runs.succeeded + runs.failed;
  if (runs.started + finished == 0) return answer;
  answer.detail = Count(runs.failed, "run", "runs") + " of " + std::to_string(finished) + " failed in 24 h";
  if (finished == 0) {
    answer.word = "Running";
    answer.detail = Count(runs.started, "run", "runs") + " started, none finished in 24 h";
    return answer;
  }
  if (runs.failed == 0 && recent.silent) {  // nobody would have told of one that failed since
    answer.word = "No data";
    answer.detail += ", " + LastHeard(recent.last_received, now);
    return answer;
  }
  answer.state = runs.failed == 0 ? AnswerState::kGood : AnswerState::kBad;
  answer.word = runs.failed == 0 ? "None failed" : "Failing";
  return answer;
}

Answer DeploymentAnswer(const std::optional<DeploymentVerdict>& verdict) {
  Answer answer{"Did the last deployment change anything?", AnswerState::kNoData, "No deployment seen",
                "one version so far", ""};
  if (!verdict) return answer;
  const judge::Verdict& judged = verdict->verdict;
  answer.word = judged.title;
  answer.detail = judged.findings.empty() ? judged.sentence : judged.findings.front().sentence;
  if (judged.findings.size() > 1) {
    answer.detail += ", and " + std::to_string(judged.findings.size() - 1) + " more";
  }
  switch (judged.state) {
    case judge::State::kChanged: {
      const bool worse =
          std::any_of(judged.findings.begin(), judged.findings.end(), [](const judge::Finding& one) {
            return one.state == judge::State::kChanged && one.direction == judge::Direction::kWorse;
          });
      answer.state = worse ? AnswerState::kBad : AnswerState::kAttention;
      break;
    }
    case judge::State::kSuspected:
      answer.state = AnswerState::kAttention;
      break;
    case judge::State::kNoChange:
      answer.state = AnswerState::kGood;
      break;
    case judge::State::kNotEnough:
    case judge::State::kCannotCompare:
      break;
  }
  return answer;
}

Patience Left(std::optional<std::chrono::steady_clock::time_point> deadline) {
  if (!deadline) return std::nullopt;
  const auto left = *deadline - std::chrono::steady_clock::now();
  return std::max(std::chrono::milliseconds(0), std::chrono::duration_cast<std::chrono::milliseconds>(left));
}

int Badness(AnswerState state) {
  switch (state) {
    case AnswerState::kBad:
      return 3;
    case AnswerState::kAttention:
      return 2;
    case AnswerState::kNoData:
      return 1;
    case AnswerState::kGood:
      return 0;
  }
  return 0;
}

AnswerState StateOf(const store::Incident& incident) {
  return incident.direction == judge::DirectionCode(judge::Direction::kWorse) ? AnswerState::kBad
                                                                              : AnswerState::kAttention;
}

}  // namespace

std::string_view AnswerCode(AnswerState state) {
  switch (state) {
    case AnswerState::kGood:
      return "good";
    case AnswerState::kAttention:
      return "attention";
    case AnswerState::kBad:
      return "bad";
    case AnswerState::kNoData:
      return "no_data";
  }
  return "no_data";
}

AnswerState ServiceStatus::state() const {
  AnswerState worst = answers[0].state;
  for (const store::Incident& incident : incidents) {
    if (incident.over_at == 0 && Badness(StateOf(incident)) > Badness(worst)) worst = StateOf(incident);
  }
  for (const Answer& answer : answers) {
    const bool counts = answer.state == AnswerState::kBad || answer.state == AnswerState::kAttention;
    if (counts && Badness(answer.state) > Badness(worst)) worst = answer.state;
  }
  return worst;
}

std::string ServiceStatus::headline() const {
  const AnswerState worst = state();
  for (const Answer& answer : answers) {
    if (answer.state == worst) return answer.word + ": " + answer.detail;
  }
  for (const store::Incident& incident : incidents) {
    if (incident.over_at == 0 && StateOf(incident) == worst) return "Moved: " + incident.sentence;
  }
  return answers[0].word + ": " + answers[0].detail;
}

// No name holds a zero byte.
std::string ServiceStatus::sort_key() const {
  return std::to_string(Badness(AnswerState::kBad) - Badness(state())) + service + '\0' + environment;
}

Answers::Answers(store::Store& store, Verdicts& verdicts, Clock clock, Patience patience)
    : store_(store), verdicts_(verdicts), clock_(std::move(clock)), patience_(patience) {}

Answers::Deadline Answers::NewDeadline() const {
  if (!patience_) return std::nullopt;
  return std::chrono::steady_clock::now() + *patience_;
}

Result<Answers::Usual> Answers::UsualOf(const std::vector<store::StreamInfo>& streams, UnixMs now) {
  const std::pair key(streams.front().stream.environment, streams.front().stream.service);
  {
    const std::lock_guard lock(mutex_);
    const auto kept = usual_.find(key);
    if (kept != usual_.end() && now >= kept->second.made_at && now - kept->second.made_at < kUsualKeptMs) {
      return kept->second;
    }
  }
  struct Past {
    store::Step step;
    Minute span;
    size_t least;
  };
  Usual usual;
  usual.made_at = now;
  const Minute until = MinuteOf(now) - kNowMinutes;
  for (const Past& past : {Past{store::Step::kHour, 7 * kMinutesADay, 6},
                           Past{store::Step::kFiveMinutes, 360, 6}, Past{store::Step::kMinute, 60, 5}}) {
    if (usual.failed_ratio && usual.latency_ms) break;
    const Minute to = FloorTo(until, store::MinutesOf(past.step));
    std::vector<double> failed, latency;
    for (const bucket::Source source : {bucket::Source::kLive, bucket::Source::kReplay}) {
      const auto traffic = TrafficOf(store_, streams, source,
                                     FloorTo(to - past.span, store::MinutesOf(past.step)), to, past.step);
      if (!traffic.ok()) return traffic.error();
      for (const auto& [start, at] : *traffic) {
        if (at.requests.count() < kRequestsMin) continue;
        failed.push_back(Ratio(FailedOf(at.requests), at.requests.count()));
        const bool live = source == bucket::Source::kLive;  // replayed clocks are not those of the service
        if (live && !at.requests.last_byte_ms.empty())
          latency.push_back(at.requests.last_byte_ms.Quantile(0.95));
      }
    }
    if (!usual.failed_ratio) usual.failed_ratio = BandOf(std::move(failed), past.least);
    if (!usual.latency_ms) usual.latency_ms = BandOf(std::move(latency), past.least);
  }
  const std::lock_guard lock(mutex_);
  usual_[key] = usual;
  return usual;
}

Result<bucket::RunSummary> Answers::RunsOfADay(const std::vector<store::StreamInfo>& streams, Minute to) {
  bucket::RunSummary runs;
  std::vector<bucket::Stream> keys;
  for (const store::StreamInfo& info : streams) keys.push_back(info.stream);
  Result<std::vector<std::string>> jobs = store_.Subjects(keys);
  if (!jobs.ok()) return jobs.error();
  std::erase_if(*jobs, [](const std::string& subject) { return !IsJob(subject); });
  if (jobs->empty()) return runs;
  const Minute until = FloorTo(to, 60) + 60;
  const auto hours = TrafficOf(store_, streams, std::nullopt, until - kMinutesADay, until, store::Step::kHour,
                               std::move(*jobs));
  if (!hours.ok()) return hours.error();
  for (const auto& [start, at] : *hours) runs.Merge(at.runs);
  return runs;
}

Result<Answers::Facts> Answers::ReadFacts(const std::vector<store::StreamInfo>& streams, UnixMs now,
                                          Deadline deadline) {
  Facts facts;
  facts.read_at = now;
  facts.to = MinuteOf(now) + 1;
  Minute first_minute = facts.to - 1;
  for (const store::StreamInfo& info : streams) first_minute = std::min(first_minute, info.first_minute);
  facts.from = std::max(facts.to - kNowMinutes, first_minute);
  const auto minutes = TrafficOf(store_, streams, std::nullopt, facts.from, facts.to, store::Step::kMinute);
  if (!minutes.ok()) return minutes.error();
  for (const auto& [start, at] : *minutes) facts.traffic.requests.Merge(at.requests);
  Result<Usual> usual = UsualOf(streams, now);
  if (!usual.ok()) return usual.error();
  facts.usual = std::move(*usual);
  Result<bucket::RunSummary> runs = RunsOfADay(streams, facts.to);
  if (!runs.ok()) return runs.error();
  facts.runs = std::move(*runs);
  Result<DeploymentVerdict> verdict = verdicts_.Of(streams, std::nullopt, std::nullopt, Left(deadline));
  if (!verdict.ok()) return verdict.error();
  facts.verdict = std::move(*verdict);
  Result<std::vector<store::Incident>> incidents =
      store_.Incidents(streams.front().stream.environment, streams.front().stream.service);
  if (!incidents.ok()) return incidents.error();
  std::erase_if(*incidents, [&](const store::Incident& incident) {
    return incident.over_at != 0 && incident.over_at < now - kMinutesADay * kMsPerMinute;
  });
  facts.incidents = std::move(*incidents);
  return facts;
}

std::shared_ptr<Answers::Kept> Answers::KeptFor(const bucket::Stream& stream) {
  const Name name(stream.environment, stream.service);
  const std::lock_guard lock(mutex_);
  if (kept_.size() >= kKeptMax && !kept_.contains(name)) kept_.clear();
  std::shared_ptr<Kept>& kept = kept_[name];
  if (kept == nullptr) kept = std::make_shared<Kept>();
  return kept;
}

Result<Answers::Facts> Answers::FactsOf(const std::vector<store::StreamInfo>& streams, UnixMs now,
                                        Deadline deadline) {
  const std::shared_ptr<Kept> kept = KeptFor(streams.front().stream);
  const std::lock_guard lock(kept->mutex);  // whoever asks the same meanwhile waits for this one answer
  const int64_t age_ms = now - kept->facts.read_at;
  const UnixMs received = NewestReceived(streams);
  const bool same = kept->received == received && kept->streams == streams.size() &&
                    kept->facts.to == MinuteOf(now) + 1 && age_ms >= 0 && age_ms < kFactsKeptMs &&
                    !kept->facts.verdict.judging;
  const bool made = kept->streams > 0;
  if (made && (same || IsTooDearToMakeAgain(age_ms, kept->cost_ms))) return kept->facts;

  const auto started = std::chrono::steady_clock::now();
  Result<Facts> facts = ReadFacts(streams, now, deadline);
  if (!facts.ok()) return facts;
  kept->cost_ms = ElapsedMs(started);
  kept->received = received;
  kept->streams = streams.size();
  kept->facts = *facts;
  return facts;
}

Result<ServiceStatus> Answers::Make(const std::vector<store::StreamInfo>& streams, Deadline deadline) {
  const UnixMs now = clock_();
  Result<Facts> facts = FactsOf(streams, now, deadline);
  if (!facts.ok()) return facts.error();
  const store::StreamInfo& newest = NewestOf(streams);
  ServiceStatus status;
  status.service = newest.stream.service;
  status.environment = newest.stream.environment;
  status.version = newest.stream.version;
  status.server_time = now;

  Recent recent;
  recent.traffic = std::move(facts->traffic);
  recent.last_received = NewestReceived(streams);
  recent.silent = now - recent.last_received > kSilentMsMax || newest.last_minute < facts->from;
  recent.seconds = std::max(1.0, static_cast<double>(facts->read_at - facts->from * kMsPerMinute) / 1000);
  if (recent.last_received > 0) status.last_data_at = recent.last_received;
  if (!recent.silent) {
    status.requests_per_s = static_cast<double>(recent.traffic.requests.count()) / recent.seconds;
  }
  status.verdict = std::move(facts->verdict);
  status.incidents = std::move(facts->incidents);
  // The first version ever seen is no deployment to ask about.
  const bool deployed = status.verdict->deployment.from_version.has_value();
  status.answers = {UpAnswer(recent, facts->usual.failed_ratio, now),
                    SlowAnswer(recent, facts->usual.latency_ms), JobsAnswer(facts->runs, recent, now),
                    DeploymentAnswer(deployed ? status.verdict : std::optional<DeploymentVerdict>())};
  return status;
}

Result<ServiceStatus> Answers::Of(std::string_view service, std::string_view environment) {
  const Result<std::vector<store::StreamInfo>> all = store_.Streams();
  if (!all.ok()) return all.error();
  const std::vector<store::StreamInfo> streams = StreamsOf(*all, service, environment);
  if (streams.empty()) return UnknownService(service, environment);
  return Make(streams, NewDeadline());
}

Result<Answers::List> Answers::All() {
  const std::lock_guard lock(list_mutex_);
  const UnixMs now = clock_();
  if (list_ != nullptr && IsTooDearToMakeAgain(now - list_made_at_, list_cost_ms_)) return list_;
  const auto started = std::chrono::steady_clock::now();
  Result<std::vector<ServiceStatus>> services = MakeAll();
  if (!services.ok()) return services.error();
  list_ = std::make_shared<const std::vector<ServiceStatus>>(std::move(*services));
  list_made_at_ = now;
  list_cost_ms_ = ElapsedMs(started);
  return list_;
}

Result<std::vector<ServiceStatus>> Answers::MakeAll() {
  const Result<std::vector<store::StreamInfo>> all = store_.Streams();
  if (!all.ok()) return all.error();
  std::map<Name, std::vector<store::StreamInfo>> by_service;
  for (const store::StreamInfo& info : *all)
    by_service[{info.stream.environment, info.stream.service}].push_back(info);
  const Deadline deadline = NewDeadline();
  std::vector<ServiceStatus> services;
  for (const auto& [name, heard] : by_service) {
    const std::vector<store::StreamInfo> streams = StreamsOf(heard, name.second, name.first);
    if (streams.empty()) continue;
    Result<ServiceStatus> status = Make(streams, deadline);
    if (!status.ok()) return status.error();
    services.push_back(std::move(*status));
  }
  std::sort(services.begin(), services.end(),
            [](const ServiceStatus& a, const ServiceStatus& b) { return a.sort_key() < b.sort_key(); });
  return services;
}

}  // namespace fieldmark::watch
