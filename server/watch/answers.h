// The four answers: is it up, is it slow, are jobs failing, did the last deployment change anything? Each is
// the last five minutes against the service's own past. Safe for use by several threads at once.
#pragma once

#include <array>
#include <map>
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

  // The worst answer's; kNoData outranks kGood when nothing is known of the service being up.
  AnswerState state() const;
  std::string headline() const;
};

class Answers {
 public:
  // Both must outlive it.
  Answers(store::Store& store, Verdicts& verdicts, Clock clock);

  // kNotFound when nothing was heard of the service there.
  Result<ServiceStatus> Of(std::string_view service, std::string_view environment);
  // Worst first.
  Result<std::vector<ServiceStatus>> All();

 private:
  // What is usual, from the finest history that is long enough.
  struct Usual {
    UnixMs made_at = 0;
    std::optional<Band> failed_ratio;
    std::optional<Band> latency_ms;  // 95th percentile; live data only
  };

  Result<ServiceStatus> Make(const std::vector<store::StreamInfo>& streams);
  Result<bucket::RunSummary> RunsOfADay(const std::vector<store::StreamInfo>& streams, Minute to);
  Result<Usual> UsualOf(const std::vector<store::StreamInfo>& streams, UnixMs now);

  store::Store& store_;
  Verdicts& verdicts_;
  const Clock clock_;
  std::mutex mutex_;  // of usual_ alone
  std::map<std::pair<std::string, std::string>, Usual> usual_;
};

}  // namespace fieldmark::watch
