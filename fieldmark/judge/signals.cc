// Everything here is counted in documents, not in values: the items of one document's array come together, so
// a signal of `items[].price` weighs what its documents weigh.
#include "fieldmark/judge/signals.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "fieldmark/judge/event_signals.h"
#include "fieldmark/judge/violation_signals.h"
#include "fieldmark/profile/path.h"
#include "fieldmark/profile/reading.h"

namespace fieldmark::judge {
namespace {

using bucket::BodySummary;
using bucket::RequestSummary;
using profile::FieldCounts;

constexpr double kNoData = std::numeric_limits<double>::quiet_NaN();
constexpr double kFoldedMax = 0.01;  // of an object's keys without a name, beyond which absence is not known
constexpr double kWatchedMin = 0.9;  // of a step, and of its neighbours' watch: less is a partial step

Series Named(const std::string& subject, const std::string& field, std::string statistic, Kind kind,
             Polarity polarity = Polarity::kNeutral, std::string unit = "") {
  Series series;
  series.signal = subject + (field.empty() ? "" : " " + field) + " " + statistic;
  series.subject = subject;
  series.field = field;
  series.statistic = std::move(statistic);
  series.kind = kind;
  series.polarity = polarity;
  series.unit = std::move(unit);
  return series;
}

void Reserve(size_t steps, Series& rate) {
  for (auto* vector : {&rate.numerators, &rate.weights, &rate.values}) vector->reserve(steps);
}

void AddRate(Series& series, double numerator, double weight) {
  series.numerators.push_back(weight > 0 ? numerator : 0);
  series.weights.push_back(std::max(weight, 0.0));
  series.values.push_back(weight > 0 ? numerator / weight : kNoData);
}

// ---- requests

uint64_t OfClass(const RequestSummary& request, int hundreds) {
  uint64_t count = 0;
  for (const auto& [status, times] : request.by_status) {
    if (status / 100 == hundreds) count += times;
  }
  return count;
}

uint64_t Exceptions(const RequestSummary& request) {
  uint64_t count = 0;
  for (const auto& [type, times] : request.by_exception) count += times;
  return std::min(count, request.count());
}

// A worker that came or went in the middle of a step saw only part of its traffic: that step's volume is no
// data.
std::vector<double> WholeSteps(const std::vector<double>& watched_s, double step_s) {
  std::vector<double> whole(watched_s.size());
  for (size_t step = 0; step < watched_s.size(); ++step) {
    const double before = step > 0 ? watched_s[step - 1] : 0;
    const double after = step + 1 < watched_s.size() ? watched_s[step + 1] : 0;
    const double needed = kWatchedMin * std::max({step_s, before, after});
    whole[step] = watched_s[step] >= needed ? 1 : 0;
  }
  return whole;
}

void RequestSignals(const SubjectHistory& history, const Timeline& timeline, std::vector<Series>& signals) {
  const auto has_request = [](const bucket::SubjectSummary& step) { return step.request.has_value(); };
  const bool contents = std::any_of(history.contents.begin(), history.contents.end(), has_request);
  const bool clocks = std::any_of(history.same_source.begin(), history.same_source.end(), has_request);
  if (!contents && !clocks) return;
  static const RequestSummary kNothing;
  const auto request_of = [](const std::vector<bucket::SubjectSummary>& steps,
                             size_t step) -> const RequestSummary& {
    return step < steps.size() && steps[step].request ? *steps[step].request : kNothing;
  };

  Series requests = Named(history.subject, "", "requests", Kind::kCount);
  Series latency = Named(history.subject, "", "latency", Kind::kDistribution, Polarity::kMoreIsWorse, "ms");
  Series client_errors = Named(history.subject, "", "status 4xx", Kind::kRate, Polarity::kMoreIsWorse);
  Series server_errors = Named(history.subject, "", "status 5xx", Kind::kRate, Polarity::kMoreIsWorse);
  Series exceptions = Named(history.subject, "", "exception", Kind::kRate, Polarity::kMoreIsWorse);
  requests.weights = WholeSteps(history.watched_s, static_cast<double>(timeline.step_s));
  requests.weights.resize(timeline.steps);
  for (size_t step = 0; step < timeline.steps; ++step) {
    const RequestSummary& clock = request_of(history.same_source, step);
    requests.values.push_back(requests.weights[step] > 0 ? static_cast<double>(clock.count()) : kNoData);
    latency.distributions.push_back(clock.last_byte_ms);
    latency.weights.push_back(static_cast<double>(clock.last_byte_ms.count()));

    const RequestSummary& request = request_of(history.contents, step);
    const auto count = static_cast<double>(request.count());
    AddRate(client_errors, static_cast<double>(OfClass(request, 4)), count);
    AddRate(server_errors, static_cast<double>(OfClass(request, 5)), count);
    AddRate(exceptions, static_cast<double>(Exceptions(request)), count);
  }
  signals.push_back(std::move(requests));
  signals.push_back(std::move(latency));
  signals.push_back(std::move(client_errors));
  signals.push_back(std::move(server_errors));
  signals.push_back(std::move(exceptions));
}

// ---- bodies

// A field and the object that holds it, null where nothing does.
struct FieldHistory {
  const std::string& subject;
  profile::FieldColumn& column;
  const profile::FieldColumn* parent;
  const std::vector<uint64_t>& key_ids;  // of its hashes, a step
  std::vector<double> documents_each;    // documents a value, a step: below one for what stands in arrays

  const std::string& path() const { return column.path; }
};

double DocumentsEach(const FieldCounts& counts) {
  if (counts.seen == 0) return 0;
  return std::min(1.0, static_cast<double>(counts.documents) / static_cast<double>(counts.seen));
}

std::vector<double> DocumentsEach(const profile::CountsColumn& counts) {
  std::vector<double> each(counts.size());
  FieldCounts row;
  for (size_t step = 0; step < each.size(); ++step) {
    counts.Read(step, row);
    each[step] = DocumentsEach(row);
  }
  return each;
}

double NotNull(const FieldCounts& counts) {
  return static_cast<double>(counts.seen - std::min(counts.seen, counts.nulls));
}

// So many of so many of a field's values.
struct Share {
  std::string statistic;
  double (*numerator)(const FieldCounts&);
  double (*weight)(const FieldCounts&);
  Polarity polarity = Polarity::kNeutral;
  std::optional<size_t> format = {};  // counted in place of the numerator
};

// All of them in one pass: a field's counts of many steps are more than a cache holds. In documents.
void AddShares(const FieldHistory& field, const std::vector<Share>& shares, std::vector<Series>& signals) {
  const size_t first = signals.size();
  for (const Share& share : shares) {
    signals.push_back(Named(field.subject, field.path(), share.statistic, Kind::kRate, share.polarity));
    Reserve(field.column.counts.size(), signals.back());
  }
  FieldCounts counts;
  for (size_t step = 0; step < field.column.counts.size(); ++step) {
    field.column.counts.Read(step, counts);
    const double each = field.documents_each[step];
    for (size_t i = 0; i < shares.size(); ++i) {
      const double numerator = shares[i].format ? static_cast<double>(counts.formats[*shares[i].format])
                                                : shares[i].numerator(counts);
      AddRate(signals[first + i], each * numerator, each * shares[i].weight(counts));
    }
  }
}

// Of the objects that could have held it. Where keys without a name were folded, absence is not known.
Series Missing(const FieldHistory& field) {
  Series series = Named(field.subject, field.path(), "missing", Kind::kRate);
  Reserve(field.column.counts.size(), series);
  FieldCounts counts, parent;
  for (size_t step = 0; step < field.column.counts.size(); ++step) {
    field.column.counts.Read(step, counts);
    if (field.parent != nullptr) field.parent->counts.Read(step, parent);
    const auto objects = static_cast<double>(parent.objects);
    if (static_cast<double>(parent.folded) > kFoldedMax * objects) {
      AddRate(series, 0, 0);
      continue;
    }
    const double each = DocumentsEach(parent);
    const auto seen = static_cast<double>(counts.seen);
    AddRate(series, each * std::max(0.0, objects - seen), each * objects);
  }
  return series;
}

Series Distribution(const FieldHistory& field, std::string statistic, std::string unit,
                    sketch::HistogramColumn& histograms) {
  Series series = Named(field.subject, field.path(), std::move(statistic), Kind::kDistribution,
                        Polarity::kNeutral, std::move(unit));
  series.distributions = std::move(histograms);
  series.distributions.resize(field.column.counts.size());
  series.weights.reserve(field.column.counts.size());
  for (size_t step = 0; step < field.column.counts.size(); ++step) {
    const auto values = static_cast<double>(series.distributions.count(step));
    series.weights.push_back(values * field.documents_each[step]);
  }
  return series;
}

std::string HashName(uint64_t hash) {
  char name[24];
  std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(hash));
  return name;
}

// The key of the newest step that has one. Hashes under another do not compare with it.
uint64_t KeyOf(const FieldHistory& field) {
  for (size_t step = field.key_ids.size(); step-- > 0;) {
    if (field.key_ids[step] != 0) return field.key_ids[step];
  }
  return 0;
}

// By value while all of them have an exact count in the whole history, else by the cell that a value falls
// into: the same way on both sides of the change.
Series Mix(const FieldHistory& field) {
  Series series = Named(field.subject, field.path(), "mix", Kind::kMix);
  const size_t steps = field.column.counts.size();
  const uint64_t key_id = KeyOf(field);
  const auto compares = [&](size_t step) {
    return field.key_ids[step] == 0 || field.key_ids[step] == key_id;
  };
  sketch::Categories categories;
  sketch::Texts texts;
  for (const auto& [step, of_step] : field.column.categories) {
    if (compares(step)) categories.Merge(of_step);
  }
  for (const auto& [step, of_step] : field.column.texts) {
    if (compares(step)) texts.Merge(of_step);
  }
  series.mixes.resize(steps);
  series.weights.resize(steps);
  for (const auto& [step, of_step] : field.column.categories) {
    if (!compares(step)) continue;
    std::map<std::string, double>& mix = series.mixes[step];
    series.weights[step] = static_cast<double>(of_step.total()) * field.documents_each[step];
    if (categories.overflowed()) {
      const auto cells = of_step.CellCounts();
      for (size_t cell = 0; cell < cells.size(); ++cell) {
        if (cells[cell] > 0) mix["cell " + std::to_string(cell)] = static_cast<double>(cells[cell]);
      }
    } else {
      for (const auto& entry : of_step.entries())
        mix[HashName(entry.hash)] = static_cast<double>(entry.count);
    }
  }
  for (const sketch::ValueText& value : texts.entries())
    series.category_values[HashName(value.hash)] = value.text;
  return series;
}

struct TypeCount {
  const char* statistic;
  double (*count)(const FieldCounts&);
};
constexpr TypeCount kTypes[] = {
    {"type string", [](const FieldCounts& counts) { return static_cast<double>(counts.strings); }},
    {"type number",
     [](const FieldCounts& counts) {
       return static_cast<double>(counts.integers + counts.floats + counts.big_integers + counts.non_finites);
     }},
    {"type boolean",
     [](const FieldCounts& counts) { return static_cast<double>(counts.trues + counts.falses); }},
    {"type object", [](const FieldCounts& counts) { return static_cast<double>(counts.objects); }},
    {"type array", [](const FieldCounts& counts) { return static_cast<double>(counts.arrays); }},
};

// Of what some step has: a type never seen on either side says nothing.
std::vector<Share> SharesOf(const std::string& path, const FieldCounts& all) {
  std::vector<Share> shares;
  const auto seen = [](const FieldCounts& counts) { return static_cast<double>(counts.seen); };
  if (!path.empty()) {
    const auto nulls = [](const FieldCounts& counts) { return static_cast<double>(counts.nulls); };
    shares.push_back({"null", nulls, seen, Polarity::kMoreIsWorse});
  }
  for (const TypeCount& type : kTypes) {
    if (type.count(all) > 0) shares.push_back({type.statistic, type.count, NotNull});
  }
  const auto strings = [](const FieldCounts& counts) { return static_cast<double>(counts.strings); };
  for (size_t i = 0; i < sketch::kFormats; ++i) {
    if (all.formats[i] == 0) continue;
    const std::string_view name = sketch::FormatName(static_cast<sketch::Format>(i));
    shares.push_back({"format " + std::string(name), nullptr, strings, Polarity::kNeutral, i});
  }
  const auto trues = [](const FieldCounts& counts) { return static_cast<double>(counts.trues); };
  const auto booleans = [](const FieldCounts& counts) {
    return static_cast<double>(counts.trues + counts.falses);
  };
  if (booleans(all) > 0) shares.push_back({"true", trues, booleans});
  return shares;
}

void FieldSignals(const FieldHistory& field, std::vector<Series>& signals) {
  const FieldCounts all = field.column.counts.Total();
  if (all.seen == 0) return;

  if (profile::IsMember(field.path())) signals.push_back(Missing(field));
  AddShares(field, SharesOf(field.path(), all), signals);
  uint64_t ages = 0;
  for (size_t step = 0; step < field.column.age_ms.size(); ++step) ages += field.column.age_ms.count(step);
  const uint64_t numbers = all.integers + all.floats;
  // Of a time only its age stays as it is while all is well.
  if (profile::AreMoments(ages, numbers + all.strings)) {
    signals.push_back(Distribution(field, "freshness", "ms", field.column.age_ms));
  } else if (numbers > 0) {
    signals.push_back(Distribution(field, "value", "", field.column.numbers));
  }
  if (all.strings > 0) signals.push_back(Distribution(field, "length", "bytes", field.column.string_bytes));
  if (all.arrays > 0) signals.push_back(Distribution(field, "items", "", field.column.array_items));
  if (!field.column.categories.empty()) signals.push_back(Mix(field));
}

Series Malformed(const std::string& subject, const std::vector<const BodySummary*>& bodies) {
  Series malformed = Named(subject, "", "malformed", Kind::kRate, Polarity::kMoreIsWorse);
  for (const BodySummary* body : bodies) {
    double bad = 0, whole = 0;
    if (body != nullptr) {
      for (const uint64_t count : body->malformed) bad += static_cast<double>(count);
      whole = static_cast<double>(body->documents);
    }
    AddRate(malformed, bad, bad + whole);
  }
  return malformed;
}

// Calls hand_over() after each field.
template <class HandOver>
void BodySignals(SubjectHistory& history, const Timeline& timeline, std::vector<Series>& signals,
                 HandOver hand_over) {
  std::vector<const BodySummary*> bodies(timeline.steps);
  std::vector<uint64_t> key_ids(timeline.steps);
  bool any = false;
  for (size_t step = 0; step < std::min(timeline.steps, history.contents.size()); ++step) {
    if (!history.contents[step].body) continue;
    any = true;
    bodies[step] = &*history.contents[step].body;
    key_ids[step] = bodies[step]->hash_key_id;
  }
  if (!any) return;
  FM_DCHECK(history.fields.steps() == timeline.steps);
  signals.push_back(Malformed(history.subject, bodies));
  for (const auto& column : history.fields.columns()) {
    const profile::FieldColumn* parent = history.fields.Find(profile::ParentPath(column->path));
    FieldSignals({history.subject, *column, parent, key_ids, DocumentsEach(column->counts)}, signals);
    hand_over();
  }
}

}  // namespace

void SubjectHistory::Absorb(size_t step, bucket::SubjectSummary summary,
                            std::span<profile::NamedField> apart) {
  profile::Fields inside;
  if (summary.body) inside.swap(summary.body->fields);
  for (auto& [path, field] : inside) fields.Absorb(step, path, std::move(field));
  for (profile::NamedField& named : apart) fields.Absorb(step, named.path, std::move(named.field));
  contents[step].Absorb(std::move(summary));
  // Hashes under two keys do not compare.
  if (contents[step].body && contents[step].body->hash_key_id == kMixedKeys) fields.DropHashed(step);
}

void VisitSignals(SubjectHistory history, const Timeline& timeline,
                  const std::function<void(Series&&)>& visit) {
  std::map<std::string, Series> beside;
  if (history.beside != nullptr) {
    for (Series& series : SignalsOf(std::move(*history.beside), timeline))
      beside.emplace(series.signal, std::move(series));
  }
  std::vector<Series> signals;
  const auto hand_over = [&] {
    for (Series& series : signals) {
      const auto found = beside.find(series.signal);
      if (found != beside.end()) series.beside = std::make_shared<const Series>(std::move(found->second));
      visit(std::move(series));
    }
    signals.clear();
  };
  RequestSignals(history, timeline, signals);
  BodySignals(history, timeline, signals, hand_over);
  EventSignals(history, timeline, signals);
  ViolationSignals(history, timeline, signals);
  hand_over();
}

std::vector<Series> SignalsOf(SubjectHistory history, const Timeline& timeline) {
  std::vector<Series> signals;
  VisitSignals(std::move(history), timeline, [&](Series&& series) { signals.push_back(std::move(series)); });
  return signals;
}

}  // namespace fieldmark::judge
