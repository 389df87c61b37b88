// Profiles of documents. Observing holds the GIL, as a recorder does; merging, encoding and decoding are
// short.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bind.h"
#include "fieldmark/bucket/document_profiler.h"
#include "fieldmark/profile/reading.h"
#include "fieldmark/sketch/formats.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace fieldmark::python {
namespace {

using bucket::SavedProfile;
using profile::FieldCounts;
using profile::Fields;
using profile::FieldSummary;
using sketch::Histogram;

UnixMs Now() {
  using std::chrono::milliseconds, std::chrono::system_clock;
  return std::chrono::duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

nb::str Text(std::string_view text) { return nb::str(text.data(), text.size()); }

// Whole numbers that a double holds are ints.
nb::object Number(double value, bool whole) {
  constexpr double kExact = 9007199254740992;
  if (whole && std::abs(value) <= kExact) return nb::int_(static_cast<int64_t>(value));
  return nb::float_(value);
}

nb::dict HistogramToDict(const Histogram& histogram, bool whole) {
  const profile::Values values(histogram, whole);
  nb::dict out;
  out["count"] = histogram.count();
  out["min"] = Number(values.min(), whole);
  out["max"] = Number(values.max(), whole);
  for (const auto& [name, q] : profile::kQuantiles) out[name] = Number(values.Quantile(q), whole);
  return out;
}

nb::dict NonZero(std::initializer_list<std::pair<const char*, uint64_t>> counts) {
  nb::dict out;
  for (const auto& [name, count] : counts) {
    if (count > 0) out[name] = count;
  }
  return out;
}

nb::dict FormatsToDict(const sketch::FormatCounts& formats) {
  nb::dict out;
  for (size_t i = 0; i < formats.size(); ++i) {
    if (formats[i] > 0) out[Text(sketch::FormatName(static_cast<sketch::Format>(i)))] = formats[i];
  }
  return out;
}

nb::dict FieldToDict(const Fields& fields, const std::string& path, const FieldSummary& field) {
  const FieldCounts& counts = field.counts;
  nb::dict out;
  out["field"] = Text(path);
  out["documents"] = counts.documents;
  out["seen"] = counts.seen;
  out["types"] = NonZero({{"null", counts.nulls},
                          {"false", counts.falses},
                          {"true", counts.trues},
                          {"integer", counts.integers},
                          {"float", counts.floats},
                          {"string", counts.strings},
                          {"object", counts.objects},
                          {"array", counts.arrays}});
  out["oddities"] = NonZero({{"big_integers", counts.big_integers},
                             {"non_finites", counts.non_finites},
                             {"duplicate_keys", counts.duplicate_keys},
                             {"invalid_utf8", counts.invalid_utf8},
                             {"folded", counts.folded},
                             {"cut", counts.cut},
                             {"limited", counts.limited}});
  out["formats"] = FormatsToDict(counts.formats);
  if (profile::IsMember(path)) {
    const profile::Missing missing = profile::MissingOf(fields, path);
    nb::dict range;
    range["objects"] = missing.objects;
    range["min"] = missing.min;
    range["max"] = missing.max;
    out["missing"] = range;
  }
  if (!field.numbers.empty()) out["numbers"] = HistogramToDict(field.numbers, profile::AreWhole(counts));
  if (!field.string_bytes.empty()) out["string_bytes"] = HistogramToDict(field.string_bytes, true);
  if (!field.age_ms.empty()) out["age_ms"] = HistogramToDict(field.age_ms, false);
  if (!field.array_items.empty()) out["array_items"] = HistogramToDict(field.array_items, true);
  if (!field.categories.empty()) {
    nb::dict distinct;
    distinct["count"] = profile::DistinctOf(field.categories);
    distinct["exact"] = !field.categories.overflowed();
    out["distinct"] = distinct;
  }
  const std::vector<profile::RevealedValue> revealed = profile::RevealedOf(field);
  if (!revealed.empty()) {
    nb::list values;
    for (const profile::RevealedValue& value : revealed) {
      nb::dict one;
      one["value"] = Text(value.text);
      one["type"] = Text(value.is_number ? "number" : "string");
      one["count"] = value.count;
      values.append(one);
    }
    out["revealed"] = values;
  }
  return out;
}

// The names are those of `fieldmark profile --json`.
nb::dict ProfileToDict(const SavedProfile& saved) {
  const Fields fields = profile::WithMapsFolded(saved.body.fields, profile::MapsOf(saved.body.fields));
  nb::list list;
  for (const auto& [path, field] : fields) list.append(FieldToDict(fields, path, field));
  nb::dict malformed;
  for (size_t kind = 0; kind < saved.body.malformed.size(); ++kind) {
    const uint64_t count = saved.body.malformed[kind];
    if (count > 0) malformed[Text(json::MalformedName(static_cast<json::Malformed>(kind)))] = count;
  }
  nb::dict out;
  out["format"] = "fieldmark.profile/1";
  out["documents"] = saved.body.documents;
  out["malformed"] = malformed;
  out["hash_key_id"] = nb::none();
  if (saved.hash_key_id != 0) {
    char id[24];
    std::snprintf(id, sizeof id, "%016llx", static_cast<unsigned long long>(saved.hash_key_id));
    out["hash_key_id"] = nb::str(id);
  }
  out["fields"] = list;
  return out;
}

// What was observed, and what was merged and decoded before.
class Profile {
 public:
  Profile(SavedProfile saved, const std::optional<HashKey>& key, bool keep_key,
          const std::vector<std::string>& reveal)
      : profiler_(key, keep_key, Revealed(reveal)), saved_(std::move(saved)) {}

  // False: no JSON document; counted.
  bool Observe(const nb::bytes& body) {
    return profiler_.Observe(View(body), Now()).malformed == json::Malformed::kNone;
  }

  const SavedProfile& All() {
    hashes_kept_ = saved_.Merge(profiler_.Take()) && hashes_kept_;
    return saved_;
  }

  bool Merge(Profile& other) {
    const SavedProfile theirs = other.All();  // a copy: `other` may be this one
    All();
    hashes_kept_ = saved_.Merge(theirs) && hashes_kept_;
    return hashes_kept_;
  }

 private:
  static std::shared_ptr<const profile::Declarations> Revealed(const std::vector<std::string>& fields) {
    const auto declarations = bucket::RevealedDocuments(fields);
    if (!declarations.ok()) {
      Raise({declarations.error().code, "reading what to reveal: " + declarations.error().message});
    }
    return *declarations;
  }

  bucket::DocumentProfiler profiler_;
  SavedProfile saved_;
  bool hashes_kept_ = true;
};

using KeyText = std::optional<std::string_view>;  // 32 hexadecimal digits

std::optional<HashKey> KeyOf(const KeyText& hex) {
  if (!hex) return std::nullopt;
  return OrRaise(HashKey::FromHex(*hex));
}

using Reveal = std::vector<std::string>;

Profile* Decode(const nb::bytes& data, const KeyText& hash_key, const Reveal& reveal) {
  SavedProfile saved = OrRaise(bucket::DecodeProfile(View(data)));
  const std::optional<HashKey> key = hash_key ? KeyOf(hash_key) : saved.hash_key;
  return new Profile(std::move(saved), key, /*keep_key=*/!hash_key, reveal);
}

nb::bytes Encode(Profile& profile) {
  const std::string bytes = OrRaise(bucket::EncodeProfile(profile.All()));
  return nb::bytes(bytes.data(), bytes.size());
}

}  // namespace

void BindProfile(nb::module_& module) {
  nb::class_<Profile>(module, "Profile")
      .def(
          "__init__",
          [](Profile* self, const KeyText& hash_key, bool keep_hash_key, const Reveal& reveal) {
            new (self) Profile({}, KeyOf(hash_key), keep_hash_key, reveal);
          },
          "hash_key"_a = nb::none(), "keep_hash_key"_a = false, "reveal"_a = Reveal())
      .def_static("decode", &Decode, "data"_a, "hash_key"_a = nb::none(), "reveal"_a = Reveal(),
                  nb::rv_policy::take_ownership)
      .def("observe", &Profile::Observe, "body"_a)
      .def("merge", &Profile::Merge, "other"_a)
      .def("encode", &Encode)
      .def(
          "to_dict", [](Profile& self) { return ProfileToDict(self.All()); },
          nb::sig("def to_dict(self) -> dict[str, object]"))
      .def_prop_ro("documents", [](Profile& self) { return self.All().body.documents; })
      .def_prop_ro("hash_key_id", [](Profile& self) { return self.All().hash_key_id; });
}

}  // namespace fieldmark::python
