#include "server/watch/compactor.h"

#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <exception>
#include <string>

namespace fieldmark::watch {
namespace {

constexpr int kNicer = 10;  // a tenth of a core that is wanted by all

// The allocator keeps what was freed, after a flood nine times what is in use: given back so often.
constexpr std::chrono::minutes kBetweenTrims{1};

constexpr int64_t kBetweenTellingsMs = 3'600'000;

}  // namespace

Compactor::Compactor(store::Store& store, Clock clock, std::chrono::milliseconds pause)
    : store_(store), clock_(std::move(clock)), pause_(pause), thread_([this] { Run(); }) {}

Compactor::~Compactor() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  thread_.join();
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

void Compactor::Run() {
  // Of this thread alone: what workers send comes first, as long as folding may be behind. Beyond, they are
  // told to wait, and it has the core for itself.
  static_cast<void>(::nice(kNicer));
  std::string told;  // what kept the last round from its end
  auto trimmed = std::chrono::steady_clock::now();
  for (;;) {
    // A failed round is tried again after the pause.
    const Result<bool> more = CompactSafely();
    const std::string found = more.ok() ? "" : more.error().message;
    if (found != told && !found.empty()) spdlog::error("{}", found);
    if (found.empty() && !told.empty()) spdlog::info("batches are folded again");
    told = found;
    TellForgottenEarly();
    const bool at_once = more.ok() && *more;
    if (const auto now = std::chrono::steady_clock::now(); !at_once && now - trimmed >= kBetweenTrims) {
      ::malloc_trim(0);
      trimmed = now;
    }
    if (PauseOrClose(at_once ? std::chrono::milliseconds(0) : pause_)) return;
  }
}

}  // namespace fieldmark::watch
