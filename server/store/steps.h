// How time is cut: steps, and chunks of steps.
#pragma once

#include <array>

#include "server/store/store.h"

namespace fieldmark::store {

inline constexpr std::array kAllSteps = {Step::kMinute, Step::kFiveMinutes, Step::kHour, Step::kDay};

constexpr Minute FloorTo(Minute minute, int64_t minutes) {
  const int64_t rest = minute % minutes;
  return minute - (rest < 0 ? rest + minutes : rest);
}
constexpr Minute StartOf(Minute minute, Step step) { return FloorTo(minute, MinutesOf(step)); }

// An hour of minutes, six hours of five minutes, a day of hours, 32 days of days.
constexpr int64_t ChunkMinutesOf(Step step) {
  constexpr int64_t kHour = 60;
  constexpr int64_t kDay = 24 * kHour;
  return step == Step::kMinute        ? kHour
         : step == Step::kFiveMinutes ? 6 * kHour
         : step == Step::kHour        ? kDay
                                      : 32 * kDay;
}
constexpr Minute ChunkStartOf(Minute minute, Step step) { return FloorTo(minute, ChunkMinutesOf(step)); }

}  // namespace fieldmark::store
