#include "fieldmark/judge/windows.h"

#include <algorithm>

namespace fieldmark::judge {
namespace {

constexpr size_t kNearWindows = 4;
constexpr int64_t kDaySeconds = 86'400;

int64_t CeilDiv(int64_t value, int64_t by) { return value / by + (value % by > 0 ? 1 : 0); }

}  // namespace

Windows::Windows(const Timeline& timeline, const Change& change)
    : start_unix_s_(timeline.start_unix_s), step_s_(std::max<int64_t>(1, timeline.step_s)) {
  const auto step_at = [&](int64_t time) {
    return static_cast<size_t>(
        std::clamp<int64_t>(CeilDiv(time - start_unix_s_, step_s_), 0, static_cast<int64_t>(timeline.steps)));
  };
  length_ = static_cast<size_t>(std::max<int64_t>(1, change.look_s / step_s_));
  if (kDaySeconds % step_s_ == 0) day_steps_ = static_cast<size_t>(kDaySeconds / step_s_);
  after_.from = step_at(change.at_unix_s);
  // What follows another change is not this one's doing.
  for (const int64_t time : timeline.known_changes_unix_s) {
    const size_t step = step_at(time);
    if (step > after_.from) length_ = std::min(length_, step - after_.from);
  }
  after_.to = std::min(timeline.steps, after_.from + length_);

  clean_.assign(timeline.steps, 1);
  for (const auto& [from, to] : timeline.excluded_unix_s) {
    const size_t begin = static_cast<size_t>(
        std::clamp<int64_t>((from - start_unix_s_) / step_s_, 0, static_cast<int64_t>(timeline.steps)));
    const size_t end = std::min(step_at(to), after_.from);
    for (size_t step = begin; step < end; ++step) clean_[step] = 0;
  }
  for (const int64_t time : timeline.known_changes_unix_s) {
    const size_t step = step_at(time);
    if (step > 0 && step < after_.from) known_changes_.push_back(step);
    const bool is_other = time != change.at_unix_s && step > 0 && step <= after_.from;
    if (is_other && step + length_ > after_.from) neighbour_ = std::max(neighbour_.value_or(0), step);
  }
  std::sort(known_changes_.begin(), known_changes_.end());
}

bool Windows::NearInClock(size_t at) const {
  if (!has_clock()) return false;
  const size_t apart = (after_.from - at) % day_steps_;
  return std::min(apart, day_steps_ - apart) <= kNearWindows * length_;
}

std::vector<size_t> Windows::Placebos(size_t first) const {
  const size_t count = after_.from > first ? (after_.from - first) / length_ : 0;
  std::vector<size_t> starts(count);
  for (size_t i = 0; i < count; ++i) starts[i] = after_.from - (count - i) * length_;
  return starts;
}

}  // namespace fieldmark::judge
