#include "fieldmark/judge/tails.h"

#include <algorithm>
#include <cmath>

namespace fieldmark::judge {
namespace {

constexpr double kNegligible = 1e-17;
constexpr double kOverwhelming =
    1e290;                              // the rest of the distribution outweighs this point: the tail is zero
constexpr double kDeviationMax = 5000;  // events; bounds the terms of a sum
constexpr double kDocumentsMax = 1e9;   // likewise, and beyond them one more would not count
constexpr double kCountedMax = 100'000;  // events
constexpr double kDispersionMin = 1e-9;
constexpr double kCorrelationMin = 1e-12;
constexpr double kCorrelationMax = 0.5;  // beyond, a beta distribution is two spikes

// The continued fraction of the incomplete beta function, by Lentz's method.
double BetaFraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  double c = 1;
  double d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < kTiny ? kTiny : d);
  double value = d;
  for (int m = 1; m <= 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double change = 1;
    for (const double term : {even, odd}) {
      d = 1 + term * d;
      c = 1 + term / c;
      d = 1 / (std::abs(d) < kTiny ? kTiny : d);
      if (std::abs(c) < kTiny) c = kTiny;
      change = c * d;
      value *= change;
    }
    if (std::abs(change - 1) < 1e-14) break;
  }
  return value;
}

double IncompleteBeta(double x, double a, double b) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * BetaFraction(x, a, b) / a;
  return 1 - front * BetaFraction(1 - x, b, a) / b;
}

// Σ of a discrete distribution's weights on one side of a point, in units of the point's own weight.
// `ratio(x)` is weight(next x) / weight(x), walking away from the point.
template <class Ratio>
double SideWeight(double steps, Ratio ratio, bool may_rise_again) {
  double weight = 1;
  double sum = 0;
  for (double step = 0; step < steps; ++step) {
    const double factor = ratio(step);
    weight *= factor;
    sum += weight;
    if (sum > kOverwhelming) break;
    if (!may_rise_again && factor < 1 && weight < kNegligible * (1 + sum)) break;
  }
  return sum;
}

double MidP(double above, double below) {
  if (below > kOverwhelming) return 0;
  if (above > kOverwhelming) return 1;
  return (above + 0.5) / (above + below + 1);
}

}  // namespace

double StudentUpper(double t, double dof) {
  if (!(dof > 0)) return 0.5;
  const double half_outside = 0.5 * IncompleteBeta(dof / (dof + t * t), dof / 2, 0.5);
  return t >= 0 ? half_outside : 1 - half_outside;
}

double NormalQuantileUpper(double p) {
  double low = -40;
  double high = 40;
  for (int i = 0; i < 80; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(middle / std::sqrt(2.0)) > p ? low : high) = middle;
  }
  return low;
}

double ChiSquareLowerTenth(double dof) {
  // Wilson and Hilferty 1931; for two and one degrees of freedom it is exact to a few per cent with these
  // limits.
  if (dof < 1) return 0.0158 * std::max(dof, 0.05);
  if (dof < 3) return dof < 2 ? 0.0158 + (dof - 1) * 0.195 : 0.211 + (dof - 2) * 0.373;
  constexpr double kTenth = -1.2815515655446004;
  const double spread = 2 / (9 * dof);
  return dof * std::pow(1 - spread + kTenth * std::sqrt(spread), 3);
}

double UpperMidP(const BetaBinomial& distribution, double events) {
  const double mean = std::clamp(distribution.mean, 1e-15, 1 - 1e-15);
  const double correlation = std::clamp(distribution.correlation, kCorrelationMin, kCorrelationMax);
  double trials = distribution.trials;
  const double deviation = std::sqrt(trials * mean * (1 - mean) * (1 + (trials - 1) * correlation));
  if (deviation > kDeviationMax) {
    events *= kDeviationMax / deviation;
    trials *= kDeviationMax / deviation;
  }
  trials = std::round(trials);
  events = std::clamp(events > trials * mean ? std::floor(events) : std::ceil(events), 0.0, trials);

  const double a = mean * (1 / correlation - 1);
  const double b = (1 - mean) * (1 / correlation - 1);
  const double x0 = events;
  const auto up = [&](double step) {
    const double x = x0 + step;
    return (trials - x) / (x + 1) * (x + a) / (trials - x - 1 + b);
  };
  const auto down = [&](double step) {
    const double x = x0 - step;
    return x / (trials - x + 1) * (trials - x + b) / (x - 1 + a);
  };
  return MidP(SideWeight(trials - x0, up, b < 1), SideWeight(x0, down, a < 1));
}

double LowerMidP(const BetaBinomial& distribution, double events) {
  return UpperMidP({distribution.trials, 1 - distribution.mean, distribution.correlation},
                   distribution.trials - events);
}

double UpperMidP(const GammaPoisson& distribution, double events) {
  if (events > kCountedMax) return 0;
  const double shape = 1 / std::max(distribution.dispersion, kDispersionMin);
  const double per_event = distribution.mean / (distribution.mean + shape);
  const double x0 = std::max(0.0, std::floor(events));
  const auto up = [&](double step) { return (x0 + step + shape) / (x0 + step + 1) * per_event; };
  const auto down = [&](double step) { return (x0 - step) / ((x0 - step - 1 + shape) * per_event); };
  // Rates more varied than an exponential's have most of their weight at zero.
  return MidP(SideWeight(kCountedMax, up, false), SideWeight(x0, down, shape < 1));
}

double LowerMidP(const GammaPoisson& distribution, double events) {
  return 1 - UpperMidP(distribution, events);
}

double OddsUpperMidP(double after_events, double after, double before_events, double before, double odds) {
  const double scale = std::min(1.0, kDocumentsMax / std::max(after, before));
  after_events *= scale;
  before_events *= scale;
  after = std::round(after * scale);
  before = std::round(before * scale);
  const double x0 = std::clamp(std::floor(after_events), 0.0, after);
  const double total = x0 + std::clamp(std::ceil(before_events), 0.0, before);
  const auto up = [&](double step) {
    const double x = x0 + step;
    return (after - x) * (total - x) / ((x + 1) * (before - total + x + 1)) * odds;
  };
  const auto down = [&](double step) {
    const double x = x0 - step;
    return x * (before - total + x) / ((after - x + 1) * (total - x + 1)) / odds;
  };
  const double highest = std::min(after, total);
  const double lowest = std::max(0.0, total - before);
  return MidP(SideWeight(highest - x0, up, false), SideWeight(x0 - lowest, down, false));
}

}  // namespace fieldmark::judge
