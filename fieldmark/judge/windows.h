// Windows: which steps of a timeline are after the change, which are clean before it, and which earlier
// moments a change can be compared with.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "fieldmark/judge/judge.h"
#include "fieldmark/judge/series.h"

namespace fieldmark::judge {

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

  // The stretches that `control` would hold a window starting at `at` against, none of them before `first`.
  ControlWindows ControlsOf(Control control, size_t at, size_t first) const;
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
};

}  // namespace fieldmark::judge
