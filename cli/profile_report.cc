#include "cli/profile_report.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <cmath>
#include <cstdio>
#include <tuple>

#include "cli/terminal.h"
#include "fieldmark/judge/words.h"
#include "fieldmark/profile/path.h"
#include "fieldmark/profile/reading.h"

namespace fieldmark::cli {
namespace {

using bucket::BodySummary;
using profile::FieldCounts;
using profile::Fields;
using profile::FieldSummary;
using profile::Missing;
using profile::Values;
using sketch::Format;
using sketch::Histogram;

constexpr double kRareShare = 0.01;    // of nulls and absences: seldom enough to be forgotten
constexpr double kFormatShown = 0.01;  // of the strings, before a format is in the table
constexpr double kFormatUsual = 0.9;   // of the strings, before others than it are worth a remark
constexpr double kCardShare = 0.2;     // one in ten numbers of that length has a card's check digit
constexpr uint64_t kConstantMin = 50;  // values, before it is said that they are all one
constexpr size_t kFormatsShown = 3;
constexpr size_t kValuesShown = 5;
constexpr const char* kNone = "–";

// What a string is meant to be, of which it then is all or nothing; the others only describe it.
constexpr std::array kKinds = {Format::kUuid,   Format::kDate,    Format::kDateTime,
                               Format::kEmail,  Format::kUrl,     Format::kIp,
                               Format::kNumber, Format::kBoolean, Format::kJson};
constexpr std::array kSecrets = {Format::kJwt, Format::kKey};
constexpr std::array kPersonal = {Format::kCard, Format::kIban};
constexpr std::array kUntidy = {Format::kBlank, Format::kPadded, Format::kControl};

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(std::min(part, whole)) / static_cast<double>(whole);
}

// As a percentage that is 0 % and 100 % only where nothing or everything is meant.
std::string PercentWords(double ratio) {
  if (ratio <= 0.99 || ratio >= 1) return judge::PercentWords(ratio);
  const int decimals = std::min(6, static_cast<int>(std::ceil(-std::log10((1 - ratio) * 100))));
  char text[24];
  std::snprintf(text, sizeof text, "%.*f %%", decimals, ratio * 100);
  return text;
}

uint64_t NotNull(const FieldCounts& counts) { return counts.seen - std::min(counts.seen, counts.nulls); }
uint64_t Booleans(const FieldCounts& counts) { return counts.trues + counts.falses; }
uint64_t Count(const FieldCounts& counts, Format format) {
  return counts.formats[static_cast<size_t>(format)];
}

// Exact to the unit, unlike CountWords: "12 345".
std::string ExactCount(uint64_t count) {
  std::string digits = std::to_string(count);
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ' ');
  return digits;
}
std::string Counted(uint64_t count, const char* noun) {
  return ExactCount(count) + " " + noun + (count == 1 ? "" : "s");
}

// Numbers too long to read are powers of ten.
std::string NumberWords(double value) {
  const double magnitude = std::abs(value);
  if (magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e15)) return judge::NumberWords(value);
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

struct TypeShare {
  const char* name;
  uint64_t count;
};

// What is not null, commonest first. Integers and floats are told apart only where a field has one of them.
std::vector<TypeShare> TypesOf(const FieldCounts& counts) {
  const char* numbers = counts.floats == 0 ? "integer" : "number";
  std::vector<TypeShare> types = {{"string", counts.strings},
                                  {numbers, counts.integers + counts.floats},
                                  {"boolean", Booleans(counts)},
                                  {"object", counts.objects},
                                  {"array", counts.arrays}};
  std::erase_if(types, [](const TypeShare& type) { return type.count == 0; });
  std::stable_sort(types.begin(), types.end(),
                   [](const TypeShare& a, const TypeShare& b) { return a.count > b.count; });
  return types;
}

std::string TypesText(const FieldCounts& counts) {
  const std::vector<TypeShare> types = TypesOf(counts);
  if (types.empty()) return "null";
  if (types.size() == 1) return types.front().name;
  std::string text;
  for (const TypeShare& type : types) {
    text += (text.empty() ? "" : ", ") + std::string(type.name) + " " +
            PercentWords(Share(type.count, NotNull(counts)));
  }
  return text;
}

std::string MissingText(const Fields& fields, const std::string& path) {
  if (!profile::IsMember(path)) return kNone;
  const Missing missing = profile::MissingOf(fields, path);
  const std::string least = PercentWords(Share(missing.min, missing.objects));
  const std::string most = PercentWords(Share(missing.max, missing.objects));
  return least == most ? least : least.substr(0, least.size() - 2) + " to " + most;
}

bool IsConstant(const FieldSummary& field) {
  return !field.categories.overflowed() && field.categories.entries().size() == 1;
}

std::string DistinctText(const FieldSummary& field) {
  if (field.categories.empty()) return kNone;
  const uint64_t count = profile::DistinctOf(field.categories);
  return field.categories.overflowed() ? "~" + judge::CountWords(static_cast<double>(count))
                                       : ExactCount(count);
}

std::string FormatsText(const FieldCounts& counts) {
  std::vector<std::pair<uint64_t, Format>> formats;
  for (size_t i = 0; i < sketch::kFormats; ++i) {
    const auto format = static_cast<Format>(i);
    if (Share(Count(counts, format), counts.strings) >= kFormatShown)
      formats.emplace_back(Count(counts, format), format);
  }
  std::stable_sort(formats.begin(), formats.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  formats.resize(std::min(formats.size(), kFormatsShown));
  std::string text;
  for (const auto& [count, format] : formats) {
    text += (text.empty() ? "" : ", ") + std::string(sketch::FormatName(format));
    if (count < counts.strings) text += " " + PercentWords(Share(count, counts.strings));
  }
  return text.empty() ? kNone : text;
}

std::string RangeText(const Histogram& histogram, bool whole, const char* unit) {
  const Values values(histogram, whole);
  const std::string least = NumberWords(values.min());
  const std::string most = NumberWords(values.max());
  const std::string named = *unit == '\0' ? "" : std::string(" ") + unit;
  if (least == most)
    return least + (least == "1" && !named.empty() ? named.substr(0, named.size() - 1) : named);
  return least + " … " + most + named + ", median " + NumberWords(values.Quantile(0.5)) + ", 99 % ≤ " +
         NumberWords(values.Quantile(0.99));
}

// How old the values were when they were read.
std::string AgeText(const Histogram& age_ms) {
  const std::string least = judge::SpanWords(age_ms.min());
  const std::string most = judge::SpanWords(age_ms.max());
  if (least == most) return least + " old";
  return least + " … " + most + " old, median " + judge::SpanWords(age_ms.Quantile(0.5));
}

// The commonest of the values that may be shown, and how much of all values they are.
std::string RevealedText(const FieldSummary& field) {
  const std::vector<profile::RevealedValue> values = profile::RevealedOf(field);
  std::string text;
  for (size_t i = 0; i < std::min(values.size(), kValuesShown); ++i) {
    text += (text.empty() ? "" : ", ") + ("`" + Printable(values[i].text) + "` ") +
            PercentWords(Share(values[i].count, field.categories.total()));
  }
  if (values.size() > kValuesShown) text += ", …";
  return text;
}

std::string ValuesText(const FieldSummary& field) {
  std::string text;
  const auto add = [&](const std::string& words) { text += (text.empty() ? "" : "; ") + words; };
  const std::string revealed = RevealedText(field);
  if (!revealed.empty()) add(revealed);
  if (profile::AreMoments(field)) {
    add(AgeText(field.age_ms));
  } else if (!field.numbers.empty()) {
    add(RangeText(field.numbers, profile::AreWhole(field.counts), ""));
  }
  if (!field.string_bytes.empty()) add(RangeText(field.string_bytes, true, "bytes"));
  if (!field.array_items.empty()) add(RangeText(field.array_items, true, "items"));
  const uint64_t booleans = Booleans(field.counts);
  if (booleans > 0) add("true " + PercentWords(Share(field.counts.trues, booleans)));
  return text.empty() ? kNone : text;
}

std::string PathText(const std::string& path) { return path.empty() ? "(document)" : Printable(path); }

// ---- remarks

constexpr double kAlarming = 3;
constexpr double kStrange = 2;
constexpr double kNotable = 1;

uint64_t Malformed(const BodySummary& body) {
  uint64_t count = 0;
  for (const uint64_t of_kind : body.malformed) count += of_kind;
  return count;
}

std::string MalformedText(const BodySummary& body) {
  std::string text;
  for (size_t kind = 0; kind < body.malformed.size(); ++kind) {
    if (body.malformed[kind] == 0) continue;
    text += (text.empty() ? "" : ", ") + ExactCount(body.malformed[kind]) + " " +
            std::string(json::MalformedName(static_cast<json::Malformed>(kind)));
  }
  return text;
}

class Remarker {
 public:
  explicit Remarker(const BodySummary& body) : body_(body) {}

  std::vector<Remark> All() && {
    const uint64_t malformed = Malformed(body_);
    if (malformed > 0) {
      path_.clear();
      Add(kAlarming + 1, Counted(malformed, "document") + " could not be read: " + MalformedText(body_));
    }
    for (const auto& [path, field] : body_.fields) {
      path_ = path;
      OfFormats(field.counts);
      OfTypes(field.counts);
      OfOddities(field.counts);
      OfAbsence(field.counts);
      if (IsConstant(field) && field.categories.total() >= kConstantMin) {
        Add(kNotable,
            "holds one and the same value in all " + ExactCount(field.categories.total()) + " places");
      }
    }
    std::stable_sort(remarks_.begin(), remarks_.end(),
                     [](const Remark& a, const Remark& b) { return a.weight > b.weight; });
    return std::move(remarks_);
  }

 private:
  void Add(double weight, std::string text) { remarks_.push_back({path_, std::move(text), weight}); }

  void OfFormats(const FieldCounts& counts) {
    const auto share = [&](Format format) { return Share(Count(counts, format), counts.strings); };
    for (const Format format : kSecrets) {
      if (share(format) > 0)
        Add(kAlarming + share(format), "looks like a secret (" + Named(format, counts) + ")");
    }
    for (const Format format : kPersonal) {
      if (share(format) >= kCardShare) {
        Add(kAlarming + share(format), "looks like personal data (" + Named(format, counts) + ")");
      }
    }
    for (const Format format : kUntidy) {
      if (share(format) > 0) {
        Add(kNotable + share(format), std::string(sketch::FormatName(format)) + " in " +
                                          PercentWords(share(format)) + " of its strings");
      }
    }
    for (const Format format : kKinds) {
      if (share(format) >= kFormatUsual && share(format) < 1) {
        Add(kStrange, PercentWords(1 - share(format)) + " of its strings are no " +
                          std::string(sketch::FormatName(format)) + ", unlike the others");
      }
    }
  }

  static std::string Named(Format format, const FieldCounts& counts) {
    return std::string(sketch::FormatName(format)) + " in " +
           PercentWords(Share(Count(counts, format), counts.strings)) + " of its strings";
  }

  void OfTypes(const FieldCounts& counts) {
    const std::vector<TypeShare> types = TypesOf(counts);
    if (types.size() < 2) return;
    Add(kStrange + 1 - Share(types.front().count, NotNull(counts)),
        "has several types: " + TypesText(counts));
  }

  void OfOddities(const FieldCounts& counts) {
    struct Oddity {
      uint64_t count, of;
      const char* text;
    };
    const Oddity oddities[] = {
        {counts.invalid_utf8, counts.strings, "of its strings are not valid UTF-8"},
        {counts.non_finites, counts.integers + counts.floats,
         "of its numbers are NaN, infinite or beyond a double"},
        {counts.big_integers, counts.integers, "of its integers are beyond 64 bits"},
        {counts.duplicate_keys, counts.seen, "of its objects hold the key again; the first was profiled"},
        {counts.folded, counts.objects, "of its objects hold keys that are data or too many, shown as {}"},
        {counts.cut, counts.cut, "of what is below it was not profiled: too deep, or too many fields"},
        {counts.limited, counts.limited, "values were counted only: out of memory for more"},
    };
    for (const Oddity& oddity : oddities) {
      if (oddity.count == 0) continue;
      const bool is_shape = oddity.text == oddities[4].text;
      const double share = Share(oddity.count, oddity.of);
      Add((is_shape ? kNotable : kStrange) + share, PercentWords(share) + " " + oddity.text);
    }
  }

  void OfAbsence(const FieldCounts& counts) {
    if (path_.empty()) return;
    if (counts.seen > 0 && counts.nulls == counts.seen) Add(kNotable, "is null wherever it is");
    const double nulls = Share(counts.nulls, counts.seen);
    if (nulls > 0 && nulls < kRareShare) {
      Add(kNotable + kRareShare - nulls,
          "null in only " + ExactCount(counts.nulls) + " of " + ExactCount(counts.seen));
    }
    const Missing missing = profile::MissingOf(body_.fields, path_);
    const double absent = Share(missing.min, missing.objects);
    if (absent > 0 && absent < kRareShare) {
      Add(kNotable + kRareShare - absent,
          "missing from only " + ExactCount(missing.min) + " of " + ExactCount(missing.objects));
    }
  }

  const BodySummary& body_;
  std::string path_;
  std::vector<Remark> remarks_;
};

// ---- JSON

namespace json = boost::json;

// Whole numbers that a double holds look like such.
json::value NumberJson(double value, bool whole) {
  constexpr double kExact = 9007199254740992;
  if (whole && std::abs(value) <= kExact) return static_cast<int64_t>(value);
  return value;
}

json::object HistogramJson(const Histogram& histogram, bool whole) {
  const Values values(histogram, whole);
  json::object object{{"count", histogram.count()},
                      {"min", NumberJson(values.min(), whole)},
                      {"max", NumberJson(values.max(), whole)}};
  for (const auto& [name, q] : profile::kQuantiles) object[name] = NumberJson(values.Quantile(q), whole);
  return object;
}

json::object CountsJson(const FieldCounts& counts) {
  json::object types;
  const std::pair<const char*, uint64_t> all[] = {{"null", counts.nulls},     {"false", counts.falses},
                                                  {"true", counts.trues},     {"integer", counts.integers},
                                                  {"float", counts.floats},   {"string", counts.strings},
                                                  {"object", counts.objects}, {"array", counts.arrays}};
  for (const auto& [name, count] : all) {
    if (count > 0) types[name] = count;
  }
  json::object odd;
  const std::pair<const char*, uint64_t> oddities[] = {{"big_integers", counts.big_integers},
                                                       {"non_finites", counts.non_finites},
                                                       {"duplicate_keys", counts.duplicate_keys},
                                                       {"invalid_utf8", counts.invalid_utf8},
                                                       {"folded", counts.folded},
                                                       {"cut", counts.cut},
                                                       {"limited", counts.limited}};
  for (const auto& [name, count] : oddities) {
    if (count > 0) odd[name] = count;
  }
  json::object formats;
  for (size_t i = 0; i < sketch::kFormats; ++i) {
    if (counts.formats[i] > 0) formats[sketch::FormatName(static_cast<Format>(i))] = counts.formats[i];
  }
  return {{"documents", counts.documents},
          {"seen", counts.seen},
          {"types", std::move(types)},
          {"oddities", std::move(odd)},
          {"formats", std::move(formats)}};
}

json::object FieldJson(const Fields& fields, const std::string& path, const FieldSummary& field) {
  json::object object{{"field", path}};
  for (auto& [name, value] : CountsJson(field.counts)) object[name] = value;
  if (profile::IsMember(path)) {
    const Missing missing = profile::MissingOf(fields, path);
    object["missing"] = {{"objects", missing.objects}, {"min", missing.min}, {"max", missing.max}};
  }
  if (!field.numbers.empty())
    object["numbers"] = HistogramJson(field.numbers, profile::AreWhole(field.counts));
  if (!field.string_bytes.empty()) object["string_bytes"] = HistogramJson(field.string_bytes, true);
  if (!field.age_ms.empty()) object["age_ms"] = HistogramJson(field.age_ms, false);
  if (!field.array_items.empty()) object["array_items"] = HistogramJson(field.array_items, true);
  if (!field.categories.empty()) {
    object["distinct"] = {{"count", profile::DistinctOf(field.categories)},
                          {"exact", !field.categories.overflowed()}};
  }
  json::array revealed;
  for (const profile::RevealedValue& value : profile::RevealedOf(field)) {
    revealed.push_back(json::object{
        {"value", value.text}, {"type", value.is_number ? "number" : "string"}, {"count", value.count}});
  }
  if (!revealed.empty()) object["revealed"] = std::move(revealed);
  return object;
}

json::object MalformedJson(const BodySummary& body) {
  json::object malformed;
  for (size_t kind = 0; kind < body.malformed.size(); ++kind) {
    if (body.malformed[kind] > 0) {
      malformed[json::string(fieldmark::json::MalformedName(static_cast<fieldmark::json::Malformed>(kind)))] =
          body.malformed[kind];
    }
  }
  return malformed;
}

}  // namespace

std::vector<Remark> RemarksOf(const BodySummary& body) { return Remarker(body).All(); }

std::string TableOf(const BodySummary& body) {
  std::vector<Row> rows = {
      {{"field", "types", "null", "missing", "distinct", "formats", "values"}, Tone::kQuiet}};
  for (const auto& [path, field] : body.fields) {
    const FieldCounts& counts = field.counts;
    rows.push_back(
        {{PathText(path), TypesText(counts), PercentWords(Share(counts.nulls, counts.seen)),
          MissingText(body.fields, path), DistinctText(field), FormatsText(counts), ValuesText(field)}});
  }
  std::string text = Aligned(rows, "");
  const std::vector<Remark> remarks = RemarksOf(body);
  if (remarks.empty()) return text;
  text += "\nRemarks, worst first\n";
  std::vector<Row> lines;
  for (const Remark& remark : remarks) {
    const Tone tone = remark.weight >= kAlarming  ? Tone::kBad
                      : remark.weight >= kStrange ? Tone::kAttention
                                                  : Tone::kPlain;
    lines.push_back({{PathText(remark.field), remark.text}, tone});
  }
  return text + Aligned(lines, "  ");
}

BodySummary WithMapsFolded(const BodySummary& body) {
  BodySummary folded = body;
  folded.fields = profile::WithMapsFolded(body.fields, profile::MapsOf(body.fields));
  return folded;
}

json::object ProfileJson(const bucket::SavedProfile& profile) {
  const BodySummary body = WithMapsFolded(profile.body);
  json::array fields;
  for (const auto& [path, field] : body.fields) fields.push_back(FieldJson(body.fields, path, field));
  json::array remarks;
  for (const Remark& remark : RemarksOf(body)) {
    remarks.push_back(json::object{{"field", remark.field}, {"text", remark.text}});
  }
  char key_id[24];
  std::snprintf(key_id, sizeof key_id, "%016llx", static_cast<unsigned long long>(profile.hash_key_id));
  return {{"format", "fieldmark.profile/1"},
          {"documents", body.documents},
          {"malformed", MalformedJson(body)},
          {"hash_key_id", profile.hash_key_id == 0 ? json::value(nullptr) : json::value(key_id)},
          {"fields", std::move(fields)},
          {"remarks", std::move(remarks)}};
}

}  // namespace fieldmark::cli
