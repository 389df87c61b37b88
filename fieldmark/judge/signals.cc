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
using profile::FieldSummary;

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

// One field, a pointer a step: null where no document of that step had it.
using Column = std::vector<FieldSummary*>;

// A field and the object that holds it. Its counts are read once for each signal: here they lie together,
// with zeros where no document had it.
struct FieldHistory {
  const std::string& subject;
  const std::string& path;
  const Column& steps;
  const std::vector<FieldCounts>& counts;
  const Column& parents;
  const std::vector<uint64_t>& key_ids;  // of its hashes, a step
};

// Documents a value: below one for what stands in arrays.
double DocumentsEach(const FieldCounts& counts) {
  if (counts.seen == 0) return 0;
  return std::min(1.0, static_cast<double>(counts.documents) / static_cast<double>(counts.seen));
}

double NotNull(const FieldCounts& counts) {
  return static_cast<double>(counts.seen - std::min(counts.seen, counts.nulls));
}

using CountOf = std::function<double(const FieldCounts&)>;

// Numerator of weight, both in documents.
Series FieldRate(const FieldHistory& field, std::string statistic, Polarity polarity,
                 const CountOf& numerator, const CountOf& weight) {
  Series series = Named(field.subject, field.path, std::move(statistic), Kind::kRate, polarity);
  for (const FieldCounts& counts : field.counts) {
    const double each = DocumentsEach(counts);
    AddRate(series, each * numerator(counts), each * weight(counts));
  }
  return series;
}

// Of the objects that could have held it. Where keys without a name were folded, absence is not known.
Series Missing(const FieldHistory& field) {
  Series series = Named(field.subject, field.path, "missing", Kind::kRate);
  for (size_t step = 0; step < field.steps.size(); ++step) {
    const FieldSummary* parent = field.parents[step];
    if (parent == nullptr || static_cast<double>(parent->counts.folded) >
                                 kFoldedMax * static_cast<double>(parent->counts.objects)) {
      AddRate(series, 0, 0);
      continue;
    }
    const double each = DocumentsEach(parent->counts);
    const auto objects = static_cast<double>(parent->counts.objects);
    const auto seen = static_cast<double>(field.counts[step].seen);
    AddRate(series, each * std::max(0.0, objects - seen), each * objects);
  }
  return series;
}

Series Distribution(const FieldHistory& field, std::string statistic, std::string unit,
                    sketch::Histogram FieldSummary::*member) {
  Series series = Named(field.subject, field.path, std::move(statistic), Kind::kDistribution,
                        Polarity::kNeutral, std::move(unit));
  for (size_t step = 0; step < field.steps.size(); ++step) {
    FieldSummary* summary = field.steps[step];
    series.distributions.push_back(summary == nullptr ? sketch::Histogram{}
                                                      : std::exchange(summary->*member, {}));
    const auto values = static_cast<double>(series.distributions.back().count());
    series.weights.push_back(values * DocumentsEach(field.counts[step]));
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
  for (size_t step = field.steps.size(); step-- > 0;) {
    if (field.key_ids[step] != 0) return field.key_ids[step];
  }
  return 0;
}

// By value while all of them have an exact count in the whole history, else by the cell that a value falls
// into: the same way on both sides of the change.
Series Mix(const FieldHistory& field) {
  Series series = Named(field.subject, field.path, "mix", Kind::kMix);
  const uint64_t key_id = KeyOf(field);
  Column steps = field.steps;
  FieldSummary all;
  for (size_t step = 0; step < steps.size(); ++step) {
    if (field.key_ids[step] != 0 && field.key_ids[step] != key_id) steps[step] = nullptr;
    if (steps[step] == nullptr) continue;
    all.categories.Merge(steps[step]->categories);
    all.texts.Merge(steps[step]->texts);
  }
  for (const FieldSummary* step : steps) {
    std::map<std::string, double>& mix = series.mixes.emplace_back();
    series.weights.push_back(0);
    if (step == nullptr) continue;
    series.weights.back() = static_cast<double>(step->categories.total()) * DocumentsEach(step->counts);
    if (all.categories.overflowed()) {
      const auto cells = step->categories.CellCounts();
      for (size_t cell = 0; cell < cells.size(); ++cell) {
        if (cells[cell] > 0) mix["cell " + std::to_string(cell)] = static_cast<double>(cells[cell]);
      }
    } else {
      for (const auto& entry : step->categories.entries())
        mix[HashName(entry.hash)] = static_cast<double>(entry.count);
    }
  }
  for (const sketch::ValueText& value : all.texts.entries())
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

// Of the strings, how many look like it; only what some string ever looked like.
void FormatSignals(const FieldHistory& field, const FieldCounts& all, std::vector<Series>& signals) {
  for (size_t i = 0; i < sketch::kFormats; ++i) {
    if (all.formats[i] == 0) continue;
    signals.push_back(FieldRate(
        field, "format " + std::string(sketch::FormatName(static_cast<sketch::Format>(i))),
        Polarity::kNeutral, [i](const FieldCounts& c) { return static_cast<double>(c.formats[i]); },
        [](const FieldCounts& c) { return static_cast<double>(c.strings); }));
  }
}

// Signals only of what some step has: a type never seen on either side says nothing.
void FieldSignals(const FieldHistory& field, std::vector<Series>& signals) {
  FieldCounts all;
  for (const FieldCounts& counts : field.counts) {
    all.seen += counts.seen;
    for (const auto member : {&FieldCounts::trues, &FieldCounts::falses, &FieldCounts::integers,
                              &FieldCounts::floats, &FieldCounts::strings, &FieldCounts::objects,
                              &FieldCounts::arrays, &FieldCounts::big_integers, &FieldCounts::non_finites}) {
      all.*member += counts.*member;
    }
    for (size_t i = 0; i < sketch::kFormats; ++i) all.formats[i] += counts.formats[i];
  }
  if (all.seen == 0) return;

  const bool is_member =
      !field.path.empty() && !profile::IsItem(field.path) && !profile::IsResidual(field.path);
  if (is_member) signals.push_back(Missing(field));
  if (!field.path.empty()) {
    signals.push_back(FieldRate(
        field, "null", Polarity::kMoreIsWorse,
        [](const FieldCounts& c) { return static_cast<double>(c.nulls); },
        [](const FieldCounts& c) { return static_cast<double>(c.seen); }));
  }
  for (const TypeCount& type : kTypes) {
    if (type.count(all) > 0) {
      signals.push_back(FieldRate(field, type.statistic, Polarity::kNeutral, type.count, NotNull));
    }
  }
  FormatSignals(field, all, signals);
  const auto booleans = [](const FieldCounts& c) { return static_cast<double>(c.trues + c.falses); };
  if (booleans(all) > 0) {
    signals.push_back(FieldRate(
        field, "true", Polarity::kNeutral, [](const FieldCounts& c) { return static_cast<double>(c.trues); },
        booleans));
  }
  uint64_t ages = 0;
  for (const FieldSummary* step : field.steps) ages += step == nullptr ? 0 : step->age_ms.count();
  const uint64_t numbers = all.integers + all.floats;
  // Of a time only its age stays as it is while all is well.
  if (profile::AreMoments(ages, numbers + all.strings)) {
    signals.push_back(Distribution(field, "freshness", "ms", &FieldSummary::age_ms));
  } else if (numbers > 0) {
    signals.push_back(Distribution(field, "value", "", &FieldSummary::numbers));
  }
  if (all.strings > 0) signals.push_back(Distribution(field, "length", "bytes", &FieldSummary::string_bytes));
  if (all.arrays > 0) signals.push_back(Distribution(field, "items", "", &FieldSummary::array_items));
  const bool hashed = std::any_of(field.steps.begin(), field.steps.end(), [](const FieldSummary* step) {
    return step != nullptr && !step->categories.empty();
  });
  if (hashed) signals.push_back(Mix(field));
}

// Of every path that some step has. A step's paths come in the columns' order, so the two are walked
// together: nothing is looked up.
std::map<std::string, Column> ColumnsOf(const std::vector<BodySummary*>& bodies) {
  std::map<std::string, Column> columns;
  for (size_t step = 0; step < bodies.size(); ++step) {
    if (bodies[step] == nullptr) continue;
    auto column = columns.begin();
    for (auto& [path, field] : bodies[step]->fields) {
      int order = 1;
      while (column != columns.end() && (order = column->first.compare(path)) < 0) ++column;
      if (column == columns.end() || order != 0)
        column = columns.emplace_hint(column, path, Column(bodies.size()));
      column->second[step] = &field;
      ++column;
    }
  }
  return columns;
}

Series Malformed(const std::string& subject, const std::vector<BodySummary*>& bodies) {
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
  std::vector<BodySummary*> bodies(timeline.steps);
  std::vector<uint64_t> key_ids(timeline.steps);
  bool any = false;
  for (size_t step = 0; step < std::min(timeline.steps, history.contents.size()); ++step) {
    if (!history.contents[step].body) continue;
    any = true;
    bodies[step] = &*history.contents[step].body;
    key_ids[step] = bodies[step]->hash_key_id;
  }
  if (!any) return;
  signals.push_back(Malformed(history.subject, bodies));
  const std::map<std::string, Column> columns = ColumnsOf(bodies);
  const Column no_parent(timeline.steps);
  std::vector<FieldCounts> counts(timeline.steps);
  for (const auto& [path, steps] : columns) {
    const auto parent = columns.find(profile::ParentPath(path));
    const Column& parents = parent == columns.end() ? no_parent : parent->second;
    for (size_t step = 0; step < timeline.steps; ++step)
      counts[step] = steps[step] == nullptr ? FieldCounts{} : steps[step]->counts;
    FieldSignals({history.subject, path, steps, counts, parents, key_ids}, signals);
    hand_over();
  }
}

}  // namespace

void VisitSignals(SubjectHistory history, const Timeline& timeline,
                  const std::function<void(Series&&)>& visit) {
  std::map<std::string, Series> beside;
  if (history.beside != nullptr) {
    for (Series& series : SignalsOf(*history.beside, timeline))
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
