// Tail probabilities: how often would chance alone give this much? Every function is pure; STATISTICS.md has
// the formulas.
#pragma once

namespace fieldmark::judge {

// Standard deviations: what is expected so far beyond a limit passes it four times in five.
inline constexpr double kFourInFive = 0.84;

// P(T > t) of Student's t with `dof` degrees of freedom, t of either sign.
double StudentUpper(double t, double dof);

// The z that a standard normal exceeds with probability `p`, 0 < p < 1.
double NormalQuantileUpper(double p);

// The value that a chi-square of `dof` degrees of freedom stays below with probability 10 %: dividing a sum
// of squares by it gives an upper 90 % limit of the variance.
double ChiSquareLowerTenth(double dof);

// Events among `trials` documents whose share varies between windows as a beta distribution does: with mean
// `mean` in (0, 1) and `correlation` = Var(share) / (mean · (1 − mean)) in (0, 1).
struct BetaBinomial {
  double trials = 0;
  double mean = 0.5;
  double correlation = 0;
};
// Mid-p: P(X > events) + P(X = events) / 2, and its mirror. Above about 5 000 standard-deviation events the
// window is scaled down to that size, which can only make the answer larger.
double UpperMidP(const BetaBinomial& distribution, double events);
double LowerMidP(const BetaBinomial& distribution, double events);

// A count whose rate varies between windows as a gamma distribution does: with mean `mean` > 0 and
// `dispersion` = Var(rate) / mean², of zero or more.
struct GammaPoisson {
  double mean = 1;
  double dispersion = 0;
};
// Mid-p, for means of a few hundred at most; above a hundred thousand events the answer is zero.
double UpperMidP(const GammaPoisson& distribution, double events);
double LowerMidP(const GammaPoisson& distribution, double events);

// Fisher's noncentral hypergeometric: mid-p of at least `after_events` of `after` documents, given the events
// of both sides, when the odds after are `odds` times those before. Above 1e9 documents both sides are scaled
// down to that, which can only make the answer larger.
double OddsUpperMidP(double after_events, double after, double before_events, double before, double odds);

}  // namespace fieldmark::judge
