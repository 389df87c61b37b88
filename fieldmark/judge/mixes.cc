// Mixes: which categories, how often. Each category's share is judged like any other share; the one that
// moved most for its size speaks for the mix, at the price of as many tests as there are categories.
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <unordered_map>

#include "fieldmark/judge/evidence.h"

namespace fieldmark::judge {
namespace {

constexpr double kVariationMin = 0.05;  // total variation below which a changed mix is not worth a word
constexpr size_t kCategoriesExamined = 3;
constexpr double kBeyondDoubt = 1e-6;
constexpr size_t kEnumValuesMax = 32;        // taste: with more, one that comes for the first time is no news
constexpr double kConstantBeforeMax = 0.95;  // of documents: with more it was hardly less constant before
constexpr double kMost = 0.5;

// Of one category: in which steps it was, in how many documents.
struct Category {
  struct Entry {
    size_t step;
    double documents;
  };
  std::string name;
  std::vector<Entry> entries;
};

struct Table {
  std::vector<double> documents;  // a step
  std::vector<Category> categories;
};

Table TableOf(const Series& series) {
  Table table;
  table.documents.resize(series.mixes.size());
  std::unordered_map<std::string_view, size_t> numbers;
  const auto counts = [](double count) { return count > 0 && count <= kCountMax; };
  for (size_t step = 0; step < series.mixes.size(); ++step) {
    double sum = 0;
    for (const auto& [category, count] : series.mixes[step]) sum += counts(count) ? count : 0;
    // An array's items are one document's.
    const bool weighed = step < series.weights.size() && series.weights[step] > 0;
    const double each = weighed && sum > 0 ? std::min(1.0, series.weights[step] / sum) : 1;
    table.documents[step] = sum * each;
    for (const auto& [category, count] : series.mixes[step]) {
      if (!counts(count)) continue;
      const auto [at, is_new] = numbers.try_emplace(category, numbers.size());
      if (is_new) table.categories.push_back({category, {}});
      table.categories[at->second].entries.push_back({step, count * each});
    }
  }
  if (table.categories.empty()) table.categories.emplace_back();  // of nothing there is one, and nowhere
  return table;
}

struct Totals {
  std::vector<double> before, after;  // by category
  double documents_before = 0;
  double documents_after = 0;
  // By category: documents before the step that first had it; no step before the change did: none.
  std::vector<double> documents_unseen;
};

Totals TotalsOf(const Table& table, const Windows& windows) {
  Totals totals;
  const size_t steps = std::min(table.documents.size(), windows.after().to);
  std::vector<double> documents_until(steps);
  for (size_t step = 0; step < steps; ++step) {
    const bool is_after = step >= windows.after().from;
    documents_until[step] = totals.documents_before;
    if (windows.clean(step))
      (is_after ? totals.documents_after : totals.documents_before) += table.documents[step];
  }
  for (const Category& category : table.categories) {
    double& before = totals.before.emplace_back();
    double& after = totals.after.emplace_back();
    double& unseen = totals.documents_unseen.emplace_back(-1);
    for (const Category::Entry& entry : category.entries) {
      if (entry.step >= steps || !windows.clean(entry.step)) continue;
      const bool is_after = entry.step >= windows.after().from;
      (is_after ? after : before) += entry.documents;
      if (!is_after && unseen < 0) unseen = documents_until[entry.step];
    }
  }
  return totals;
}

double Part(double count, double documents) { return documents > 0 ? count / documents : 0; }

// Categories that moved most, were there no drift.
std::vector<uint32_t> Ranked(const Totals& totals, double& variation) {
  std::vector<std::pair<double, uint32_t>> ranked;
  variation = 0;
  for (uint32_t category = 0; category < totals.before.size(); ++category) {
    const double move = std::abs(Part(totals.after[category], totals.documents_after) -
                                 Part(totals.before[category], totals.documents_before));
    const double share = (totals.before[category] + totals.after[category] + 0.5) /
                         (totals.documents_before + totals.documents_after + 1);
    variation += move / 2;
    ranked.emplace_back(-move / std::sqrt(share * (1 - share) + 1e-12), category);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<uint32_t> categories;
  for (const auto& [z, category] : ranked) categories.push_back(category);
  return categories;
}

ShareTrack TrackOf(const Table& table, const Windows& windows, uint32_t category) {
  std::vector<double> events(table.documents.size());
  for (const Category::Entry& entry : table.categories[category].entries) {
    events[entry.step] += entry.documents;
  }
  return ShareTrack(events, table.documents, windows);
}

// Whether the field is one of few values, all of which the first half of the past has shown: what comes then
// is new, and not merely rare.
bool KnowsItsValues(const Totals& totals, uint32_t category) {
  if (totals.before.size() > kEnumValuesMax) return false;
  for (uint32_t other = 0; other < totals.before.size(); ++other) {
    if (other != category && totals.documents_unseen[other] > totals.documents_before / 2) return false;
  }
  return true;
}

Structure StructureOf(const Tally& before, const Tally& after) {
  if (after.events >= after.documents && before.share() < kConstantBeforeMax) return Structure::kConstant;
  if (after.share() >= kMost && before.share() < kMost) return Structure::kDominates;
  return before.events <= 0 ? Structure::kFirst : Structure::kNone;
}

}  // namespace

std::string CategoryValue(const Series& series, const std::string& category) {
  const auto known = series.category_values.find(category);
  return known == series.category_values.end() ? "" : known->second;
}

void WeighMix(const Series& series, const Windows& windows, const Settings& settings, Evidence& evidence) {
  const Table table = TableOf(series);
  const Totals totals = TotalsOf(table, windows);
  double variation = 0;
  std::vector<uint32_t> ranked = Ranked(totals, variation);
  ranked.resize(std::min(ranked.size(), kCategoriesExamined));

  double best_p = 2;
  for (const uint32_t category : ranked) {
    const ShareTrack track = TrackOf(table, windows, category);
    const ShareJudgement judgement = JudgeShare(track, windows);
    const double from = judgement.test.before.share();
    const double to = judgement.after.share();
    const double new_p = NewValueP(track, windows, KnowsItsValues(totals, category));
    const bool moved = (new_p < 1 || variation >= kVariationMin) && ShareMovedEnough(from, to, settings);
    const double part_p = std::min(judgement.p, new_p);
    const double p = moved ? std::min(1.0, part_p * static_cast<double>(table.categories.size())) : 1;
    // Where one value goes another comes, which says more.
    const bool came_as_surely = judgement.up && !evidence.up && p <= kBeyondDoubt;
    if (p >= best_p && !came_as_surely) continue;
    best_p = p;
    TakeStanding(track, judgement, windows, evidence);
    evidence.p = p;
    evidence.from = from;
    evidence.to = to;
    evidence.category = CategoryValue(series, table.categories[category].name);
    evidence.suspected_at_most = from <= 0 && judgement.after.events < kFirstEventsMin;
    evidence.structure = StructureOf(track.Over(windows.before()), judgement.after);
  }
  evidence.effect = variation;
  evidence.reach_min = std::max(kVariationMin, ShareMoveMin(evidence.from, settings));
  evidence.tests = static_cast<double>(table.categories.size());
}

}  // namespace fieldmark::judge
