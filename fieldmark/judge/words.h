// Words: what a person reads, at 3 a.m. too.
#pragma once

#include <cstdint>
#include <string>

#include "fieldmark/judge/evidence.h"
#include "fieldmark/judge/family.h"
#include "fieldmark/judge/judge.h"

namespace fieldmark::judge {

std::string ClockOf(int64_t unix_s);     // "14:37", UTC
std::string CountWords(double count);    // "1 200", two significant digits above a thousand
std::string PercentWords(double ratio);  // "38 %", "0.05 %"
std::string NumberWords(double value);
// A length of time with two digits in its largest unit: "850 ms", "40 s", "3 h", "12 d".
std::string SpanWords(double ms);  // three significant digits

// "POST /orders request customer.phone null 1 % → 38 % since 14:02, on 512 documents".
std::string SentenceOf(const Evidence& evidence);
// The same of two sides that have no time: "customer.phone null 1 % → 38 %, on 512 documents".
std::string TimelessSentenceOf(const Evidence& evidence);

struct VerdictWords {
  std::string title;
  std::string sentence;
};
// Of a verdict with its state, findings and figures filled in. `reason` says why it cannot compare.
VerdictWords WordsOf(const Verdict& verdict, const std::string& reason);

}  // namespace fieldmark::judge
