// What left the worker, readable: so that anyone can look at a batch's contents, and tests do.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "bind.h"
#include "fieldmark/bucket/batch.h"
#include "fieldmark/profile/reading.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace fieldmark::python {
namespace {

using bucket::BodySummary;
using bucket::RequestSummary;
using bucket::SubjectSummary;

nb::dict FieldToDict(const profile::FieldSummary& field) {
  const profile::FieldCounts& counts = field.counts;
  nb::dict out;
  out["documents"] = counts.documents;
  out["seen"] = counts.seen;
  out["nulls"] = counts.nulls;
  out["booleans"] = counts.falses + counts.trues;
  out["integers"] = counts.integers;
  out["floats"] = counts.floats;
  out["strings"] = counts.strings;
  out["objects"] = counts.objects;
  out["arrays"] = counts.arrays;
  out["cut"] = counts.cut;
  out["limited"] = counts.limited;
  nb::dict revealed;
  for (const profile::RevealedValue& value : profile::RevealedOf(field))
    revealed[nb::str(value.text.data(), value.text.size())] = value.count;
  out["revealed"] = revealed;
  return out;
}

nb::list ToList(const sketch::TraceIds& traces) {
  nb::list out;
  for (const sketch::TraceId& id : traces.ids()) out.append(sketch::ToHex(id));
  return out;
}

nb::dict RequestToDict(const RequestSummary& request) {
  nb::dict out;
  nb::dict by_status;
  for (const auto& [status, count] : request.by_status) by_status[nb::int_(status)] = count;
  nb::dict by_exception;
  for (const auto& [type, count] : request.by_exception)
    by_exception[nb::str(type.data(), type.size())] = count;
  out["by_status"] = by_status;
  out["by_exception"] = by_exception;
  out["failed_traces"] = ToList(request.failed_traces);
  nb::dict exception_traces;
  for (const auto& [type, traces] : request.exception_traces)
    exception_traces[nb::str(type.data(), type.size())] = ToList(traces);
  out["exception_traces"] = exception_traces;
  out["cancelled"] = request.cancelled;
  out["first_byte"] = request.first_byte_ms.count();
  out["last_byte"] = request.last_byte_ms.count();
  out["app_return"] = request.app_return_ms.count();
  out["first_byte_ms"] = request.first_byte_ms.sum().value_or(0);
  out["last_byte_ms"] = request.last_byte_ms.sum().value_or(0);
  out["app_return_ms"] = request.app_return_ms.sum().value_or(0);
  return out;
}

nb::dict BodyToDict(const BodySummary& body) {
  nb::dict out;
  uint64_t malformed = 0;
  for (const uint64_t count : body.malformed) malformed += count;
  nb::dict fields;
  for (const auto& [path, field] : body.fields)
    fields[nb::str(path.data(), path.size())] = FieldToDict(field);
  out["documents"] = body.documents;
  out["malformed"] = malformed;
  out["not_json"] = body.not_json;
  out["compressed"] = body.compressed;
  out["not_captured"] = body.not_captured;
  out["not_sampled"] = body.not_sampled;
  out["fields"] = fields;
  return out;
}

nb::dict SubjectToDict(const SubjectSummary& subject) {
  nb::dict out;
  if (subject.request) out["request"] = RequestToDict(*subject.request);
  if (subject.body) out["body"] = BodyToDict(*subject.body);
  if (subject.watch) {
    nb::dict watch;
    watch["observed_ms"] = subject.watch->observed_ms;
    watch["dropped_events"] = subject.watch->dropped_events;
    out["watch"] = watch;
  }
  if (subject.run) {
    nb::dict run;
    run["succeeded"] = subject.run->succeeded;
    run["failed"] = subject.run->failed;
    out["run"] = run;
  }
  if (!subject.events.empty()) {
    nb::dict events;
    for (const auto& [kind, count] : subject.events) events[nb::str(kind.data(), kind.size())] = count;
    out["events"] = events;
  }
  if (!subject.violations.empty()) {
    nb::dict violations;
    for (const auto& [name, violation] : subject.violations)
      violations[nb::make_tuple(name.field, name.rule)] =
          nb::make_tuple(violation.count, ToList(violation.traces));
    out["violations"] = violations;
  }
  return out;
}

// Counts of everything, by minute and subject; of distributions their number, of durations their sum too.
nb::dict ReadBatch(const nb::bytes& bytes) {
  const bucket::Batch batch = OrRaise(bucket::DecodeBatch(View(bytes)));
  const bucket::BatchHeader& header = batch.header;
  nb::dict out;
  out["service"] = header.stream.service;
  out["environment"] = header.stream.environment;
  out["version"] = header.stream.version;
  out["instance"] = nb::bytes(header.instance.data(), header.instance.size());
  out["sequence"] = header.sequence;
  out["sent_at_unix_ms"] = header.sent_at_unix_ms;
  out["source"] = header.source == bucket::Source::kLive ? "live" : "replay";
  out["hash_key_id"] = header.hash_key_id;
  out["host"] = header.host;
  out["pid"] = header.pid;
  out["sdk"] = header.sdk;
  nb::dict minutes;
  for (const auto& [minute, subjects] : batch.buckets) {
    nb::dict by_subject;
    for (const auto& [name, subject] : subjects)
      by_subject[nb::str(name.data(), name.size())] = SubjectToDict(subject);
    minutes[nb::int_(minute)] = by_subject;
  }
  out["minutes"] = minutes;
  return out;
}

}  // namespace

void BindBatch(nb::module_& module) {
  module.def("read_batch", &ReadBatch, "batch"_a,
             nb::sig("def read_batch(batch: bytes) -> dict[str, object]"));
}

}  // namespace fieldmark::python
