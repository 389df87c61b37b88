// How every command ends (DESIGN §9).
#pragma once

namespace fieldmark::cli {

inline constexpr int kNothingFound = 0;
inline constexpr int kFoundSomething = 1;
inline constexpr int kCouldNotRun = 2;
inline constexpr int kNotEnough =
    3;  // not enough traffic, or nothing to compare with: silence is never green

}  // namespace fieldmark::cli
