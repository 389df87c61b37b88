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

// A series' mixes without their maps: categories numbered, counts in documents.
struct Table {
  struct Entry {
    uint32_t category;
    double documents;
  };
  std::vector<double> documents;  // a step
  std::vector<std::vector<Entry>> steps;
  std::vector<std::string> names;  // by category
  size_t categories = 0;
};

Table TableOf(const Series& series) {
  Table table;
  std::unordered_map<std::string_view, uint32_t> numbers;
  for (size_t step = 0; step < series.mixes.size(); ++step) {
    std::vector<Table::Entry>& entries = table.steps.emplace_back();
    double sum = 0;
    for (const auto& [category, count] : series.mixes[step]) {
      if (!(count > 0) || count > kCountMax) continue;
      const auto [at, is_new] = numbers.try_emplace(category, static_cast<uint32_t>(numbers.size()));
      const uint32_t number = at->second;
      if (is_new) table.names.push_back(category);
      entries.push_back({number, count});
      sum += count;
    }
    // An array's items are one document's.
    const bool weighed = step < series.weights.size() && series.weights[step] > 0;
    const double each = weighed && sum > 0 ? std::min(1.0, series.weights[step] / sum) : 1;
    for (Table::Entry& entry : entries) entry.documents *= each;
    table.documents.push_back(sum * each);
  }
  if (table.names.empty()) table.names.emplace_back();  // of nothing there is one, and nowhere
  table.categories = table.names.size();
  return table;
}

struct Totals {
  std::vector<double> before, after;  // by category
  double documents_before = 0;
  double documents_after = 0;
};

Totals TotalsOf(const Table& table, const Windows& windows) {
  Totals totals;
  totals.before.resize(table.categories);
  totals.after.resize(table.categories);
  for (size_t step = 0; step < std::min(table.steps.size(), windows.after().to); ++step) {
    if (!windows.clean(step)) continue;
    const bool is_after = step >= windows.after().from;
    for (const Table::Entry& entry : table.steps[step]) {
      (is_after ? totals.after : totals.before)[entry.category] += entry.documents;
    }
    (is_after ? totals.documents_after : totals.documents_before) += table.documents[step];
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
  std::vector<double> events(table.steps.size());
  for (size_t step = 0; step < table.steps.size(); ++step) {
    for (const Table::Entry& entry : table.steps[step]) {
      if (entry.category == category) events[step] += entry.documents;
    }
  }
  return ShareTrack(events, table.documents, windows);
}

// Whether the field is one of few values, all of which the first half of the past has shown: what comes then
// is new, and not merely rare.
bool KnowsItsValues(const Table& table, double documents_before, const Windows& windows, uint32_t category) {
  if (table.categories > kEnumValuesMax) return false;
  std::vector<bool> seen(table.categories);
  double documents = 0;
  for (size_t step = 0; step < std::min(table.steps.size(), windows.before().to); ++step) {
    if (!windows.clean(step)) continue;
    for (const Table::Entry& entry : table.steps[step]) {
      if (!seen[entry.category] && entry.category != category && documents > documents_before / 2)
        return false;
      seen[entry.category] = true;
    }
    documents += table.documents[step];
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
    const double new_p =
        NewValueP(track, windows, KnowsItsValues(table, totals.documents_before, windows, category));
    const bool moved = (new_p < 1 || variation >= kVariationMin) && ShareMovedEnough(from, to, settings);
    const double part_p = std::min(judgement.p, new_p);
    const double p = moved ? std::min(1.0, part_p * static_cast<double>(table.categories)) : 1;
    // Where one value goes another comes, which says more.
    const bool came_as_surely = judgement.up && !evidence.up && p <= kBeyondDoubt;
    if (p >= best_p && !came_as_surely) continue;
    best_p = p;
    TakeStanding(track, judgement, windows, evidence);
    evidence.p = p;
    evidence.from = from;
    evidence.to = to;
    evidence.category = CategoryValue(series, table.names[category]);
    evidence.suspected_at_most = from <= 0 && judgement.after.events < kFirstEventsMin;
    evidence.structure = StructureOf(track.Over(windows.before()), judgement.after);
  }
  evidence.effect = variation;
  evidence.reach_min = std::max(kVariationMin, ShareMoveMin(evidence.from, settings));
  evidence.tests = static_cast<double>(table.categories);
}

}  // namespace fieldmark::judge
