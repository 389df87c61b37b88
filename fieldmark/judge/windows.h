// Windows: which steps of a timeline are after the change, which are clean before it, and which earlier
// moments a change can be compared with.
#pragma once

#include <array>
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
  kClockStep,   // the one before it, moved as that clock time moves on the days before; ControlsOf has the
                // first part
};
inline constexpr Control kControls[] = {Control::kWholePast, Control::kJustBefore, Control::kStep,
                                        Control::kSameClock, Control::kClockStep};

struct ControlWindows {
  std::array<Window, 7> windows;
  size_t count = 0;

  const Window* begin() const { return windows.data(); }
  const Window* end() const { return windows.data() + count; }
};

class Windows {
 public:
  Windows(const Timeline& timeline, const Change& change);

  // Ends early where another known change follows. Empty when the change lies at or beyond the end of the
  // data.
  const Window& after() const { return after_; }
  // All steps before the change; those of an excluded stretch are not clean.
  Window before() const { return {0, after_.from}; }
  bool clean(size_t step) const { return clean_[step]; }
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

  // The stretches that `control` would hold a window starting at `at` against, none of them before `first`.
  ControlWindows ControlsOf(Control control, size_t at, size_t first) const;
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
  // Whether a window that starts at `at` is within two of the clock time of the change; never where days are
  // no whole number of steps or a look takes a quarter of one.
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
  std::vector<bool> clean_;
  std::vector<size_t> known_changes_;
  std::optional<size_t> neighbour_;
};

}  // namespace fieldmark::judge
