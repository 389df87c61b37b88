#include "fieldmark/judge/mixture.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace fieldmark::judge {
namespace {

// Of the mean square: controls that are the same by chance have no weights of their own.
constexpr double kRidge = 1e-6;

using Matrix = std::array<Differences, kControlCount>;

Matrix ProductsOf(const std::vector<Differences>& placebos) {
  Matrix products{};
  for (const Differences& one : placebos) {
    for (size_t i = 0; i < kControlCount; ++i) {
      for (size_t j = 0; j < kControlCount; ++j) products[i][j] += one[i] * one[j];
    }
  }
  return products;
}

// products · weights = (1, …, 1) over the usable controls, by elimination: positive definite, so without
// pivots.
Weights Solved(Matrix products, const std::array<bool, kControlCount>& usable) {
  Weights right{};
  for (size_t i = 0; i < kControlCount; ++i) right[i] = usable[i] ? 1 : 0;
  for (size_t i = 0; i < kControlCount; ++i) {
    if (!usable[i]) continue;
    for (size_t j = i + 1; j < kControlCount; ++j) {
      if (!usable[j]) continue;
      const double factor = products[j][i] / products[i][i];
      for (size_t k = i; k < kControlCount; ++k) products[j][k] -= factor * products[i][k];
      right[j] -= factor * right[i];
    }
  }
  Weights weights{};
  for (size_t i = kControlCount; i-- > 0;) {
    if (!usable[i]) continue;
    double rest = right[i];
    for (size_t k = i + 1; k < kControlCount; ++k) rest -= products[i][k] * weights[k];
    weights[i] = rest / products[i][i];
  }
  return weights;
}

}  // namespace

Weights Only(size_t control) {
  Weights weights{};
  weights[control] = 1;
  return weights;
}

Weights SteadiestMixture(const std::vector<Differences>& placebos,
                         const std::array<bool, kControlCount>& usable) {
  Matrix products = ProductsOf(placebos);
  double squares = 0;
  for (size_t i = 0; i < kControlCount; ++i) squares += usable[i] ? products[i][i] : 0;
  for (size_t i = 0; i < kControlCount; ++i) products[i][i] += kRidge * squares + 1e-300;

  // What would be used against itself is left out, the worst first.
  std::array<bool, kControlCount> used = usable;
  for (size_t round = 0; round < kControlCount; ++round) {
    Weights weights = Solved(products, used);
    double sum = 0;
    for (const double weight : weights) sum += weight;
    for (double& weight : weights) weight /= sum;
    const auto least = std::min_element(weights.begin(), weights.end());
    if (*least >= 0) return weights;
    used[static_cast<size_t>(least - weights.begin())] = false;
  }
  return Only(0);
}

}  // namespace fieldmark::judge
