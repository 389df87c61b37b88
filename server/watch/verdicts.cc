#include "server/watch/verdicts.h"

#include <malloc.h>

#include <algorithm>

#include "server/watch/informed_judge.h"
#include "server/watch/timelines.h"
#include "server/watch/words.h"

namespace fieldmark::watch {
namespace {

// Workers send every five seconds; after three times that what is still missing will not come.
constexpr int64_t kArrivalMsMax = 15'000;
constexpr int64_t kRejudgeMsMin = 2'000;
// Judging again may take a tenth of one core at the most.
constexpr int64_t kRejudgeCostFactor = 10;
constexpr size_t kKeptMax = 10'000;  // a few kilobytes each
constexpr size_t kTasksMax = 256;
constexpr int64_t kTrimmedAfterMs = 1'000;  // what takes less frees little that a heap would keep
// So long, and twice as long as it need not be judged again, a verdict stands in for the one to the same look
// that is being made of newer data.
constexpr int64_t kStandInMs = 60'000;

int64_t ElapsedMs(std::chrono::steady_clock::time_point since) {
  const auto passed = std::chrono::steady_clock::now() - since;
  return std::chrono::duration_cast<std::chrono::milliseconds>(passed).count();
}

// When the first request of the new version can have come: exact to the second while it is on its first stay,
// else the middle of its first minute.
UnixMs BeganAt(const Deployment& deployment, const store::StreamInfo& info) {
  const UnixMs minute = deployment.at * kMsPerMinute;
  if (deployment.is_return) return minute + kMsPerMinute / 2;
  if (info.first_live_unix_ms == 0) return minute;
  return std::clamp(info.first_live_unix_ms, minute, minute + kMsPerMinute);
}

// Of a look that is due and has no verdict yet: no state of the judge, and nothing good.
void SayThatItIsJudged(DeploymentVerdict& answer, UnixMs now) {
  answer.judging = true;
  answer.looked_at = now;
  answer.verdict.state = judge::State::kNotEnough;
  answer.verdict.title = "Judging";
  answer.verdict.sentence = "the first " + Duration(answer.look_s) +
                            " after the deployment are being judged; ask again in a moment";
}

}  // namespace

std::vector<Look> DefaultLooks() {
  return {{15 * 60, 0.005}, {3600, 0.01}, {4 * 3600, 0.015}, {24 * 3600, 0.02}};
}

Result<std::vector<Look>> LooksOf(const std::vector<int64_t>& after_s) {
  std::vector<Look> looks;
  for (const int64_t seconds : after_s) {
    if (seconds < kLookMinS || seconds > kLookMaxS) {
      return Error{ErrorCode::kInvalidArgument, "setting the looks: " + Duration(seconds) +
                                                    " is not between 30 s and 24 h; choose another"};
    }
    if (!looks.empty() && seconds <= looks.back().after_s) {
      return Error{ErrorCode::kInvalidArgument, "setting the looks: " + Duration(seconds) +
                                                    " does not come after the one before; order them"};
    }
    looks.push_back({seconds, kFalseAlarmBudget / static_cast<double>(after_s.size())});
  }
  if (looks.empty())
    return Error{ErrorCode::kInvalidArgument, "setting the looks: there is none; give at least one"};
  return looks;
}

Verdicts::Verdicts(store::Store& store, Clock clock, std::vector<Look> looks, judge::Settings settings)
    : store_(store),
      clock_(std::move(clock)),
      looks_(std::move(looks)),
      settings_(settings),
      worker_([this](const std::stop_token& stop) { Work(stop); }) {}

Verdicts::~Verdicts() { End(); }

void Verdicts::End() {
  worker_.request_stop();
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ended_.notify_all();
}

Result<std::vector<store::StreamInfo>> Verdicts::HeardOf(std::string_view service,
                                                         std::string_view environment) {
  const Result<std::vector<store::StreamInfo>> all = store_.Streams();
  if (!all.ok()) return all.error();
  std::vector<store::StreamInfo> streams = StreamsOf(*all, service, environment);
  if (streams.empty()) return UnknownService(service, environment);
  return streams;
}

Result<std::vector<Deployment>> Verdicts::DeploymentsAmong(const std::vector<store::StreamInfo>& streams) {
  const Minute now = MinuteOf(clock_());
  Result<std::vector<Stay>> stays = StaysOf(store_, streams, now);
  if (!stays.ok()) return stays.error();
  return watch::DeploymentsOf(std::move(*stays), now);
}

Result<std::vector<Change>> Verdicts::ChangesOf(std::string_view service, std::string_view environment) {
  Result<std::vector<store::AnnouncedChange>> announced = store_.AnnouncedChanges(environment, service);
  if (!announced.ok()) return announced.error();
  const Result<std::vector<store::StreamInfo>> streams = HeardOf(service, environment);
  const bool only_announced =
      !streams.ok() && streams.error().code == ErrorCode::kNotFound && !announced->empty();
  if (only_announced) return watch::ChangesOf({}, std::move(*announced));
  if (!streams.ok()) return streams.error();
  Result<std::vector<Deployment>> deployments = DeploymentsAmong(*streams);
  if (!deployments.ok()) return deployments.error();
  return watch::ChangesOf(std::move(*deployments), std::move(*announced));
}

Result<Verdicts::Question> Verdicts::Ask(std::vector<store::StreamInfo> streams,
                                         std::optional<std::string_view> version) {
  Result<std::vector<Deployment>> deployments = DeploymentsAmong(streams);
  if (!deployments.ok()) return deployments.error();
  Question question;
  question.streams = std::move(streams);
  question.deployments = std::move(*deployments);
  const auto found =
      std::find_if(question.deployments.rbegin(), question.deployments.rend(),
                   [&](const Deployment& one) { return !version || one.to_version == *version; });
  if (found == question.deployments.rend()) {
    return Error{ErrorCode::kNotFound,
                 "looking up the deployment of version " + std::string(version.value_or("")) +
                     ": none was seen; the changes of the service list those that were"};
  }
  question.deployment = *found;
  for (const store::StreamInfo& info : question.streams) {
    if (info.stream.version != question.deployment.to_version) {
      if (info.first_minute >= question.deployment.at) continue;
      question.earlier_received = std::max(question.earlier_received, info.last_received_unix_ms);
      continue;
    }
    question.began = BeganAt(question.deployment, info);
    question.heard_through = info.last_received_unix_ms;
  }
  FM_RETURN_IF_ERROR(AddAnnounced(question));
  return question;
}

Status Verdicts::AddAnnounced(Question& question) {
  const bucket::Stream& stream = question.streams.front().stream;
  Result<std::vector<store::AnnouncedChange>> announced =
      store_.AnnouncedChanges(stream.environment, stream.service);
  if (!announced.ok()) return announced.error();
  question.changes = watch::ChangesOf(question.deployments, std::move(*announced));
  for (const Change& change : question.changes) {
    if (change.deployment == question.deployment) question.announced = change.announced;
  }
  return {};
}

Verdicts::DueLook Verdicts::LookOf(const Question& question, std::optional<int64_t> look_s,
                                   UnixMs now) const {
  const std::vector<Look> schedule = look_s ? std::vector<Look>{{*look_s, kFalseAlarmBudget}} : looks_;
  DueLook look;
  for (const Look& one : schedule) {
    const UnixMs ends = question.began + one.after_s * 1000;
    if (question.heard_through >= ends || now >= ends + kArrivalMsMax) {
      look.due = one;
    } else if (!look.next) {
      look.next = one;
    }
  }
  return look;
}

DeploymentVerdict Verdicts::TooEarly(const Question& question, const Look& first, UnixMs now) const {
  DeploymentVerdict early;
  early.deployment = question.deployment;
  early.announced = question.announced;
  early.look_s = first.after_s;
  early.looked_at = now;
  early.next_look_at = question.began + first.after_s * 1000;
  early.verdict.state = judge::State::kNotEnough;
  early.verdict.title = std::string(judge::StateName(judge::State::kNotEnough));
  early.verdict.sentence = "deployed " + Duration(std::max<int64_t>(0, now - question.began) / 1000) +
                           " ago; the first look is at " + ClockTime(*early.next_look_at) + ", " +
                           Duration(first.after_s) + " after the deployment";
  return early;
}

Result<std::optional<MomentCount>> Verdicts::MomentsOf(const Question& question,
                                                       const judge::Verdict& verdict, UnixMs now) const {
  const bucket::Stream& stream = question.streams.front().stream;
  const Result<std::vector<store::Moment>> asked = store_.Moments(stream.environment, stream.service);
  if (!asked.ok()) return asked.error();
  const Result<std::vector<store::Incident>> incidents = store_.Incidents(stream.environment, stream.service);
  if (!incidents.ok()) return incidents.error();
  return CountMoments(*asked, QuietTimes(question.changes, *incidents), verdict, now);
}

std::shared_ptr<Verdicts::Kept> Verdicts::KeptFor(const Question& question, int64_t look_s, double spend) {
  const bucket::Stream& stream = question.streams.front().stream;
  std::string key = stream.environment + '\0' + stream.service + '\0' + question.deployment.to_version + '\0';
  key += std::to_string(question.deployment.at) + ' ' + std::to_string(look_s) + ' ' + std::to_string(spend);
  if (kept_.size() >= kKeptMax && !kept_.contains(key))
    std::erase_if(kept_, [](const auto& entry) { return !entry.second->in_work; });
  std::shared_ptr<Kept>& kept = kept_[key];
  if (kept == nullptr) kept = std::make_shared<Kept>();
  return kept;
}

Result<std::optional<Verdicts::Judged>> Verdicts::JudgeCached(const Question& question, const Look& look,
                                                              std::optional<UnixMs> next, UnixMs now,
                                                              Patience patience) {
  Plan plan =
      PlanOf(question.deployment, question.deployments, question.streams, question.began, look.after_s);
  // What is heard after the window is over is not part of it.
  const UnixMs window_full = plan.to * kMsPerMinute + kArrivalMsMax;
  const UnixMs heard = std::min(question.heard_through, window_full);

  std::unique_lock lock(mutex_);
  const std::shared_ptr<Kept> kept = KeptFor(question, look.after_s, look.spend);
  const bool same = kept->heard_through == heard && kept->earlier_received == question.earlier_received;
  const int64_t age_ms = now - kept->judged.at;
  const int64_t pause_ms = std::max(kRejudgeMsMin, kRejudgeCostFactor * kept->cost_ms);
  if (kept->filled && (same || (age_ms >= 0 && age_ms < pause_ms))) return std::optional(kept->judged);

  // Whoever finds no room is told that it is being judged, and gets its turn when he asks again.
  const bool has_room = !patience || tasks_.size() < kTasksMax;
  if (!kept->in_work && has_room) {
    kept->in_work = true;
    tasks_.push_back(
        {kept, std::move(plan), question.deployment, look, next, question.earlier_received, heard, now});
    asked_.notify_one();
  }
  const uint64_t before = kept->ended;
  const auto is_over = [&] { return kept->ended != before || ending_; };
  if (patience) {
    ended_.wait_for(lock, *patience, is_over);
  } else {
    ended_.wait(lock, is_over);
  }
  if (kept->ended != before) {
    if (!kept->last_try.ok()) return kept->last_try.error();
    return std::optional(kept->judged);
  }
  if (ending_) return Error{ErrorCode::kUnavailable, "judging a deployment: the server ends; ask again then"};
  if (!kept->last_try.ok()) return kept->last_try.error();
  if (kept->filled && age_ms >= 0 && age_ms < kStandInMs + 2 * pause_ms) return std::optional(kept->judged);
  return std::optional<Judged>();
}

std::unique_lock<std::mutex> Verdicts::TurnBetweenChanges() {
  std::unique_lock lock(mutex_);
  const auto is_free = [&] { return (tasks_.empty() && !judging_) || ending_; };
  if (!is_free()) {
    ::malloc_trim(0);  // what this thread freed and its heap kept
    ended_.wait(lock, is_free);
  }
  lock.unlock();
  return std::unique_lock(history_turn_);
}

void Verdicts::Work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (asked_.wait(lock, stop, [&] { return !tasks_.empty(); })) {
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    const std::shared_ptr<Kept> kept = task.kept;
    const UnixMs earlier_received = task.earlier_received;
    const UnixMs heard_through = task.heard_through;
    judging_ = true;
    lock.unlock();
    std::unique_lock turn(history_turn_);
    const auto started = std::chrono::steady_clock::now();
    Result<Judged> judged = JudgeSafely(std::move(task), stop);
    const int64_t cost_ms = ElapsedMs(started);
    if (cost_ms > kTrimmedAfterMs) ::malloc_trim(0);
    turn.unlock();
    lock.lock();
    judging_ = false;
    kept->in_work = false;
    kept->last_try = judged.ok() ? Status() : Status(judged.error());
    ++kept->ended;
    if (judged.ok()) {
      kept->filled = true;
      kept->heard_through = heard_through;
      kept->earlier_received = earlier_received;
      kept->cost_ms = cost_ms;
      kept->judged = std::move(*judged);
    }
    ended_.notify_all();
  }
}

Result<Verdicts::Judged> Verdicts::JudgeSafely(Task task, const std::stop_token& stop) {
  try {
    return JudgeNow(std::move(task), stop);
  } catch (const std::exception& failed) {
    return Error{ErrorCode::kUnavailable,
                 std::string("judging a deployment: ") + failed.what() + "; ask again in a moment"};
  }
}

Result<Verdicts::Judged> Verdicts::JudgeNow(Task task, const std::stop_token& stop) {
  const Result<TimelineReader> reader = TimelineReader::Open(store_, std::move(task.plan));
  if (!reader.ok()) return reader.error();
  const Plan& plan = reader->plan();
  judge::Change change;
  change.at_unix_s = plan.after_from * 60;
  change.look_s = (plan.to - plan.after_from) * 60;
  change.spend = task.look.spend;
  change.has_earlier_version = task.deployment.from_version.has_value() && !plan.before.empty();
  if (task.next) change.next_look_unix_s = *task.next / 1000;

  const Result<std::vector<store::Incident>> incidents =
      store_.Incidents(plan.after.environment, plan.after.service);
  if (!incidents.ok()) return incidents.error();
  InformedJudge judge(plan.timeline, change, settings_, *incidents);
  std::vector<NewError> new_errors;
  SignalTraces traces;
  if (change.has_earlier_version) {
    const auto weigh = [&](judge::SubjectHistory history) -> Status {
      if (stop.stop_requested())
        return Error{ErrorCode::kUnavailable, "judging a deployment: the server ends; ask again then"};
      AddTraces(history, plan, traces);
      if (reader->earlier_watched_longer()) {
        for (NewError& error : NewErrorsOf(history, plan)) new_errors.push_back(std::move(error));
      }
      judge::VisitSignals(std::move(history), plan.timeline,
                          [&](const judge::Series& series) { judge.Add(series); });
      return {};
    };
    FM_RETURN_IF_ERROR(reader->VisitHistories(weigh));
  }
  SortAndCut(new_errors);
  Judged judged{task.asked_at, judge.Finish(), std::move(new_errors), {}};
  for (const judge::Finding& finding : judged.verdict.findings) {
    const auto found = traces.find(finding.signal);
    if (found != traces.end()) judged.traces.insert(*found);
  }
  return judged;
}

Result<DeploymentVerdict> Verdicts::Of(std::string_view service, std::string_view environment,
                                       std::optional<std::string_view> version, std::optional<int64_t> look_s,
                                       Patience patience) {
  Result<std::vector<store::StreamInfo>> streams = HeardOf(service, environment);
  if (!streams.ok()) return streams.error();
  return Of(std::move(*streams), version, look_s, patience);
}

Result<DeploymentVerdict> Verdicts::Of(std::vector<store::StreamInfo> streams,
                                       std::optional<std::string_view> version, std::optional<int64_t> look_s,
                                       Patience patience) {
  const Result<Question> question = Ask(std::move(streams), version);
  if (!question.ok()) return question.error();
  const UnixMs now = clock_();
  DueLook look = LookOf(*question, look_s, now);
  if (!look.due) {
    // Waiting helps only when there is something to compare with.
    if (question->deployment.from_version) {
      DeploymentVerdict early = TooEarly(*question, *look.next, now);
      // An error that no earlier version had needs no statistics.
      Result<std::optional<Judged>> so_far =
          JudgeCached(*question, *look.next, early.next_look_at, now, patience);
      if (!so_far.ok()) return so_far.error();
      if (*so_far) {
        early.new_errors = std::move((*so_far)->new_errors);
      } else {
        early.verdict.sentence += "; whether it has new errors is being looked at";
      }
      return early;
    }
    look.due = look.next;
  }
  DeploymentVerdict answer;
  answer.deployment = question->deployment;
  answer.announced = question->announced;
  answer.look_s = look.due->after_s;
  if (look.next && question->deployment.from_version)
    answer.next_look_at = question->began + look.next->after_s * 1000;
  Result<std::optional<Judged>> judged =
      JudgeCached(*question, *look.due, answer.next_look_at, now, patience);
  if (!judged.ok()) return judged.error();
  if (!*judged) {
    SayThatItIsJudged(answer, now);
    return answer;
  }
  answer.looked_at = (*judged)->at;
  answer.verdict = std::move((*judged)->verdict);
  answer.new_errors = std::move((*judged)->new_errors);
  answer.traces = std::move((*judged)->traces);
  Result<std::optional<MomentCount>> moments = MomentsOf(*question, answer.verdict, now);
  if (!moments.ok()) return moments.error();
  answer.moments = *moments;
  return answer;
}

}  // namespace fieldmark::watch
