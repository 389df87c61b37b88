#include "fieldmark/profile/field.h"

#include <iterator>

#include "fieldmark/base/count.h"

namespace fieldmark::profile {
namespace {

// The order on the wire and on disk. Append only: a blob that ends earlier has zeros for the rest.
constexpr uint64_t FieldCounts::*kCounters[] = {
    &FieldCounts::documents,      &FieldCounts::seen,
    &FieldCounts::nulls,          &FieldCounts::falses,
    &FieldCounts::trues,          &FieldCounts::integers,
    &FieldCounts::floats,         &FieldCounts::strings,
    &FieldCounts::objects,        &FieldCounts::arrays,
    &FieldCounts::big_integers,   &FieldCounts::non_finites,
    &FieldCounts::duplicate_keys, &FieldCounts::invalid_utf8,
    &FieldCounts::folded,         &FieldCounts::cut,
    &FieldCounts::limited,
};
size_t CountersOf(int version) { return version == 1 ? 16 : std::size(kCounters); }
static_assert(sizeof(FieldCounts) == (std::size(kCounters) + sketch::kFormats) * sizeof(uint64_t));

// The order of the bits that say which histograms follow. Append only.
constexpr sketch::Histogram FieldSummary::*kHistograms[] = {
    &FieldSummary::numbers,
    &FieldSummary::string_bytes,
    &FieldSummary::array_items,
    &FieldSummary::age_ms,
};
size_t HistogramsOf(int version) { return version == 1 ? 3 : std::size(kHistograms); }

// A list without its trailing zeros, so that one value has one encoding whatever counters come later.
void EncodeCounts(const FieldCounts& counts, int version, ByteWriter& out) {
  size_t size = CountersOf(version);
  while (size > 0 && counts.*kCounters[size - 1] == 0) --size;
  out.Varint(size);
  for (size_t i = 0; i < size; ++i) out.Varint(counts.*kCounters[i]);
}

// Which formats there are, then how many of each: most fields have none or one.
void EncodeFormats(const sketch::FormatCounts& formats, ByteWriter& out) {
  sketch::FormatSet present = 0;
  for (size_t i = 0; i < formats.size(); ++i) {
    if (formats[i] > 0) present |= sketch::FormatSet{1} << i;
  }
  out.Varint(present);
  for (const uint64_t count : formats) {
    if (count > 0) out.Varint(count);
  }
}

void DecodeCounts(ByteReader& in, int version, FieldCounts& counts) {
  const size_t size = in.Count(1);
  if (size > CountersOf(version)) in.Fail();
  uint64_t last = 1;
  for (size_t i = 0; i < size && in.ok(); ++i) {
    last = in.Varint();
    counts.*kCounters[i] = AddSaturating(counts.*kCounters[i], last);
  }
  if (last == 0) in.Fail();
}

void DecodeFormats(ByteReader& in, sketch::FormatCounts& formats) {
  const uint64_t present = in.Varint();
  if (present >> sketch::kFormats != 0) in.Fail();
  for (size_t i = 0; i < formats.size() && in.ok(); ++i) {
    if ((present >> i & 1) == 0) continue;
    const uint64_t count = in.Varint();
    if (count == 0) in.Fail();
    formats[i] = AddSaturating(formats[i], count);
  }
}

void EncodeHistograms(const FieldSummary& field, int version, ByteWriter& out) {
  uint64_t present = 0;
  for (size_t i = 0; i < HistogramsOf(version); ++i) {
    if (!(field.*kHistograms[i]).empty()) present |= 1u << i;
  }
  out.Varint(present);
  for (size_t i = 0; i < HistogramsOf(version); ++i) {
    if (!(field.*kHistograms[i]).empty()) (field.*kHistograms[i]).Encode(out);
  }
}

template <class Sketch>
void AbsorbSketch(Sketch& into, Sketch&& from) {
  if (from.empty()) return;
  if (into.empty()) {
    into = std::move(from);
  } else {
    into.Merge(from);
  }
}

void DecodeHistograms(ByteReader& in, int version, FieldSummary& field) {
  const uint64_t present = in.Varint();
  constexpr uint64_t kValues = 1 | 2;
  constexpr uint64_t kAges = 8;  // of values
  if (present >> HistogramsOf(version) != 0 || ((present & kAges) != 0 && (present & kValues) == 0))
    in.Fail();
  for (size_t i = 0; i < HistogramsOf(version) && in.ok(); ++i) {
    if ((present >> i & 1) == 0) continue;
    sketch::Histogram histogram = sketch::Histogram::Decode(in);
    if (histogram.empty()) in.Fail();
    if (in.ok()) AbsorbSketch(field.*kHistograms[i], std::move(histogram));
  }
}

}  // namespace

void FieldCounts::Merge(const FieldCounts& other) {
  for (const auto counter : kCounters) this->*counter = AddSaturating(this->*counter, other.*counter);
  for (size_t i = 0; i < formats.size(); ++i) formats[i] = AddSaturating(formats[i], other.formats[i]);
}

void FieldSummary::Merge(const FieldSummary& other) {
  counts.Merge(other.counts);
  for (const auto histogram : kHistograms) {
    if (!(other.*histogram).empty()) (this->*histogram).Merge(other.*histogram);
  }
  if (!other.categories.empty()) categories.Merge(other.categories);
  if (!other.texts.empty()) texts.Merge(other.texts);
}

void FieldSummary::Absorb(FieldSummary&& other) {
  counts.Merge(other.counts);
  for (const auto histogram : kHistograms) AbsorbSketch(this->*histogram, std::move(other.*histogram));
  AbsorbSketch(categories, std::move(other.categories));
  AbsorbSketch(texts, std::move(other.texts));
}

void FieldSummary::Conceal() {
  for (const auto histogram : kHistograms) {
    if (!(this->*histogram).empty()) (this->*histogram).Conceal();
  }
}

void FieldSummary::DropHashed() {
  categories = {};
  texts = {};
}

void EncodeField(const FieldSummary& field, Family family, ByteWriter& out, int version) {
  switch (family) {
    case Family::kCounts:
      EncodeCounts(field.counts, version, out);
      return EncodeFormats(field.counts.formats, out);
    case Family::kDistributions:
      return EncodeHistograms(field, version, out);
    case Family::kHashed:
      field.categories.Encode(out);
      if (version >= 2) field.texts.Encode(out);
      return;
  }
}

void DecodeField(ByteReader& in, Family family, FieldSummary& field, int version) {
  switch (family) {
    case Family::kCounts:
      DecodeCounts(in, version, field.counts);
      return DecodeFormats(in, field.counts.formats);
    case Family::kDistributions:
      return DecodeHistograms(in, version, field);
    case Family::kHashed: {
      sketch::Categories categories = sketch::Categories::Decode(in);
      sketch::Texts texts = version >= 2 ? sketch::Texts::Decode(in) : sketch::Texts();
      // A text's value was counted.
      if (categories.empty() && !texts.empty()) in.Fail();
      if (!in.ok()) return;
      AbsorbSketch(field.categories, std::move(categories));
      AbsorbSketch(field.texts, std::move(texts));
      return;
    }
  }
  in.Fail();
}

void MergeFields(Fields& into, const Fields& from) {
  for (const auto& [path, field] : from) into[path].Merge(field);
}

void AbsorbFields(Fields& into, Fields from) {
  // Both ascend, and mostly have the same paths.
  auto at = into.begin();
  for (auto field = from.begin(); field != from.end();) {
    const auto next = std::next(field);
    while (at != into.end() && at->first < field->first) ++at;
    if (at != into.end() && at->first == field->first) {
      at->second.Absorb(std::move(field->second));
    } else {
      at = into.insert(at, from.extract(field));
    }
    field = next;
  }
}

void DropHashed(Fields& fields) {
  for (auto& [path, field] : fields) field.DropHashed();
}

}  // namespace fieldmark::profile
