// The four answers: is it up, is it slow, are jobs failing, did the last deployment change anything? Each is
// the last five minutes against the service's own past. Safe for use by several threads at once.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/store/store.h"
#include "server/watch/traffic.h"
#include "server/watch/verdicts.h"

namespace fieldmark::watch {

// No data is a state of its own and never good.
enum class AnswerState : uint8_t { kGood, kAttention, kBad, kNoData };
std::string_view AnswerCode(AnswerState state);  // "good", "attention", "bad", "no_data"

struct Answer {
  std::string question;
  AnswerState state = AnswerState::kNoData;
  std::string word;
  std::string detail;
  std::string usual;  // empty without history
};

struct ServiceStatus {
  std::string service;
  std::string environment;
  std::string version;
  UnixMs server_time = 0;
  std::optional<UnixMs> last_data_at;
  double requests_per_s = 0;
  std::array<Answer, 4> answers;  // up, slow, jobs, deployment
  std::optional<DeploymentVerdict> verdict;
  std::vector<store::Incident> incidents;  // that last, and those that ended within a day; newest first

  // The worst answer's, or incident's that lasts; kNoData outranks kGood when nothing is known of the service
  // being up.
  AnswerState state() const;
  std::string headline() const;
  // By which a list of them ascends: the worst first.
  std::string sort_key() const;
};

// Of a page, for the verdicts that it shows: nobody notices it, and most verdicts are made in less.
inline constexpr std::chrono::milliseconds kPagePatience{300};

class Answers {
 public:
  // Both must outlive it. With `patience` all verdicts of an answer are waited for together.
  Answers(store::Store& store, Verdicts& verdicts, Clock clock, Patience patience = kPagePatience);

  // What was read of a service is kept while its data stay the same, for ten seconds at most; answers that
  // cost much to make are kept so long that making them takes a tenth of one core.

  // kNotFound when nothing was heard of the service there.
  Result<ServiceStatus> Of(std::string_view service, std::string_view environment);
  using List = std::shared_ptr<const std::vector<ServiceStatus>>;
  // Worst first. Whoever asks meanwhile waits for the same list.
  Result<List> All();

 private:
  // What is usual, from the finest history that is long enough.
  struct Usual {
    UnixMs made_at = 0;
    std::optional<Band> failed_ratio;
    std::optional<Band> latency_ms;  // 95th percentile; live data only
  };
  // What the store and the judge say of a service.
  struct Facts {
    UnixMs read_at = 0;
    Minute from = 0;  // of what counts as now
    Minute to = 0;
    Traffic traffic;
    Usual usual;
    bucket::RunSummary runs;
    DeploymentVerdict verdict;
    std::vector<store::Incident> incidents;
  };
  struct Kept {
    std::mutex mutex;
    int64_t cost_ms = 0;
    UnixMs received = 0;  // the newest of the data that it was made of
    size_t streams = 0;   // 0: not made yet
    Facts facts;
  };

  // When waiting for verdicts is over.
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;
  Deadline NewDeadline() const;
  Result<ServiceStatus> Make(const std::vector<store::StreamInfo>& streams, Deadline deadline);
  Result<Facts> FactsOf(const std::vector<store::StreamInfo>& streams, UnixMs now, Deadline deadline);
  Result<Facts> ReadFacts(const std::vector<store::StreamInfo>& streams, UnixMs now, Deadline deadline);
  std::shared_ptr<Kept> KeptFor(const bucket::Stream& stream);
  Result<std::vector<ServiceStatus>> MakeAll();
  Result<bucket::RunSummary> RunsOfADay(const std::vector<store::StreamInfo>& streams, Minute to);
  Result<Usual> UsualOf(const std::vector<store::StreamInfo>& streams, UnixMs now);

  using Name = std::pair<std::string, std::string>;  // environment, service

  store::Store& store_;
  Verdicts& verdicts_;
  const Clock clock_;
  const Patience patience_;
  std::mutex mutex_;  // of usual_ and kept_ alone
  std::map<Name, Usual> usual_;
  std::map<Name, std::shared_ptr<Kept>> kept_;

  std::mutex list_mutex_;  // of what follows
  List list_;
  UnixMs list_made_at_ = 0;
  int64_t list_cost_ms_ = 0;
};

}  // namespace fieldmark::watch
