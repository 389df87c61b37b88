// Summaries → signals: the series that the judge reads of one subject.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fieldmark/bucket/summary.h"
#include "fieldmark/judge/series.h"
#include "fieldmark/profile/columns.h"

namespace fieldmark::judge {

// One subject over a timeline; every vector has one element a step. Steps up to the change hold the earlier
// versions, steps from it on the new version alone.
struct SubjectHistory {
  explicit SubjectHistory(std::string name = "", size_t steps = 0)
      : subject(std::move(name)), contents(steps), fields(steps), watched_s(steps) {}
  // Merges into the contents of a step; `apart` are fields that are not in the body.
  void Absorb(size_t step, bucket::SubjectSummary summary, std::span<profile::NamedField> apart = {});

  std::string subject;
  // Contents compare across sources: live and replayed summaries merged, the fields of bodies apart from
  // them.
  std::vector<bucket::SubjectSummary> contents;
  profile::FieldColumns fields;
  // Clocks, wire sizes and loads do not: only the source that the new version was seen on. Empty where it has
  // neither requests nor events.
  std::vector<bucket::SubjectSummary> same_source;
  // Seconds that workers of that source were watching, all of them together; 0: no data, which is not zero
  // traffic.
  std::vector<double> watched_s;
  // What the versions before saw in the steps from the change on, beside the new one; null when none ran on.
  std::unique_ptr<SubjectHistory> beside;
};

// Signals are named subject, field, statistic, separated by blanks: "POST /orders response 2xx customer.phone
// null".
//   of requests   requests (count) · status 4xx, status 5xx (rate) · exception (rate) · latency
//   (distribution, ms) of bodies     malformed (rate) of fields     missing (rate, of the parent's objects) ·
//   null (rate) · type string, type number, type boolean,
//                 type object, type array (rate, of what is not null) · true (rate, of booleans) · value,
//                 length, items (distribution) · freshness (distribution, ms; in place of value where half of
//                 the values or more name a time) · mix (of value hashes)
//   of what validation refused     invalid missing, invalid float_parsing … (rate; violation_signals.h)
// With `beside`, each has what the versions before saw of it. A field that no step saw has no signals. A
// signal whose every step is without data is still one.
//
// One after the other, so that whoever drops them holds a field's series at a time. A history that is moved
// in gives its histograms to the series.
void VisitSignals(SubjectHistory history, const Timeline& timeline,
                  const std::function<void(Series&&)>& visit);
// All of them.
std::vector<Series> SignalsOf(SubjectHistory history, const Timeline& timeline);

}  // namespace fieldmark::judge
