#include "fieldmark/judge/side_by_side.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fieldmark/judge/dating.h"

namespace fieldmark::judge {
namespace {

constexpr double kHalf = 0.5;            // of the move, as for what a week ago had (STATISTICS.md)
constexpr double kBackWithin = 0.35;     // of the move: as good as not moved (dating.cc)
constexpr double kBesideShareMin = 0.1;  // of the new version's documents; with fewer there is no beside
// Between the shares of both versions in the same minutes. Decoys of a slow roll-out, of which 3 of 20 were
// called Changed without it.
constexpr double kApartZ = 3;

double Moved(const Evidence& earlier, const Evidence& evidence) {
  return earlier.up == evidence.up ? std::abs(earlier.effect) / std::max(std::abs(evidence.effect), 1e-12)
                                   : 0;
}

// Whether both differ by more than chance. Only shares say how much that is.
bool TellApart(const Evidence& earlier, const Evidence& evidence) {
  if (evidence.kind != Kind::kRate) return Moved(earlier, evidence) < kBackWithin;
  const double n = evidence.documents_after;
  const double n_earlier = earlier.documents_after;
  const double share = (evidence.to * n + earlier.to * n_earlier + 0.5) / (n + n_earlier + 1);
  const double error = std::sqrt(share * (1 - share) * (1 / n + 1 / n_earlier));
  return std::abs(evidence.to - earlier.to) >= kApartZ * error;
}

// The elements from the change on come from `beside`, or are `none` where it has none.
template <class Values>
void Replace(Values& values, const Values& beside, size_t change, const typename Values::value_type& none) {
  for (size_t step = change; step < values.size(); ++step) {
    values[step] = step < beside.size() ? beside[step] : none;
  }
}

}  // namespace

Series EarlierVersionOf(const Series& series, const Windows& windows) {
  Series earlier = series;
  const Series& beside = *series.beside;
  const size_t change = windows.after().from;
  Replace(earlier.values, beside.values, change, std::numeric_limits<double>::quiet_NaN());
  Replace(earlier.weights, beside.weights, change, 0.0);
  Replace(earlier.numerators, beside.numerators, change, 0.0);
  Replace(earlier.variances, beside.variances, change, 0.0);
  for (size_t step = change; step < earlier.distributions.size(); ++step) {
    const bool is_there = step < beside.distributions.size();
    earlier.distributions.Set(step, is_there ? beside.distributions[step] : sketch::Histogram{});
  }
  Replace(earlier.mixes, beside.mixes, change, {});
  return earlier;
}

void CompareSideBySide(const Evidence& earlier, Evidence& evidence) {
  if (!evidence.qualifier.empty() && evidence.qualifier != kMixChanged) return;
  if (earlier.documents_after < kBesideShareMin * evidence.documents_after) return;
  const double moved = Moved(earlier, evidence);
  const bool apart = TellApart(earlier, evidence);
  if ((moved >= kHalf && earlier.p <= kWorthDating) || (moved > 0 && !apart)) {
    evidence.qualifier = kEnvironmentMoved;
  } else {
    evidence.qualifier = apart && moved < kHalf ? kSideBySide : std::string_view();
  }
}

}  // namespace fieldmark::judge
