// Windows: which steps of a timeline are after the change, which are clean before it, and which earlier
// moments a change can be compared with.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "fieldmark/judge/judge.h"
#include "fieldmark/judge/series.h"

namespace fieldmark::judge {

// A clock time is known from so many earlier days: fewer have no median that one odd day leaves alone, more
// than a week are of another season.
inline constexpr size_t kDaysMin = 3;
inline constexpr size_t kDaysMax = 7;
// Long enough that its own noise adds an eighth, short enough to follow drift.
inline constexpr size_t kJustBeforeWindows = 8;

// Steps [from, to).
struct Window {
  size_t from = 0;
  size_t to = 0;

  size_t size() const { return to > from ? to - from : 0; }
  bool empty() const { return to <= from; }
};

// What a window is held against. Each is tried on history, and the one that history is steadiest under is
// used.
enum class Control : uint8_t {
  kWholePast,   // all clean steps before it
  kJustBefore,  // the eight windows before it
  kStep,        // the one before it
  kSameClock,   // the same clock time, one window earlier to one later, on the seven days before; needs three
                // of them
  kClockStep,   // the one before it, moved as that clock time moves on the days before
};
inline constexpr Control kControls[] = {Control::kWholePast, Control::kJustBefore, Control::kStep,
                                        Control::kSameClock, Control::kClockStep};

class Windows {
 public:
  Windows(const Timeline& timeline, const Change& change);

  // Ends early where another known change follows. Empty when the change lies at or beyond the end of the
  // data.
  const Window& after() const { return after_; }
  // All steps before the change; those of an excluded stretch are not clean.
  Window before() const { return {0, after_.from}; }
  bool clean(size_t step) const { return clean_[step] != 0; }
  // The length of a placebo window: that of the look.
  size_t length() const { return length_; }
  size_t steps() const { return clean_.size(); }
  // Steps of a day; 0 when a day is no whole number of them.
  size_t day_steps() const { return day_steps_; }
  size_t days() const { return day_steps_ == 0 ? 0 : after_.from / day_steps_; }
  // First steps of the known changes before this one, ascending.
  const std::vector<size_t>& known_changes() const { return known_changes_; }
  // Of the change before this one that lies within a look of it, or in the same step: its first step; else
  // none.
  std::optional<size_t> NeighbourChange() const { return neighbour_; }

  // The stretch, not before `first`, that one of the controls without a clock holds a window starting at `at`
  // against.
  Window StretchOf(Control control, size_t at, size_t first) const {
    if (control == Control::kWholePast) return {first, at};
    const size_t back = (control == Control::kJustBefore ? kJustBeforeWindows : 1) * length_;
    return {std::max(first, at - std::min(at, back)), at};
  }
  // Whether days are a whole number of steps, and a look takes no more than a quarter of one.
  bool has_clock() const { return day_steps_ > 0 && length_ * 4 <= day_steps_; }
  // On how many earlier days, kDaysMax at most, the same clock time is not before `first`.
  size_t EarlierDays(size_t at, size_t first) const {
    return day_steps_ == 0 || at < first ? 0 : std::min(kDaysMax, (at - first) / day_steps_);
  }
  // Calls visit(start) for the same clock time on earlier days, the latest first, none before `first`, until
  // it said of kDaysMax of them that they counted. Returns how many did.
  template <class Visit>
  size_t VisitEarlierDays(size_t at, size_t first, Visit visit) const {
    size_t counted = 0;
    for (size_t back = day_steps_; day_steps_ > 0 && counted < kDaysMax; back += day_steps_) {
      if (at < first + back) break;
      counted += visit(at - back);
    }
    return counted;
  }
  // Whether a window that starts at `at` is within four of the clock time of the change; never without a
  // clock.
  bool NearInClock(size_t at) const;
  // Starts of placebo windows, oldest first: tiles of the look's length between `first` and the change.
  std::vector<size_t> Placebos(size_t first) const;

  int64_t TimeOf(size_t step) const { return start_unix_s_ + static_cast<int64_t>(step) * step_s_; }

 private:
  int64_t start_unix_s_;
  int64_t step_s_;
  size_t length_ = 1;
  size_t day_steps_ = 0;
  Window after_;
  std::vector<uint8_t> clean_;  // bytes, which are read faster than bits
  std::vector<size_t> known_changes_;
  std::optional<size_t> neighbour_;
};

}  // namespace fieldmark::judge
