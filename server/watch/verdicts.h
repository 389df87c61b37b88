// Verdicts: which look is due after a deployment, and what the judge said to it. Safe for use by several
// threads at once.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
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
  UnixMs looked_at = 0;
  std::optional<UnixMs> next_look_at;
  judge::Verdict verdict;
  std::vector<NewError> new_errors;  // before the first look too
  SignalTraces traces;               // of the findings' signals
  std::optional<MomentCount> moments;
};

class Verdicts {
 public:
  // `store` must outlive it. `looks` ascend.
  Verdicts(store::Store& store, Clock clock, std::vector<Look> looks = DefaultLooks(),
           judge::Settings settings = {});

  // Newest first. kNotFound when nothing was heard of the service there, and nothing was announced.
  Result<std::vector<Change>> ChangesOf(std::string_view service, std::string_view environment);

  // What the newest deployment did, or the newest of `version`. With `look_s` one look that spends the whole
  // budget; else the latest of the schedule that is due. kNotFound when there is no such service or
  // deployment.
  Result<DeploymentVerdict> Of(std::string_view service, std::string_view environment,
                               std::optional<std::string_view> version = std::nullopt,
                               std::optional<int64_t> look_s = std::nullopt);
  // The same for a service whose streams are at hand: some, as StreamsOf gives them.
  Result<DeploymentVerdict> Of(std::vector<store::StreamInfo> streams,
                               std::optional<std::string_view> version = std::nullopt,
                               std::optional<int64_t> look_s = std::nullopt);

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
    std::mutex mutex;
    bool filled = false;
    UnixMs earlier_received = 0;
    UnixMs heard_through = 0;
    int64_t cost_ms = 0;
    Judged judged;
  };

  Result<std::vector<store::StreamInfo>> HeardOf(std::string_view service, std::string_view environment);
  Result<std::vector<Deployment>> DeploymentsAmong(const std::vector<store::StreamInfo>& streams);
  Result<Question> Ask(std::vector<store::StreamInfo> streams, std::optional<std::string_view> version);
  Status AddAnnounced(Question& question);
  DueLook LookOf(const Question& question, std::optional<int64_t> look_s, UnixMs now) const;
  DeploymentVerdict TooEarly(const Question& question, const Look& first, UnixMs now) const;
  Result<std::optional<MomentCount>> MomentsOf(const Question& question, const judge::Verdict& verdict,
                                               UnixMs now) const;
  std::shared_ptr<Kept> KeptFor(const Question& question, int64_t look_s, double spend);
  Result<Judged> JudgeCached(const Question& question, const Look& look, std::optional<UnixMs> next,
                             UnixMs now);
  Result<Judged> JudgeNow(Plan to_read, const Deployment& deployment, const Look& look,
                          std::optional<UnixMs> next) const;

  store::Store& store_;
  const Clock clock_;
  const std::vector<Look> looks_;
  const judge::Settings settings_;
  std::mutex mutex_;  // of kept_ alone
  std::map<std::string, std::shared_ptr<Kept>> kept_;
};

}  // namespace fieldmark::watch
