// Mixes: which categories, how often. Each category's share is judged like any other share; the one that
// moved most for its size speaks for the mix, at the price of as many tests as there are categories.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "fieldmark/judge/evidence.h"

namespace fieldmark::judge {
namespace {

constexpr double kVariationMin = 0.05;  // total variation below which a changed mix is not worth a word
constexpr size_t kCategoriesExamined = 3;

struct Totals {
  std::map<std::string, double> before, after;
  double documents_before = 0;
  double documents_after = 0;
};

double Sum(const std::map<std::string, double>& mix) {
  double sum = 0;
  for (const auto& [category, count] : mix) {
    if (count > 0 && std::isfinite(count)) sum += count;
  }
  return sum;
}

// Documents behind each occurrence of a step: an array's items are one document's.
double DocumentsEach(const Series& series, size_t step) {
  const double count = Sum(series.mixes[step]);
  if (count <= 0) return 0;
  if (step >= series.weights.size() || !(series.weights[step] > 0)) return 1;
  return std::min(1.0, series.weights[step] / count);
}

Totals TotalsOf(const Series& series, const Windows& windows) {
  Totals totals;
  for (size_t step = 0; step < std::min(series.mixes.size(), windows.after().to); ++step) {
    if (!windows.clean(step)) continue;
    const bool is_after = step >= windows.after().from;
    const double each = DocumentsEach(series, step);
    for (const auto& [category, count] : series.mixes[step]) {
      if (!(count > 0) || !std::isfinite(count)) continue;
      (is_after ? totals.after : totals.before)[category] += count * each;
      (is_after ? totals.documents_after : totals.documents_before) += count * each;
    }
  }
  return totals;
}

double ShareOf(const std::map<std::string, double>& counts, const std::string& category, double documents) {
  const auto found = counts.find(category);
  return found == counts.end() || documents <= 0 ? 0 : found->second / documents;
}

struct Candidate {
  std::string category;
  double z = 0;
};

// All categories, those first that moved most were there no drift; and the total variation between the sides.
std::vector<Candidate> Ranked(const Totals& totals, double& variation) {
  std::map<std::string, double> both = totals.before;
  for (const auto& [category, count] : totals.after) both[category] += count;
  std::vector<Candidate> ranked;
  variation = 0;
  for (const auto& [category, count] : both) {
    const double before = ShareOf(totals.before, category, totals.documents_before);
    const double after = ShareOf(totals.after, category, totals.documents_after);
    const double share = (count + 0.5) / (totals.documents_before + totals.documents_after + 1);
    variation += std::abs(after - before) / 2;
    ranked.push_back({category, std::abs(after - before) / std::sqrt(share * (1 - share) + 1e-12)});
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.z > b.z; });
  return ranked;
}

ShareTrack TrackOf(const Series& series, const Windows& windows, const std::string& category) {
  std::vector<double> events(series.mixes.size());
  std::vector<double> documents(series.mixes.size());
  for (size_t step = 0; step < series.mixes.size(); ++step) {
    const double each = DocumentsEach(series, step);
    documents[step] = Sum(series.mixes[step]) * each;
    const auto found = series.mixes[step].find(category);
    if (found != series.mixes[step].end()) events[step] = found->second * each;
  }
  return ShareTrack(events, documents, windows);
}

}  // namespace

void WeighMix(const Series& series, const Windows& windows, const Settings& settings, Evidence& evidence) {
  const Totals totals = TotalsOf(series, windows);
  double variation = 0;
  std::vector<Candidate> ranked = Ranked(totals, variation);
  if (ranked.empty()) ranked.push_back({});
  const auto categories = static_cast<double>(ranked.size());
  ranked.resize(std::min(ranked.size(), kCategoriesExamined));

  double best_p = 2;
  for (const Candidate& candidate : ranked) {
    const ShareTrack track = TrackOf(series, windows, candidate.category);
    const ShareJudgement judgement = JudgeShare(track, windows);
    const double from = judgement.test.before.share();
    const double to = judgement.after.share();
    const bool moved = variation >= kVariationMin && ShareMovedEnough(from, to, settings);
    const double p = moved ? std::min(1.0, judgement.p * categories) : 1;
    if (p >= best_p) continue;
    best_p = p;
    TakeStanding(track, judgement, windows, evidence);
    evidence.p = p;
    evidence.from = from;
    evidence.to = to;
    evidence.suspected_at_most = from <= 0 && judgement.after.events < 5;
  }
  evidence.effect = variation;
  evidence.tests = categories;
}

}  // namespace fieldmark::judge
