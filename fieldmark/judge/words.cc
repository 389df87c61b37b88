#include "fieldmark/judge/words.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "fieldmark/judge/event_signals.h"

namespace fieldmark::judge {
namespace {

constexpr std::string_view kArrow = " → ";

std::string Grouped(std::string digits) {
  const size_t first = digits.starts_with('-') ? 1 : 0;
  size_t point = std::min(digits.find('.'), digits.size());
  for (size_t at = point; at > first + 3;) {
    at -= 3;
    digits.insert(at, 1, ' ');
  }
  return digits;
}

std::string Fixed(double value, int decimals) {
  char text[400];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  std::string digits = text;
  if (digits.find('.') != std::string::npos) {
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.ends_with('.')) digits.pop_back();
  }
  return digits == "-0" ? "0" : digits;
}

// `value` with so many significant digits, and no decimals from there on up.
std::string Significant(double value, int digits) {
  if (value == 0 || !std::isfinite(value)) return "0";
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
  const int decimals = std::clamp(digits - 1 - magnitude, 0, 12);
  return Fixed(value, decimals);
}

// Whole percents, and towards 0 % and 100 % the first digit that differs from them.
std::string RoughPercent(double ratio) {
  const double percent = ratio * 100;
  const double edge = std::min(percent, 100 - percent);
  const int decimals = edge <= 0 || edge >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(edge)));
  return Fixed(percent, std::min(decimals, 6)) + " %";
}

// Both percentages with as few digits as tell them apart: 1 % → 38 %, 99.2 % → 99.6 %, 0.02 % → 1 %.
std::string PercentMove(double from, double to) {
  if (std::abs(to - from) * 100 > 2 && RoughPercent(from) != RoughPercent(to)) {
    return RoughPercent(from) + std::string(kArrow) + RoughPercent(to);
  }
  for (int decimals = 0; decimals <= 4; ++decimals) {
    const std::string before = Fixed(from * 100, decimals);
    const std::string after = Fixed(to * 100, decimals);
    const bool vague = before == after || (from > 0 && before == "0") || (to > 0 && after == "0") ||
                       (from < 1 && before == "100") || (to < 1 && after == "100");
    const double coarse = std::pow(10, -decimals) / 2;
    if (!vague && std::abs(to - from) * 100 > 4 * coarse) {
      return before + " %" + std::string(kArrow) + after + " %";
    }
  }
  return PercentWords(from) + std::string(kArrow) + PercentWords(to);
}

std::string WithUnit(double value, const std::string& unit) {
  const std::string number = NumberWords(value);
  return unit.empty() ? number : number + " " + unit;
}

constexpr std::string_view kFreshness = "freshness";

std::string FromTo(const Evidence& evidence) {
  if (evidence.statistic == kFreshness)
    return SpanWords(evidence.from) + std::string(kArrow) + SpanWords(evidence.to);
  const bool share = evidence.kind == Kind::kRate || evidence.kind == Kind::kMix;
  if (evidence.statistic == "missing") return PercentMove(1 - evidence.from, 1 - evidence.to);
  if (evidence.unit == kOfTheTime) return PercentMove(evidence.from, evidence.to) + " " + evidence.unit;
  if (share) return PercentMove(evidence.from, evidence.to);
  return WithUnit(evidence.from, evidence.unit) + std::string(kArrow) + WithUnit(evidence.to, evidence.unit);
}

// What the numbers alone do not say.
std::string StructureWords(const Evidence& evidence) {
  switch (evidence.structure) {
    case Structure::kFirst:
      // Of a field and of what is logged it is said already.
      if (evidence.statistic == "missing" || evidence.unit == kOfTheTime || evidence.from > 0) return "";
      return ", for the first time";
    case Structure::kUnit: {
      const bool larger = evidence.factor > 1;
      return std::string(", all ") + (larger ? "× " : "÷ ") +
             NumberWords(larger ? evidence.factor : 1 / evidence.factor) + " as in another unit";
    }
    case Structure::kConstant:
      return ", all of them the same now";
    case Structure::kDominates:
      return ", in most of them now";
    case Structure::kNone:
      return "";
  }
  return "";
}

std::string WhatMoved(const Evidence& evidence) {
  if (evidence.statistic == "missing") {
    if (evidence.from >= 1) return "is new, present in";
    if (evidence.to >= 1) return "vanished, present in";
    return "present in";
  }
  if (evidence.unit == kOfTheTime) {
    return evidence.statistic + (evidence.from <= 0 ? " is new, logged in" : " logged in");
  }
  if (evidence.statistic.starts_with("type ")) return "is a " + evidence.statistic.substr(5) + " in";
  if (evidence.kind == Kind::kMix) {
    return evidence.statistic + (evidence.category.empty() ? ", one value" : ", `" + evidence.category + "`");
  }
  if (evidence.statistic == kFreshness) {
    const double older_ms = evidence.to - evidence.from;
    return "is " + SpanWords(std::abs(older_ms)) + (older_ms < 0 ? " younger, " : " older, ") +
           evidence.quantile;
  }
  if (evidence.kind == Kind::kDistribution) return evidence.statistic + " " + evidence.quantile;
  if (evidence.kind == Kind::kCount) return evidence.statistic + " a step";
  return evidence.statistic;
}

void Append(std::string& sentence, const std::string& word) {
  if (word.empty()) return;
  if (!sentence.empty()) sentence += ' ';
  sentence += word;
}

std::string WhatMovedHow(const Evidence& evidence) {
  std::string sentence = evidence.subject;
  Append(sentence, evidence.field);
  // An imported signal's name is all there is to say about it.
  const bool named = !sentence.empty() || evidence.statistic != evidence.signal;
  Append(sentence, named ? WhatMoved(evidence) : evidence.signal);
  Append(sentence, FromTo(evidence));
  return sentence;
}

std::string OnDocuments(const Evidence& evidence) {
  if (!evidence.counts_documents) return "";
  const double documents = std::round(evidence.n_after);
  if (evidence.unit == kOfTheTime)
    return ", on " + NumberWords(documents * kStretchSeconds / 60) + " minutes watched";
  return ", on " + Grouped(Fixed(documents, 0)) + (documents == 1 ? " document" : " documents");
}

std::string Signals(size_t count) { return std::to_string(count) + (count == 1 ? " signal" : " signals"); }

std::string Reach(double share) { return "could have seen ≥ " + PercentWords(std::max(share, 0.0)); }

std::string InSignals(const Verdict& verdict) {
  const size_t all = verdict.judged + verdict.not_enough + verdict.cannot_compare;
  std::string words = "in " + std::to_string(verdict.judged) + " of " + Signals(all);
  if (verdict.not_enough > 0) words += ", " + std::to_string(verdict.not_enough) + " too quiet";
  if (verdict.cannot_compare > 0) words += ", " + std::to_string(verdict.cannot_compare) + " not comparable";
  return words;
}

std::string NextLook(const Verdict& verdict) {
  if (!verdict.change.next_look_unix_s) return "";
  return "; next look " + ClockOf(*verdict.change.next_look_unix_s);
}

std::string FindingsWords(const Verdict& verdict) {
  size_t changed = 0;
  for (const Finding& finding : verdict.findings) changed += finding.state == State::kChanged;
  const size_t suspected = verdict.findings.size() - changed;
  std::string words;
  if (changed > 0) words = std::to_string(changed) + (changed == 1 ? " finding" : " findings");
  if (suspected > 0) words += (words.empty() ? "" : ", ") + std::to_string(suspected) + " suspected";
  return words;
}

}  // namespace

std::string ClockOf(int64_t unix_s) {
  const int64_t of_day = ((unix_s % 86'400) + 86'400) % 86'400;
  char text[24];
  std::snprintf(text, sizeof text, "%02d:%02d", static_cast<int>(of_day / 3600),
                static_cast<int>(of_day / 60 % 60));
  return text;
}

std::string CountWords(double count) {
  if (count >= 1000) {
    const double unit = std::pow(10, std::floor(std::log10(count)) - 1);
    count = std::round(count / unit) * unit;
  }
  return Grouped(Fixed(count, 0));
}

std::string PercentWords(double ratio) {
  const double percent = ratio * 100;
  return Grouped(Significant(percent, std::abs(percent) >= 10 ? 2 : std::abs(percent) < 1 ? 1 : 2)) + " %";
}

std::string SpanWords(double ms) {
  struct Unit {
    double ms;
    const char* name;
  };
  constexpr Unit kUnits[] = {{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "min"}, {1000, "s"}};
  for (const Unit& unit : kUnits) {
    // From two of a unit on, or 120 s would read 2 min and 119 s 119 s.
    if (std::abs(ms) >= 2 * unit.ms) return Grouped(Significant(ms / unit.ms, 2)) + " " + unit.name;
  }
  return Grouped(Significant(ms, 2)) + " ms";
}

std::string NumberWords(double value) { return Grouped(Significant(value, 3)); }

std::string SentenceOf(const Evidence& evidence) {
  const std::string qualifier = evidence.qualifier.empty() ? "" : ", " + std::string(evidence.qualifier);
  const std::string other =
      evidence.or_of_unix_s ? ", cannot separate from the change at " + ClockOf(*evidence.or_of_unix_s) : "";
  return WhatMovedHow(evidence) + " since " + ClockOf(evidence.since_best_unix_s) + OnDocuments(evidence) +
         StructureWords(evidence) + other + qualifier;
}

std::string TimelessSentenceOf(const Evidence& evidence) {
  return WhatMovedHow(evidence) + OnDocuments(evidence) + StructureWords(evidence);
}

VerdictWords WordsOf(const Verdict& verdict, const std::string& reason) {
  VerdictWords words{std::string(StateName(verdict.state)), ""};
  switch (verdict.state) {
    case State::kChanged:
    case State::kSuspected:
      words.sentence = FindingsWords(verdict) + " " + InSignals(verdict) + NextLook(verdict);
      break;
    case State::kNoChange:
      words.sentence = InSignals(verdict) + "; " + Reach(verdict.could_have_seen) + NextLook(verdict);
      break;
    case State::kNotEnough:
      words.title += " (" + Grouped(Fixed(std::round(verdict.documents_after), 0)) + " of about " +
                     CountWords(verdict.documents_needed) + ")";
      words.sentence = "enough " + InSignals(verdict) + NextLook(verdict);
      break;
    case State::kCannotCompare:
      words.title += " (" + reason + ")";
      words.sentence = InSignals(verdict) + NextLook(verdict);
      break;
  }
  return words;
}

}  // namespace fieldmark::judge
