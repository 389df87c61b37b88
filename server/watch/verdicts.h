// Verdicts: which look is due after a deployment, and what the judge said to it. Safe for use by several
// threads at once. One thread of its own judges, one question after the other, so that many who ask neither
// multiply the work nor the memory that a history takes; whoever asks waits as long as it likes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fieldmark/judge/judge.h"
#include "server/store/store.h"
#include "server/watch/changes.h"
#include "server/watch/deployments.h"
#include "server/watch/moments.h"
#include "server/watch/new_errors.h"
#include "server/watch/timelines.h"
#include "server/watch/traces.h"

namespace fieldmark::watch {

using Clock = std::function<UnixMs()>;

// A moment after a deployment at which it is judged, and its share of the false-alarm budget.
struct Look {
  int64_t after_s = 0;
  double spend = 0;
};

inline constexpr double kFalseAlarmBudget = 0.05;
inline constexpr int64_t kLookMinS = 30;
inline constexpr int64_t kLookMaxS = 86'400;

// 15 minutes, 1, 4 and 24 hours; together they spend the budget.
std::vector<Look> DefaultLooks();
// One look each, the budget in equal parts. kInvalidArgument unless they ascend within the limits above.
Result<std::vector<Look>> LooksOf(const std::vector<int64_t>& after_s);

struct DeploymentVerdict {
  Deployment deployment;
  std::optional<store::AnnouncedChange> announced;  // what was said of it
  int64_t look_s = 0;
  // The look is being judged: `verdict` says no more than that, and new errors are not known.
  bool judging = false;
  UnixMs looked_at = 0;
  std::optional<UnixMs> next_look_at;
  judge::Verdict verdict;
  std::vector<NewError> new_errors;  // before the first look too
  SignalTraces traces;               // of the findings' signals
  std::optional<MomentCount> moments;
};

// How long to wait for a verdict that is still to be made; none: until it is there.
using Patience = std::optional<std::chrono::milliseconds>;

class Verdicts {
 public:
  // `store` must outlive it. `looks` ascend.
  Verdicts(store::Store& store, Clock clock, std::vector<Look> looks = DefaultLooks(),
           judge::Settings settings = {});
  ~Verdicts();
  // For ever: whoever waits gets an error; what is being judged ends with the subject that it is at.
  void End();

  // Newest first. kNotFound when nothing was heard of the service there, and nothing was announced.
  Result<std::vector<Change>> ChangesOf(std::string_view service, std::string_view environment);

  // Held by whoever looks between changes while it has a subject's history, which takes much memory: there is
  // one at a time, and a verdict goes first.
  std::unique_lock<std::mutex> TurnBetweenChanges();

  // What the newest deployment did, or the newest of `version`. With `look_s` one look that spends the whole
  // budget; else the latest of the schedule that is due. kNotFound when there is no such service or
  // deployment. Once `patience` is over: what was last said to the same look, where that is recent, else that
  // it is being judged.
  Result<DeploymentVerdict> Of(std::string_view service, std::string_view environment,
                               std::optional<std::string_view> version = std::nullopt,
                               std::optional<int64_t> look_s = std::nullopt,
                               Patience patience = std::nullopt);
  // The same for a service whose streams are at hand: some, as StreamsOf gives them.
  Result<DeploymentVerdict> Of(std::vector<store::StreamInfo> streams,
                               std::optional<std::string_view> version = std::nullopt,
                               std::optional<int64_t> look_s = std::nullopt,
                               Patience patience = std::nullopt);

 private:
  struct Question {
    std::vector<store::StreamInfo> streams;
    std::vector<Deployment> deployments;
    Deployment deployment;
    std::vector<Change> changes;  // all of the service
    std::optional<store::AnnouncedChange> announced;
    UnixMs began = 0;          // the new version started, as exactly as known
    UnixMs heard_through = 0;  // its data are in up to here
    UnixMs earlier_received = 0;
  };
  struct DueLook {
    std::optional<Look> due;
    std::optional<Look> next;
  };
  struct Judged {
    UnixMs at = 0;
    judge::Verdict verdict;
    std::vector<NewError> new_errors;
    SignalTraces traces;
  };
  // One deployment's verdict at one look, kept while its data stay the same.
  struct Kept {
    bool filled = false;
    UnixMs earlier_received = 0;
    UnixMs heard_through = 0;
    int64_t cost_ms = 0;
    Judged judged;
    bool in_work = false;  // waits to be judged, or is
    uint64_t ended = 0;    // how often it was tried
    Status last_try;
  };
  struct Task {
    std::shared_ptr<Kept> kept;
    Plan plan;
    Deployment deployment;
    Look look;
    std::optional<UnixMs> next;
    UnixMs earlier_received = 0;
    UnixMs heard_through = 0;
    UnixMs asked_at = 0;
  };

  Result<std::vector<store::StreamInfo>> HeardOf(std::string_view service, std::string_view environment);
  Result<std::vector<Deployment>> DeploymentsAmong(const std::vector<store::StreamInfo>& streams);
  Result<Question> Ask(std::vector<store::StreamInfo> streams, std::optional<std::string_view> version);
  Status AddAnnounced(Question& question);
  DueLook LookOf(const Question& question, std::optional<int64_t> look_s, UnixMs now) const;
  DeploymentVerdict TooEarly(const Question& question, const Look& first, UnixMs now) const;
  Result<std::optional<MomentCount>> MomentsOf(const Question& question, const judge::Verdict& verdict,
                                               UnixMs now) const;
  // Under mutex_.
  std::shared_ptr<Kept> KeptFor(const Question& question, int64_t look_s, double spend);
  // None when patience was over first.
  Result<std::optional<Judged>> JudgeCached(const Question& question, const Look& look,
                                            std::optional<UnixMs> next, UnixMs now, Patience patience);
  void Work(const std::stop_token& stop);
  Result<Judged> JudgeSafely(Task task, const std::stop_token& stop);
  Result<Judged> JudgeNow(Task task, const std::stop_token& stop);

  store::Store& store_;
  const Clock clock_;
  const std::vector<Look> looks_;
  const judge::Settings settings_;
  std::mutex history_turn_;  // of a verdict or a look; never waited for under mutex_
  std::mutex mutex_;         // of what follows
  std::map<std::string, std::shared_ptr<Kept>> kept_;
  std::deque<Task> tasks_;
  bool judging_ = false;
  bool ending_ = false;
  std::condition_variable_any asked_;
  std::condition_variable ended_;
  std::jthread worker_;  // last: it uses the rest
};

}  // namespace fieldmark::watch
