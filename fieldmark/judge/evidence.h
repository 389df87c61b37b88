// Evidence: what is kept of a signal until the whole family is known.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "fieldmark/judge/judge.h"
#include "fieldmark/judge/levels.h"
#include "fieldmark/judge/series.h"
#include "fieldmark/judge/shares.h"
#include "fieldmark/judge/structure.h"
#include "fieldmark/judge/windows.h"

namespace fieldmark::judge {

inline constexpr double kDocumentsMin = 30;  // either side, before a signal is judged at all

// Decided by amount of data alone, never by effect.
enum class Standing : uint8_t { kJudged, kNotEnough, kCannotCompare };

// A qualifier is said of no finding that is Changed.
struct Evidence : Signal, Move {
  Standing standing = Standing::kCannotCompare;
  double documents_after = 0;
  double documents_expected = 0;  // in a window as long as the look, going by the past
  bool counts_documents = true;   // false of volumes: they are about no documents
  bool short_history = false;
  bool screened = false;  // out, without the full test: p is 1, `test` a bound

  bool up = true;
  bool suspected_at_most = false;
  std::optional<int64_t>
      or_of_unix_s;      // another change that too few documents lie after to tell it from this one
  std::string quantile;  // of a distribution: "median", "90th percentile" …
  Structure structure = Structure::kNone;
  double factor = 1;  // of kUnit
  int64_t since_best_unix_s = 0;

  // What reach is computed from, once the family's size is known.
  std::variant<ShareTest, LevelJudgement> test;
  // Of a distribution: the past's quantiles at 1/32 … 31/32, to say a reach in shares as one in values.
  std::vector<float> past_quantiles;
  double tests = 1;      // parts that the signal's p is the smallest of
  double reach_min = 0;  // the minimum effect: nothing smaller is ever found

  // The smallest move found four times in five at significance `p`: of shares and mixes in points, of levels
  // and distributions relative to the earlier level.
  double Reach(double p) const;
};

// Of all signals of a verdict. Each stays where it is: moving a hundred thousand takes as long as a screen.
using Family = std::deque<Evidence>;

// Failures and refusals are of the service's own making, whoever asks; that clients ask again comes of them.
bool IsFailure(const Evidence& evidence);

Evidence EvidenceOf(const Series& series, const Windows& windows, const Settings& settings);

// Weighs a series of its kind: rates.cc, evidence.cc (levels), distributions.cc and mixes.cc.
void WeighRate(const Series& series, const Windows& windows, const Settings& settings, Evidence& evidence);
void WeighLevel(const Series& series, const Windows& windows, const Settings& settings, Evidence& evidence);
void WeighDistribution(const Series& series, const Windows& windows, const Settings& settings,
                       Evidence& evidence);
void WeighMix(const Series& series, const Windows& windows, const Settings& settings, Evidence& evidence);
// How the shape of a distribution changed as a whole, beside the quantile that moved most.
void TakeShape(const Series& series, const sketch::Histogram& before, const sketch::Histogram& after,
               Evidence& evidence);
// What the category of a mix is; empty where it is not to be said.
std::string CategoryValue(const Series& series, const std::string& category);

// Fills what a share's judgement says about the signal's data: standing, counts and dates.
void TakeStanding(const ShareTrack& track, const ShareJudgement& judgement, const Windows& windows,
                  Evidence& evidence);
// Whether a share moved by at least the minimum effect.
bool ShareMovedEnough(double from, double to, const Settings& settings);
// The smallest move of a share that may be enough.
double ShareMoveMin(double from, const Settings& settings);

}  // namespace fieldmark::judge
