#include "fieldmark/judge/lots.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "fieldmark/judge/evidence.h"
#include "fieldmark/judge/family.h"
#include "fieldmark/judge/findings.h"
#include "fieldmark/judge/signals.h"
#include "fieldmark/judge/words.h"
#include "fieldmark/profile/path.h"
#include "fieldmark/profile/reading.h"

namespace fieldmark::judge {
namespace {

using profile::FieldCounts;
using profile::Fields;
using sketch::Histogram;

constexpr double kVariationMin = 0.05;  // total variation below which a changed mix is not worth a word
constexpr double kBeyondDoubt = 1e-6;
constexpr size_t kBefore = 0;
constexpr size_t kAfter = 1;

struct Sides {
  Fields before;
  Fields after;
};

// The judge's exact test, asked whether the odds moved at all.
ShareTest TestOf(const Tally& before, const Tally& after) {
  ShareTest test;
  test.documents_after = after.documents;
  test.before = before;
  test.expected = before.share();
  test.short_history = true;
  test.odds_bound = 1;
  return test;
}

double ProbabilityOf(const Tally& before, const Tally& after) {
  return TestOf(before, after).ProbabilityOf(after.events);
}

void TakeSides(const Tally& before, const Tally& after, Evidence& evidence) {
  evidence.n_before = before.documents;
  evidence.n_after = after.documents;
  evidence.documents_after = after.documents;
  evidence.documents_expected = before.documents;
  evidence.up = after.share() > before.share();
  evidence.test = TestOf(before, after);
  evidence.standing = before.documents < kDocumentsMin  ? Standing::kCannotCompare
                      : after.documents < kDocumentsMin ? Standing::kNotEnough
                                                        : Standing::kJudged;
}

// ---- shares

void WeighShare(const Tally& before, const Tally& after, const Settings& settings, Evidence& evidence) {
  TakeSides(before, after, evidence);
  evidence.from = before.share();
  evidence.to = after.share();
  evidence.effect = evidence.to - evidence.from;
  evidence.reach_min = ShareMoveMin(evidence.from, settings);
  evidence.p = ShareMovedEnough(evidence.from, evidence.to, settings) ? ProbabilityOf(before, after) : 1;
  const double first_events = before.events <= 0                  ? after.events
                              : before.events >= before.documents ? after.documents - after.events
                                                                  : kFirstEventsMin;
  evidence.suspected_at_most = first_events < kFirstEventsMin;
}

double DocumentsEach(const FieldCounts& counts) {
  if (counts.seen == 0) return 0;
  return std::min(1.0, static_cast<double>(counts.documents) / static_cast<double>(counts.seen));
}

// How many of the documents with the object miss the member, at the least and at the most.
struct MissingTally {
  Tally min, max;
};

MissingTally MissingOf(const Fields& fields, const std::string& path) {
  const profile::Missing missing = profile::MissingOf(fields, path);
  const auto parent = fields.find(profile::ParentPath(path));
  const double each = parent == fields.end() ? 0 : DocumentsEach(parent->second.counts);
  const double documents = each * static_cast<double>(missing.objects);
  return {{each * static_cast<double>(missing.min), documents},
          {each * static_cast<double>(missing.max), documents}};
}

void WeighMissing(const Sides& sides, const std::string& path, const Settings& settings, Evidence& evidence) {
  const MissingTally before = MissingOf(sides.before, path);
  const MissingTally after = MissingOf(sides.after, path);
  const bool rose = after.min.share() > before.max.share();
  const bool fell = after.max.share() < before.min.share();
  const bool apart = rose || fell;
  const Tally& nearer_before = fell ? before.min : before.max;
  const Tally& nearer_after = rose ? after.min : after.max;
  WeighShare(nearer_before, nearer_after, settings, evidence);
  if (!apart) evidence.p = 1;

  // What would be said if no key had been folded.
  Evidence unfolded = evidence;
  WeighShare(before.max, after.max, settings, unfolded);
  if (evidence.p > settings.suspected_q && unfolded.p <= settings.false_alarm_budget) {
    evidence.standing = Standing::kCannotCompare;
  }
  const bool vanished = nearer_after.events >= nearer_after.documents;
  const double expected = (1 - nearer_before.share()) * nearer_after.documents;
  if (vanished && expected < settings.vanished_expected_min) evidence.p = 1;
}

// ---- distributions

// A bucket's place on one line: negative magnitudes, zero, positive ones.
template <class Visit>
void ForEachBucket(const Histogram& histogram, int scale, Visit visit) {
  constexpr int64_t kOffset = int64_t{1} << 20;  // above any bucket index
  const int shift = histogram.scale() - scale;
  for (const auto& bucket : histogram.negative())
    visit(-kOffset - (int64_t{bucket.index} >> shift), bucket.count);
  if (histogram.zero_count() > 0) visit(int64_t{0}, histogram.zero_count());
  for (const auto& bucket : histogram.positive())
    visit(kOffset + (int64_t{bucket.index} >> shift), bucket.count);
}

int64_t PlaceOfQuantile(const Histogram& histogram, double q) {
  std::map<int64_t, double> counts;
  ForEachBucket(histogram, histogram.scale(),
                [&](int64_t place, uint64_t count) { counts[place] += static_cast<double>(count); });
  double below = 0;
  for (const auto& [place, count] : counts) {
    below += count;
    if (below >= q * static_cast<double>(histogram.count())) return place;
  }
  return counts.empty() ? 0 : counts.rbegin()->first;
}

// Documents with values beyond `place`, of all with values.
Tally Beyond(const Histogram& histogram, double documents, int scale, int64_t place, bool above) {
  double beyond = 0;
  ForEachBucket(histogram, scale, [&](int64_t at, uint64_t count) {
    if (above ? at > place : at < place) beyond += static_cast<double>(count);
  });
  const auto values = static_cast<double>(histogram.count());
  return {values > 0 ? beyond / values * documents : 0, documents};
}

struct Threshold {
  double quantile;
  bool above;
  const char* name;
};
constexpr Threshold kThresholds[] = {{0.5, true, "median"},
                                     {0.5, false, "median"},
                                     {0.9, true, "90th percentile"},
                                     {0.1, false, "10th percentile"}};

double Spread(const Histogram& before) {
  const double range = before.Quantile(0.75) - before.Quantile(0.25);
  return std::max({range, 0.05 * std::abs(before.Quantile(0.5)), 1e-12});
}

// Thresholds are those of both sides together, so that under the null a share beyond one is as Fisher's test
// assumes it.
void WeighDistribution(const Series& series, const Settings& settings, Evidence& evidence) {
  const Histogram& before = series.distributions[kBefore];
  const Histogram& after = series.distributions[kAfter];
  TakeSides({0, series.weights[kBefore]}, {0, series.weights[kAfter]}, evidence);
  evidence.tests = std::size(kThresholds);
  if (before.empty() || after.empty()) return;
  Histogram both = before;
  both.Merge(after);
  const double spread = Spread(before);
  double best = 2;
  for (const Threshold& threshold : kThresholds) {
    const int64_t place = PlaceOfQuantile(both, threshold.quantile);
    const Tally from = Beyond(before, series.weights[kBefore], both.scale(), place, threshold.above);
    const Tally to = Beyond(after, series.weights[kAfter], both.scale(), place, threshold.above);
    const double quantile_before = before.Quantile(threshold.quantile);
    const double quantile_after = after.Quantile(threshold.quantile);
    const double move = quantile_after - quantile_before;
    const bool enough = std::abs(move) >= settings.distribution_effect_min * spread;
    const double p = enough ? std::min(1.0, evidence.tests * ProbabilityOf(from, to)) : 1;
    if (p >= best) continue;
    best = p;
    TakeSides(from, to, evidence);
    evidence.p = p;
    evidence.from = quantile_before;
    evidence.to = quantile_after;
    evidence.up = move > 0;
    evidence.effect = move / spread;
    evidence.quantile = threshold.name;
  }
  TakeShape(series, before, after, evidence);
  const double median = std::abs(before.Quantile(0.5));
  evidence.reach_min = median > 0 ? settings.distribution_effect_min * spread / median : 1;
  constexpr int kQuantiles = 32;
  for (int i = 1; i < kQuantiles; ++i) {
    evidence.past_quantiles.push_back(
        static_cast<float>(before.Quantile(static_cast<double>(i) / kQuantiles)));
  }
}

// ---- mixes

Tally OfCategory(const std::map<std::string, double>& mix, const std::string& category, double documents) {
  double values = 0;
  for (const auto& [name, count] : mix) values += count;
  const auto at = mix.find(category);
  return {at == mix.end() || values <= 0 ? 0 : at->second / values * documents, documents};
}

void WeighMix(const Series& series, const Settings& settings, Evidence& evidence) {
  const double documents[] = {series.weights[kBefore], series.weights[kAfter]};
  TakeSides({0, documents[kBefore]}, {0, documents[kAfter]}, evidence);
  std::map<std::string, std::pair<Tally, Tally>> categories;
  for (const auto& mix : series.mixes) {
    for (const auto& [name, count] : mix) categories[name];
  }
  if (series.mixes[kBefore].empty() || series.mixes[kAfter].empty()) return;
  double variation = 0;
  for (auto& [name, tallies] : categories) {
    tallies = {OfCategory(series.mixes[kBefore], name, documents[kBefore]),
               OfCategory(series.mixes[kAfter], name, documents[kAfter])};
    variation += std::abs(tallies.second.share() - tallies.first.share()) / 2;
  }
  evidence.tests = static_cast<double>(categories.size());
  evidence.effect = variation;
  std::pair<double, double> best(2, 2);
  for (const auto& [name, tallies] : categories) {
    const auto& [before, after] = tallies;
    const bool moved =
        variation >= kVariationMin && ShareMovedEnough(before.share(), after.share(), settings);
    const double p = moved ? std::min(1.0, evidence.tests * ProbabilityOf(before, after)) : 1;
    // Where one value goes another comes, which says more; beyond doubt one is as sure as the other.
    const std::pair rank(std::max(p, kBeyondDoubt), after.share() < before.share() ? p + 1 : p);
    if (rank >= best) continue;
    best = rank;
    TakeSides(before, after, evidence);
    evidence.p = p;
    evidence.from = before.share();
    evidence.to = after.share();
    evidence.category = CategoryValue(series, name);
    evidence.suspected_at_most = before.events <= 0 && after.events < kFirstEventsMin;
  }
  evidence.reach_min = ShareMoveMin(evidence.from, settings);
}

// ---- the family

Evidence EvidenceOf(const Series& series, const Sides& sides, const Settings& settings) {
  Evidence evidence;
  static_cast<Signal&>(evidence) = series;
  evidence.signal = series.signal.substr(series.signal.starts_with(' ') ? 1 : 0);
  if (series.statistic == "missing") {
    WeighMissing(sides, series.field, settings, evidence);
  } else if (series.kind == Kind::kRate) {
    WeighShare({series.numerators[kBefore], series.weights[kBefore]},
               {series.numerators[kAfter], series.weights[kAfter]}, settings, evidence);
  } else if (series.kind == Kind::kDistribution) {
    WeighDistribution(series, settings, evidence);
  } else if (series.kind == Kind::kMix) {
    WeighMix(series, settings, evidence);
  }
  return evidence;
}

Family FamilyOf(const bucket::BodySummary& before, const bucket::BodySummary& after,
                const Settings& settings) {
  SubjectHistory history("", 2);
  for (const auto& [side, body] : {std::pair(kBefore, &before), std::pair(kAfter, &after)}) {
    bucket::SubjectSummary summary;
    summary.body = *body;
    history.Absorb(side, std::move(summary));
  }
  Timeline timeline;
  timeline.steps = 2;
  const Sides sides{before.fields, after.fields};
  Family family;
  for (const Series& series : SignalsOf(std::move(history), timeline)) {
    // The age of what a file holds says when it was read.
    if (series.statistic == "freshness") continue;
    family.push_back(EvidenceOf(series, sides, settings));
  }
  return family;
}

void Decide(const Coverage& coverage, const bucket::BodySummary& before, const bucket::BodySummary& after,
            const Settings& settings, Verdict& verdict) {
  std::string reason;
  if (!verdict.findings.empty()) {
    verdict.state = verdict.findings.front().state;
  } else if (verdict.judged > 0 && coverage.covered >= settings.covered_min) {
    verdict.state = State::kNoChange;
  } else if (before.documents == 0 || after.documents == 0) {
    verdict.state = State::kCannotCompare;
    reason = before.documents == 0 ? "no documents before" : "no documents after";
  } else {
    verdict.state = State::kNotEnough;
  }
  const auto documents = static_cast<double>(std::min(before.documents, after.documents));
  verdict.documents_after = documents;
  verdict.documents_needed = std::max({coverage.documents_needed, kDocumentsMin, documents});
  const VerdictWords words = WordsOf(verdict, reason);
  verdict.title = words.title;
  verdict.sentence = words.sentence;
  if (verdict.state == State::kNotEnough) {
    verdict.title = "Not enough documents (" + CountWords(documents) + " of about " +
                    CountWords(verdict.documents_needed) + " on either side)";
  }
}

void FoldMaps(bucket::BodySummary& before, bucket::BodySummary& after) {
  Fields both = before.fields;
  profile::MergeFields(both, after.fields);
  const std::vector<std::string> maps = profile::MapsOf(both);
  if (maps.empty()) return;
  before.fields = profile::WithMapsFolded(before.fields, maps);
  after.fields = profile::WithMapsFolded(after.fields, maps);
}

}  // namespace

Comparison Compare(const bucket::SavedProfile& before, const bucket::SavedProfile& after,
                   const Settings& settings) {
  Comparison comparison;
  bucket::SavedProfile both = before;
  comparison.hashes_compared = both.Merge(after);
  bucket::BodySummary old_body = before.body;
  bucket::BodySummary new_body = after.body;
  if (!comparison.hashes_compared) {
    old_body.DropHashed();
    new_body.DropHashed();
  }
  FoldMaps(old_body, new_body);

  const Family family = FamilyOf(old_body, new_body, settings);
  Verdict& verdict = comparison.verdict;
  const double significance = SignificanceOf(family, settings.false_alarm_budget);
  verdict.findings =
      FindingsOf(family, settings.false_alarm_budget, settings.suspected_q, TimelessSentenceOf);
  CountFamily(family, significance, verdict);
  Decide(CoverageOf(family, settings.covered_min, significance), old_body, new_body, settings, verdict);
  return comparison;
}

}  // namespace fieldmark::judge
