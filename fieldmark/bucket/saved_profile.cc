#include "fieldmark/bucket/saved_profile.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fieldmark/base/bytes.h"
#include "fieldmark/base/utf8.h"
#include "fieldmark/bucket/packed.h"

namespace fieldmark::bucket {
namespace {

using profile::Family;

constexpr size_t kMemoryFactor = 16;
constexpr std::array kAllFamilies = {Family::kCounts, Family::kDistributions, Family::kHashed};
static_assert(kAllFamilies.size() == profile::kFamilies);
constexpr UnpackTexts kUnpackTexts = {"a saved profile", "save it again from the documents",
                                      "save fewer documents in one profile"};

Error Damaged(std::string_view what) {
  return {ErrorCode::kDataLoss, "reading a saved profile: " + std::string(what) +
                                    " is damaged or cut short; save it again from the documents"};
}

// Whether there was anything to hash: without, a profile has no key and merges with those of any.
bool HoldsValues(const BodySummary& body) {
  return std::any_of(body.fields.begin(), body.fields.end(), [](const auto& item) {
    const profile::FieldCounts& counts = item.second.counts;
    return counts.strings > 0 || counts.integers > 0 || counts.floats > counts.non_finites ||
           !item.second.categories.empty();
  });
}

Result<SavedProfile> DecodeHeader(std::string_view bytes) {
  ByteReader in(bytes);
  SavedProfile profile;
  profile.hash_key_id = in.Fixed64();
  const uint8_t has_key = in.U8();
  if (has_key == 1) {
    const std::string_view key = in.Raw(sizeof(HashKey::bytes));
    std::copy(key.begin(), key.end(), profile.hash_key.emplace().bytes.begin());
  }
  if (!in.ok() || !in.done() || has_key > 1 || profile.hash_key_id == kMixedKeys)
    return Damaged("its header");
  if (profile.hash_key && profile.hash_key->Id() != profile.hash_key_id) return Damaged("its hash key");
  return profile;
}

// Only what profiling documents gives.
bool IsBodyAlone(const SubjectSummary& subject) {
  return subject.body && !subject.request && !subject.watch && !subject.run && subject.events.empty();
}

// Whoever shows them counts on that.
bool AreTexts(const profile::Fields& fields) {
  return std::all_of(fields.begin(), fields.end(), [](const auto& item) { return IsUtf8(item.first); });
}

Result<BodySummary> DecodeBody(std::string_view bytes, uint16_t version, uint64_t key_id,
                               size_t memory_left) {
  ByteReader in(bytes);
  SubjectSummary subject;
  const uint8_t present = in.U8();
  if (present >> profile::kFamilies != 0 || (present & 1) == 0) in.Fail();
  for (const Family family : kAllFamilies) {
    if (!in.ok() || (present >> static_cast<int>(family) & 1) == 0) continue;
    const std::string_view family_bytes = in.String();
    if (!family_bytes.starts_with(static_cast<char>(version))) in.Fail();
    ByteReader family_in(family_bytes);
    DecodeFamily(family_in, family, subject, memory_left);
    if (memory_left == 0) {
      return Error{ErrorCode::kTooLarge,
                   "reading a saved profile: it holds more fields than there is memory for; save fewer "
                   "documents in one profile"};
    }
    if (!family_in.ok() || !HasFamily(subject, family)) in.Fail();
  }
  if (!in.ok() || !in.done() || !IsBodyAlone(subject) || !AreTexts(subject.body->fields) ||
      subject.body->AnyHashed() != (key_id != 0)) {
    return Damaged("its body");
  }
  // Version 1 says it in the header alone.
  if (version == 1) subject.body->hash_key_id = key_id;
  if (subject.body->hash_key_id != key_id) return Damaged("its hash key");
  return std::move(*subject.body);
}

}  // namespace

void SavedProfile::Normalize() {
  if (hash_key_id == 0) profile::DropHashed(body.fields);
  body.SetHashKeyId(hash_key_id);
  hash_key_id = body.hash_key_id;
  if (hash_key && hash_key->Id() != hash_key_id) hash_key.reset();
}

bool SavedProfile::Merge(const SavedProfile& other) {
  const bool comparable = hash_key_id == other.hash_key_id || !HoldsValues(body) || !HoldsValues(other.body);
  if (!comparable) {
    hash_key_id = 0;
    hash_key.reset();
  } else if (hash_key_id == 0) {
    hash_key_id = other.hash_key_id;
  }
  if (comparable && !hash_key) hash_key = other.hash_key;
  body.Merge(other.body);
  Normalize();
  return comparable;
}

Result<std::string> EncodeProfile(const SavedProfile& profile) {
  ByteWriter header;
  header.Fixed64(profile.hash_key_id);
  header.U8(profile.hash_key ? 1 : 0);
  if (profile.hash_key) {
    header.Raw(
        {reinterpret_cast<const char*>(profile.hash_key->bytes.data()), profile.hash_key->bytes.size()});
  }

  ByteWriter body;
  uint8_t present = 0;
  for (const Family family : kAllFamilies) {
    if (HasFamily(profile.body, family)) present |= static_cast<uint8_t>(1 << static_cast<int>(family));
  }
  body.U8(present);
  ByteWriter encoded;
  for (const Family family : kAllFamilies) {
    if (!HasFamily(profile.body, family)) continue;
    encoded.Clear();
    EncodeSubject(profile.body, family, encoded);
    body.String(encoded.bytes());
  }
  if (body.size() > kProfileBytesMax) {
    return Error{ErrorCode::kTooLarge, "saving a profile: it takes " + std::to_string(body.size()) +
                                           " bytes, at most " + std::to_string(kProfileBytesMax) +
                                           " are read again; profile fewer documents into one file"};
  }

  ByteWriter out;
  out.Raw(kProfileMagic);
  out.U8(kProfileFormatVersion & 0xFF);
  out.U8(kProfileFormatVersion >> 8);
  out.String(header.bytes());
  out.Raw(Pack(body.bytes()));
  return std::move(out).Take();
}

Result<SavedProfile> DecodeProfile(std::string_view bytes, size_t decoded_bytes_max) {
  ByteReader in(bytes);
  if (in.Raw(kProfileMagic.size()) != kProfileMagic) {
    return Error{ErrorCode::kInvalidArgument,
                 "reading a saved profile: expected it to begin with FMPF, found other bytes; give a file "
                 "that 'fieldmark profile --save' wrote"};
  }
  const uint16_t low = in.U8();
  const int version = low | in.U8() << 8;
  if (!in.ok()) return Damaged("its version");
  if (version < kSubjectVersionMin || version > kProfileFormatVersion) {
    return Error{ErrorCode::kUnsupported, "reading a saved profile: found format version " +
                                              std::to_string(version) + ", this build reads " +
                                              std::to_string(kSubjectVersionMin) + " to " +
                                              std::to_string(kProfileFormatVersion) +
                                              "; use the fieldmark that saved it, or a newer one"};
  }
  const std::string_view header = in.String();
  if (!in.ok()) return Damaged("its header");
  Result<SavedProfile> profile = DecodeHeader(header);
  if (!profile.ok()) return profile.error();
  const Result<Unpacked> unpacked = Unpack(in.Raw(in.remaining()), decoded_bytes_max, kUnpackTexts);
  if (!unpacked.ok()) return unpacked.error();
  Result<BodySummary> body = DecodeBody(unpacked->bytes(), static_cast<uint16_t>(version),
                                        profile->hash_key_id, (kMemoryFactor - 1) * decoded_bytes_max);
  if (!body.ok()) return body.error();
  profile->body = std::move(body).value();
  return profile;
}

}  // namespace fieldmark::bucket
