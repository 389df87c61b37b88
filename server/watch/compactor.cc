#include "server/watch/compactor.h"

#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <exception>

namespace fieldmark::watch {
namespace {

constexpr int kNicer = 10;  // a tenth of a core that is wanted by all

// What came waits a minute by intention; after five no more is taken.
constexpr int64_t kBehindMs = 120'000;

// The allocator keeps what was freed, after a flood nine times what is in use: given back so often.
constexpr std::chrono::minutes kBetweenTrims{1};

constexpr int64_t kBetweenTellingsMs = 3'600'000;

}  // namespace

Compactor::Compactor(store::Store& store, Clock clock, std::chrono::milliseconds pause)
    : store_(store), clock_(std::move(clock)), pause_(pause) {
  patient_ = std::thread([this] { Run(Turn::kPatient); });
  urgent_ = std::thread([this] { Run(Turn::kUrgent); });
}

Compactor::~Compactor() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  patient_.join();
  urgent_.join();
}

bool Compactor::PauseOrClose(std::chrono::milliseconds pause) {
  std::unique_lock lock(mutex_);
  return wake_.wait_for(lock, pause, [this] { return closing_; });
}

// The thread must outlive whatever a round throws: nobody else folds.
Result<bool> Compactor::CompactSafely() {
  try {
    return store_.Compact(clock_());
  } catch (const std::exception& failed) {
    return Error{ErrorCode::kUnavailable,
                 std::string("folding batches: ") + failed.what() + "; free memory: it is tried again"};
  }
}

void Compactor::TellForgottenEarly() {
  const store::Condition condition = store_.condition();
  const int64_t more = condition.forgotten_early - forgotten_early_told_;
  if (more == 0 || condition.forgotten_early_unix_ms < forgotten_early_told_at_ + kBetweenTellingsMs) return;
  spdlog::warn(
      "the database is at its limit of size: {} chunks, the oldest for their step, were forgotten before "
      "their "
      "time; raise database_gib_max, or shorten keep_days",
      more);
  forgotten_early_told_ = condition.forgotten_early;
  forgotten_early_told_at_ = condition.forgotten_early_unix_ms;
}

bool Compactor::WaitForTurn(Turn mine) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return closing_ || turn_ == mine; });
  return !closing_;
}

void Compactor::PassTurn() {
  const UnixMs oldest = store_.condition().oldest_received_unix_ms;
  const bool behind = oldest != 0 && clock_() - oldest > kBehindMs;
  const Turn next = behind ? Turn::kUrgent : Turn::kPatient;
  {
    const std::lock_guard lock(mutex_);
    if (turn_ == next) return;
    turn_ = next;
  }
  wake_.notify_all();
}

std::chrono::milliseconds Compactor::Round() {
  // A failed round is tried again after the pause.
  const Result<bool> more = CompactSafely();
  const std::string found = more.ok() ? "" : more.error().message;
  if (found != told_ && !found.empty()) spdlog::error("{}", found);
  if (found.empty() && !told_.empty()) spdlog::info("batches are folded again");
  told_ = found;
  TellForgottenEarly();
  if (more.ok() && *more) return std::chrono::milliseconds(0);
  if (const auto now = std::chrono::steady_clock::now(); now - trimmed_ >= kBetweenTrims) {
    ::malloc_trim(0);
    trimmed_ = now;
  }
  return pause_;
}

void Compactor::Run(Turn mine) {
  // Of this thread alone: what workers send comes first.
  if (mine == Turn::kPatient) static_cast<void>(::nice(kNicer));
  while (WaitForTurn(mine)) {
    if (PauseOrClose(Round())) return;
    PassTurn();
  }
}

}  // namespace fieldmark::watch
