// A subject's summaries as bytes, one family at a time; FORMAT.md describes them.
#include <algorithm>
#include <iterator>

#include "fieldmark/bucket/summary.h"

namespace fieldmark::bucket {
namespace {

using profile::Family;
using profile::FieldSummary;
using sketch::Histogram;
using sketch::TraceIds;

// Sections stand in ascending order. A reader must know those below kFirstOptional and passes over the rest.
enum Section : uint64_t {
  kRequest = 1,
  kBody = 2,
  kWatch = 3,
  kRun = 4,
  kEvents = 5,
  kFirstOptional = 64,
  kViolations = 64,
  kTraces = 65,
  kNotSampled = 66,
};

// Memory of a decoded thing, from above: a node of a std::map with its key's text, and 8 bytes for each
// encoded one of a sketch (a bucket's 16 come from at least 2).
constexpr size_t kNodeBytes = 96;
constexpr size_t kSketchFactor = 8;

// A reader, what its caller may still allocate, which fields it keeps, all when it does not say, and where it
// wants them if not in the body.
struct Source {
  ByteReader& in;
  size_t& memory_left;
  const FieldFilter& wants_field;
  std::vector<profile::NamedField>* apart = nullptr;

  bool Charge(size_t bytes) {
    if (bytes > memory_left) {
      memory_left = 0;
      in.Fail();
      return false;
    }
    memory_left -= bytes;
    return true;
  }
};

bool HasCategories(const FieldSummary& field) { return !field.categories.empty(); }
bool HasDistributions(const FieldSummary& field) {
  return !field.numbers.empty() || !field.string_bytes.empty() || !field.array_items.empty();
}

// The paths themselves belong to the counts, so that a field without anything is not lost.
bool FieldHas(const FieldSummary& field, Family family) {
  switch (family) {
    case Family::kCounts:
      return true;
    case Family::kDistributions:
      return HasDistributions(field);
    case Family::kHashed:
      return HasCategories(field);
  }
  return false;
}

bool AnyFieldHas(const profile::Fields& fields, Family family) {
  return std::any_of(fields.begin(), fields.end(),
                     [&](const auto& item) { return FieldHas(item.second, family); });
}

constexpr std::array kRequestHistograms = {&RequestSummary::first_byte_ms, &RequestSummary::last_byte_ms,
                                           &RequestSummary::app_return_ms, &RequestSummary::request_bytes,
                                           &RequestSummary::response_bytes};

bool HasDistributions(const RequestSummary& request) {
  return std::any_of(kRequestHistograms.begin(), kRequestHistograms.end(),
                     [&](auto member) { return !(request.*member).empty(); });
}

void EncodeCounts(const EventCounts& counts, ByteWriter& out) {
  out.Varint(counts.size());
  for (const auto& [name, count] : counts) {
    out.String(name);
    out.Varint(count);
  }
}

void DecodeCounts(Source source, EventCounts& counts) {
  ByteReader& in = source.in;
  const size_t size = in.Count(2);
  for (size_t i = 0; i < size; ++i) {
    const std::string_view name = in.String();
    const uint64_t count = in.Varint();
    if (!in.ok() || (i > 0 && name <= counts.rbegin()->first) || !source.Charge(kNodeBytes + name.size())) {
      return in.Fail();
    }
    counts.emplace_hint(counts.end(), name, count);
  }
}

void EncodeRequest(const RequestSummary& request, Family family, ByteWriter& out) {
  if (family == Family::kCounts) {
    out.Varint(request.by_status.size());
    uint64_t next = 0;
    for (const auto& [status, count] : request.by_status) {
      out.Varint(status - next);
      out.Varint(count);
      next = status + 1u;
    }
    EncodeCounts(request.by_exception, out);
    out.Varint(request.cancelled);
    out.Varint(request.busy_us);
    return;
  }
  uint8_t present = 0;
  for (size_t i = 0; i < kRequestHistograms.size(); ++i) {
    if (!(request.*kRequestHistograms[i]).empty()) present |= static_cast<uint8_t>(1 << i);
  }
  out.U8(present);
  for (const auto member : kRequestHistograms) {
    if (!(request.*member).empty()) (request.*member).Encode(out);
  }
}

Histogram DecodeNonEmpty(Source source) {
  const size_t before = source.in.remaining();
  Histogram histogram = Histogram::Decode(source.in);
  if (histogram.empty() || !source.Charge(kSketchFactor * (before - source.in.remaining()))) source.in.Fail();
  return histogram;
}

void DecodeRequest(Source source, Family family, RequestSummary& request) {
  ByteReader& in = source.in;
  if (family == Family::kCounts) {
    const size_t statuses = in.Count(2);
    uint64_t next = 0;
    for (size_t i = 0; i < statuses; ++i) {
      const uint64_t gap = in.Varint();
      if (!in.ok() || next > UINT16_MAX || gap > UINT16_MAX - next || !source.Charge(kNodeBytes))
        return in.Fail();
      next += gap;
      request.by_status.emplace_hint(request.by_status.end(), static_cast<uint16_t>(next), in.Varint());
      ++next;
    }
    DecodeCounts(source, request.by_exception);
    request.cancelled = in.Varint();
    request.busy_us = in.Varint();
    return;
  }
  const uint8_t present = in.U8();
  if (present == 0 || present >> kRequestHistograms.size() != 0) return in.Fail();
  for (size_t i = 0; i < kRequestHistograms.size(); ++i) {
    if ((present >> i & 1) != 0) request.*kRequestHistograms[i] = DecodeNonEmpty(source);
  }
}

void EncodeBody(const BodySummary& body, Family family, ByteWriter& out, uint8_t version) {
  if (family == Family::kCounts) {
    out.Varint(body.documents);
    size_t kinds = body.malformed.size();
    while (kinds > 0 && body.malformed[kinds - 1] == 0) --kinds;
    out.Varint(kinds);
    for (size_t kind = 0; kind < kinds; ++kind) out.Varint(body.malformed[kind]);
    out.Varint(body.not_json);
    out.Varint(body.compressed);
    out.Varint(body.not_captured);
  }
  if (family == Family::kHashed && version >= 2) out.Fixed64(body.hash_key_id);
  const auto has = [&](const auto& item) { return FieldHas(item.second, family); };
  out.Varint(static_cast<uint64_t>(std::count_if(body.fields.begin(), body.fields.end(), has)));
  ByteWriter encoded;
  for (const auto& [path, field] : body.fields) {
    if (!FieldHas(field, family)) continue;
    out.String(path);
    encoded.Clear();
    profile::EncodeField(field, family, encoded, version);
    out.String(encoded.bytes());
  }
}

// Adds `bytes` of `family` to `field`; false when they cannot be what EncodeField wrote.
bool DecodeWhole(std::string_view bytes, Family family, uint8_t version, FieldSummary& field) {
  ByteReader in(bytes);
  profile::DecodeField(in, family, field, version);
  return in.ok() && in.done() && FieldHas(field, family);
}

// Returns how many there were. `fields` may have them already, with other families. Those that nobody wants
// are decoded all the same, which is what tells whether their bytes are right, and let go one by one.
size_t DecodeFields(Source source, Family family, uint8_t version, profile::Fields& fields) {
  ByteReader& in = source.in;
  const size_t size = in.Count(2);
  auto at = fields.begin();
  std::string_view above;
  for (size_t i = 0; i < size; ++i) {
    const std::string_view path = in.String();
    const std::string_view bytes = in.String();
    if (!in.ok() || (i > 0 && path <= above) ||
        !source.Charge(kNodeBytes + path.size() + sizeof(FieldSummary) + kSketchFactor * bytes.size())) {
      in.Fail();
      break;
    }
    above = path;
    if (source.wants_field && !source.wants_field(path)) {
      FieldSummary unwanted;
      if (DecodeWhole(bytes, family, version, unwanted)) continue;
      in.Fail();
      break;
    }
    if (source.apart != nullptr) {
      profile::NamedField& named = source.apart->emplace_back();
      named.path = path;
      if (DecodeWhole(bytes, family, version, named.field)) continue;
      in.Fail();
      break;
    }
    while (at != fields.end() && at->first < path) ++at;
    if (at == fields.end() || at->first != path) at = fields.emplace_hint(at, path, FieldSummary{});
    if (!DecodeWhole(bytes, family, version, at->second)) {
      in.Fail();
      break;
    }
  }
  return size;
}

void DecodeBody(Source source, Family family, uint8_t version, BodySummary& body) {
  ByteReader& in = source.in;
  if (family == Family::kCounts) {
    body.documents = in.Varint();
    const size_t kinds = in.Count(1);
    if (kinds > body.malformed.size()) return in.Fail();
    for (size_t kind = 0; kind < kinds; ++kind) body.malformed[kind] = in.Varint();
    if (kinds > 0 && (body.malformed[0] != 0 || body.malformed[kinds - 1] == 0)) return in.Fail();
    body.not_json = in.Varint();
    body.compressed = in.Varint();
    body.not_captured = in.Varint();
  }
  if (family == Family::kHashed && version >= 2) body.hash_key_id = in.Fixed64();
  const size_t fields = DecodeFields(source, family, version, body.fields);
  if (family == Family::kCounts) return;
  const bool mixed = family == Family::kHashed && body.hash_key_id == kMixedKeys;
  if ((fields == 0) != mixed) in.Fail();
}

void EncodeWatch(const WatchSummary& watch, ByteWriter& out) {
  out.Varint(watch.observed_ms);
  out.Varint(watch.dropped_events);
  out.Varint(watch.folded_subjects);
}

void DecodeWatch(ByteReader& in, WatchSummary& watch) {
  watch.observed_ms = in.Varint();
  watch.dropped_events = in.Varint();
  watch.folded_subjects = in.Varint();
}

void EncodeRun(const RunSummary& run, Family family, ByteWriter& out) {
  if (family == Family::kDistributions) return run.duration_ms.Encode(out);
  out.Varint(run.started);
  out.Varint(run.succeeded);
  out.Varint(run.failed);
  out.Signed(run.last_finished_unix_ms);
}

void DecodeRun(Source source, Family family, RunSummary& run) {
  ByteReader& in = source.in;
  if (family == Family::kDistributions) {
    run.duration_ms = DecodeNonEmpty(source);
    return;
  }
  run.started = in.Varint();
  run.succeeded = in.Varint();
  run.failed = in.Varint();
  run.last_finished_unix_ms = in.Signed();
}

void EncodeViolations(const Violations& violations, ByteWriter& out) {
  out.Varint(violations.size());
  for (const auto& [name, violation] : violations) {
    out.String(name.field);
    out.String(name.rule);
    out.Varint(violation.count);
    violation.traces.Encode(out);
  }
}

void DecodeViolations(Source source, Violations& violations) {
  ByteReader& in = source.in;
  const size_t size = in.Count(4);
  for (size_t i = 0; i < size; ++i) {
    ViolationName name{std::string(in.String()), std::string(in.String())};
    const ViolationSummary violation{in.Varint(), TraceIds::Decode(in)};
    if (!in.ok() || violation.count == 0 || (i > 0 && name <= violations.rbegin()->first) ||
        !source.Charge(kNodeBytes + name.field.size() + name.rule.size() + sizeof violation)) {
      return in.Fail();
    }
    violations.emplace_hint(violations.end(), std::move(name), violation);
  }
}

bool HasTraces(const RequestSummary& request) {
  return !request.failed_traces.empty() || !request.exception_traces.empty();
}

void EncodeTraces(const RequestSummary& request, ByteWriter& out) {
  request.failed_traces.Encode(out);
  out.Varint(request.exception_traces.size());
  for (const auto& [type, traces] : request.exception_traces) {
    out.String(type);
    traces.Encode(out);
  }
}

void DecodeTraces(Source source, RequestSummary& request) {
  ByteReader& in = source.in;
  request.failed_traces = TraceIds::Decode(in);
  const size_t size = in.Count(2);
  for (size_t i = 0; i < size; ++i) {
    const std::string_view type = in.String();
    const TraceIds traces = TraceIds::Decode(in);
    if (!in.ok() || traces.empty() || !request.by_exception.contains(type) ||
        (i > 0 && type <= request.exception_traces.rbegin()->first) ||
        !source.Charge(kNodeBytes + type.size() + sizeof traces)) {
      return in.Fail();
    }
    request.exception_traces.emplace_hint(request.exception_traces.end(), type, traces);
  }
}

bool HasSection(const SubjectSummary& subject, Family family, Section section) {
  const bool counts = family == Family::kCounts;
  const bool distributions = family == Family::kDistributions;
  switch (section) {
    case kRequest:
      return subject.request && (counts || (distributions && HasDistributions(*subject.request)));
    case kBody:
      return subject.body && HasFamily(*subject.body, family);
    case kWatch:
      return subject.watch && counts;
    case kRun:
      return subject.run && (counts || (distributions && !subject.run->duration_ms.empty()));
    case kEvents:
      return counts && !subject.events.empty();
    case kViolations:
      return counts && !subject.violations.empty();
    case kTraces:
      return counts && subject.request && HasTraces(*subject.request);
    case kNotSampled:
      return counts && subject.body && subject.body->not_sampled > 0;
    default:
      return false;
  }
}

constexpr std::array kSections = {kRequest, kBody, kWatch, kRun, kEvents, kViolations, kTraces, kNotSampled};

void EncodeSection(const SubjectSummary& subject, Family family, Section section, ByteWriter& out,
                   uint8_t version) {
  switch (section) {
    case kRequest:
      return EncodeRequest(*subject.request, family, out);
    case kBody:
      return EncodeBody(*subject.body, family, out, version);
    case kWatch:
      return EncodeWatch(*subject.watch, out);
    case kRun:
      return EncodeRun(*subject.run, family, out);
    case kEvents:
      return EncodeCounts(subject.events, out);
    case kViolations:
      return EncodeViolations(subject.violations, out);
    case kTraces:
      return EncodeTraces(*subject.request, out);
    case kNotSampled:
      return out.Varint(subject.body->not_sampled);
    default:
      return;
  }
}

template <class T>
T& Made(std::optional<T>& part) {
  return part ? *part : part.emplace();
}

void DecodeSection(Source source, Family family, uint8_t version, uint64_t section, SubjectSummary& subject) {
  ByteReader& in = source.in;
  switch (section) {
    case kRequest:
      DecodeRequest(source, family, Made(subject.request));
      break;
    case kBody:
      DecodeBody(source, family, version, Made(subject.body));
      break;
    case kWatch:
      DecodeWatch(in, Made(subject.watch));
      break;
    case kRun:
      DecodeRun(source, family, Made(subject.run));
      break;
    case kEvents:
      DecodeCounts(source, subject.events);
      break;
    case kViolations:
      DecodeViolations(source, subject.violations);
      break;
    case kTraces:
      if (!subject.request) return in.Fail();
      DecodeTraces(source, *subject.request);
      break;
    case kNotSampled:
      if (!subject.body) return in.Fail();
      subject.body->not_sampled = in.Varint();
      break;
    default:
      if (section < kFirstOptional) in.Fail();
      return;
  }
  // Right in itself, but nothing that this family holds. (A body has looked itself: its fields may be gone.)
  const bool held = section == kBody || HasSection(subject, family, static_cast<Section>(section));
  if (in.ok() && (!in.done() || !held)) in.Fail();
}

}  // namespace

bool HasFamily(const SubjectSummary& subject, Family family) {
  return std::any_of(kSections.begin(), kSections.end(),
                     [&](Section section) { return HasSection(subject, family, section); });
}

void EncodeSubject(const SubjectSummary& subject, Family family, ByteWriter& out, uint8_t version) {
  FM_DCHECK(version >= kSubjectVersionMin && version <= kSubjectVersion);
  out.U8(version);
  ByteWriter encoded;
  for (const Section section : kSections) {
    if (!HasSection(subject, family, section)) continue;
    encoded.Clear();
    EncodeSection(subject, family, section, encoded, version);
    out.Varint(section);
    out.String(encoded.bytes());
  }
}

bool HasFamily(const BodySummary& body, Family family) {
  return family == Family::kCounts || AnyFieldHas(body.fields, family) ||
         (family == Family::kHashed && body.hash_key_id == kMixedKeys);
}

void EncodeSubject(const BodySummary& body, Family family, ByteWriter& out) {
  out.U8(kSubjectVersion);
  ByteWriter encoded;
  EncodeBody(body, family, encoded, kSubjectVersion);
  out.Varint(kBody);
  out.String(encoded.bytes());
  if (family != Family::kCounts || body.not_sampled == 0) return;
  encoded.Clear();
  encoded.Varint(body.not_sampled);
  out.Varint(kNotSampled);
  out.String(encoded.bytes());
}

void DecodeSubject(ByteReader& in, Family family, SubjectSummary& subject) {
  size_t memory_left = SIZE_MAX;
  SubjectSummary decoded;
  DecodeFamily(in, family, decoded, memory_left);
  if (in.ok()) subject.Absorb(std::move(decoded));
}

namespace {

bool DecodeSections(Source source, Family family, SubjectSummary& subject) {
  ByteReader& in = source.in;
  const uint8_t version = in.U8();
  if (version < kSubjectVersionMin || version > kSubjectVersion) in.Fail();
  uint64_t above = 0;
  bool any = false;
  while (in.ok() && !in.done()) {
    const uint64_t section = in.Varint();
    ByteReader section_in(in.String());
    if (section <= above) in.Fail();
    if (!in.ok()) break;
    above = section;
    DecodeSection({section_in, source.memory_left, source.wants_field, source.apart}, family, version,
                  section, subject);
    if (!section_in.ok()) in.Fail();
    any = any || std::find(kSections.begin(), kSections.end(), section) != kSections.end();
  }
  return any;
}

}  // namespace

void DecodeSubject(ByteReader& in, Family family, SubjectSummary& subject,
                   std::vector<profile::NamedField>& fields) {
  size_t memory_left = SIZE_MAX;
  DecodeSections({in, memory_left, {}, &fields}, family, subject);
}

bool DecodeFamily(ByteReader& in, Family family, SubjectSummary& subject, size_t& memory_left,
                  const FieldFilter& wants_field) {
  return DecodeSections({in, memory_left, wants_field}, family, subject);
}

}  // namespace fieldmark::bucket
