#include "fieldmark/bucket/saved_profile.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "fieldmark/bucket/packed.h"
#include "fieldmark/bucket/summary_testing.h"
#include "fieldmark/profile/profiler.h"

namespace fieldmark::bucket {
namespace {

const HashKey kKeys[] = {*HashKey::FromHex("000102030405060708090a0b0c0d0e0f"),
                         *HashKey::FromHex("f00102030405060708090a0b0c0d0e0f")};

SavedProfile ProfileOf(std::initializer_list<std::string_view> bodies, const std::optional<HashKey>& key) {
  json::Reader reader;
  profile::Profiler profiler({}, key);
  SavedProfile profile;
  for (const std::string_view body : bodies) {
    profiler.Observe(reader.Read(body));
    ++profile.body.documents;
  }
  profile.body.fields = profiler.Take();
  for (auto& [path, field] : profile.body.fields) field.Conceal();
  if (key) profile.hash_key_id = key->Id();
  profile.hash_key = key;
  profile.Normalize();
  return profile;
}

// Hashed under one of two keys, or under none, or with nothing to hash.
SavedProfile RandomProfile(Random& random) {
  SavedProfile profile;
  profile.body = RandomBody(random);
  for (auto& [path, field] : profile.body.fields) field.counts.strings = field.categories.total();
  const uint64_t key = Below(random, 4);
  if (key < 2) {
    profile.hash_key_id = kKeys[key].Id();
    if (Chance(random, 50)) profile.hash_key = kKeys[key];
  }
  if (key == 2) {
    for (auto& [path, field] : profile.body.fields) field.counts.strings = 0, field.categories = {};
  }
  profile.Normalize();
  return profile;
}

SavedProfile Merged(SavedProfile a, const SavedProfile& b) {
  a.Merge(b);
  return a;
}

std::string Bytes(const SavedProfile& profile) { return *EncodeProfile(profile); }

TEST(SavedProfile, ComesBackFromItsBytes) {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    const SavedProfile profile = RandomProfile(random);
    const Result<SavedProfile> back = DecodeProfile(Bytes(profile));
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(*back, profile);
    EXPECT_EQ(Bytes(*back), Bytes(profile));
  }
}

TEST(SavedProfile, MergesInAnyOrderAndGrouping) {
  Random random(2);
  for (int round = 0; round < 500; ++round) {
    const SavedProfile a = RandomProfile(random), b = RandomProfile(random), c = RandomProfile(random);
    EXPECT_EQ(Merged(a, b), Merged(b, a));
    EXPECT_EQ(Merged(Merged(a, b), c), Merged(a, Merged(b, c)));
    EXPECT_EQ(Merged(a, {}), a);
    EXPECT_EQ(Merged({}, a), a);
  }
}

TEST(SavedProfile, DropsHashesThatDoNotCompareAndSaysSo) {
  SavedProfile one = ProfileOf({"{\"a\":\"x\"}"}, kKeys[0]);
  EXPECT_TRUE(one.Merge(ProfileOf({"{\"a\":\"y\"}"}, kKeys[0])));
  EXPECT_EQ(one.body.fields.at("a").categories.entries().size(), 2u);
  EXPECT_TRUE(one.Merge(ProfileOf({"{\"a\":null}"}, std::nullopt)));
  EXPECT_EQ(one.body.fields.at("a").categories.entries().size(), 2u);

  SavedProfile other_key = one, no_key = one;
  EXPECT_FALSE(other_key.Merge(ProfileOf({"{\"a\":\"x\"}"}, kKeys[1])));
  EXPECT_FALSE(no_key.Merge(ProfileOf({"{\"a\":\"x\"}"}, std::nullopt)));
  for (const SavedProfile& merged : {other_key, no_key}) {
    EXPECT_EQ(merged.body.fields.at("a").counts.strings, 3u);
    EXPECT_TRUE(merged.body.fields.at("a").categories.empty());
    EXPECT_EQ(merged.hash_key_id, 0u);
    EXPECT_FALSE(merged.hash_key);
  }
}

TEST(SavedProfile, HoldsNoValueAsText) {
  const std::string_view secret = "hunter2-hunter2-hunter2";
  const std::string bytes = Bytes(ProfileOf(
      {"{\"note\":\"hunter2-hunter2-hunter2\",\"pin\":77001133,\"4111111111111111\":1}"}, kKeys[0]));
  const std::string_view packed = std::string_view(bytes).substr(bytes.find("\x28\xb5\x2f\xfd"));
  const Result<Unpacked> unpacked = Unpack(packed, kProfileBytesMax, {});
  ASSERT_TRUE(unpacked.ok());
  ByteWriter pin_integer, pin_double, pin_varint;
  pin_integer.Fixed32(77001133);
  pin_double.Double(77001133);
  pin_varint.Varint(77001133);
  for (const std::string_view planted :
       {secret, secret.substr(0, 7), std::string_view("4111111111111111"),
        std::string_view(pin_integer.bytes()), std::string_view(pin_double.bytes()),
        std::string_view(pin_varint.bytes()), std::string_view("77001133")}) {
    EXPECT_EQ(unpacked->bytes().find(planted), std::string_view::npos) << planted;
  }
  EXPECT_NE(unpacked->bytes().find("note"), std::string_view::npos);
}

ErrorCode CodeOf(std::string_view bytes, size_t decoded_bytes_max = kProfileBytesMax) {
  const Result<SavedProfile> profile = DecodeProfile(bytes, decoded_bytes_max);
  EXPECT_FALSE(profile.ok());
  if (profile.ok()) return ErrorCode::kInternal;
  EXPECT_TRUE(profile.error().message.starts_with("reading a saved profile: ")) << profile.error().message;
  return profile.error().code;
}

TEST(SavedProfile, RefusesWhatIsNoneAndSaysWhy) {
  const SavedProfile profile = ProfileOf({"{\"a\":\"x\"}"}, kKeys[0]);
  const std::string bytes = Bytes(profile);
  EXPECT_EQ(CodeOf(""), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf("FMBT\x01"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf("FMPF"), ErrorCode::kDataLoss);
  std::string newer = bytes;
  newer[4] = kProfileFormatVersion + 1;
  EXPECT_EQ(CodeOf(newer), ErrorCode::kUnsupported);
  EXPECT_EQ(CodeOf(bytes, 4), ErrorCode::kTooLarge);
  EXPECT_EQ(CodeOf(bytes + "x"), ErrorCode::kDataLoss);
  std::string other_key = bytes;
  other_key[16] = static_cast<char>(other_key[16] ^ 1);
  EXPECT_EQ(CodeOf(other_key), ErrorCode::kDataLoss);
  for (size_t size = 4; size < bytes.size(); ++size)
    EXPECT_EQ(CodeOf(bytes.substr(0, size)), ErrorCode::kDataLoss);
}

TEST(SavedProfile, ADamagedByteNeverGivesAnotherProfile) {
  const SavedProfile profile = ProfileOf({"{\"a\":\"x\",\"b\":[1,2.5,null]}"}, kKeys[0]);
  const std::string bytes = Bytes(profile);
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int bit : {1, 16, 128}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ bit);
      const Result<SavedProfile> back = DecodeProfile(damaged);
      EXPECT_TRUE(!back.ok() || *back == profile) << at;
    }
  }
}

TEST(SavedProfile, RefusesABodyThatNoProfileHas) {
  const auto with_body = [](const SubjectSummary& subject, uint64_t hash_key_id) {
    ByteWriter encoded, body, out;
    EncodeSubject(subject, profile::Family::kCounts, encoded);
    body.U8(1);
    body.String(encoded.bytes());
    out.Raw(kProfileMagic);
    out.U8(kProfileFormatVersion);
    out.U8(0);
    ByteWriter header;
    header.Fixed64(hash_key_id);
    header.U8(0);
    out.String(header.bytes());
    out.Raw(Pack(body.bytes()));
    return std::move(out).Take();
  };
  SubjectSummary subject;
  EXPECT_EQ(CodeOf(with_body(subject, 0)), ErrorCode::kDataLoss);
  subject.body.emplace().documents = 1;
  EXPECT_TRUE(DecodeProfile(with_body(subject, 0)).ok());
  EXPECT_EQ(CodeOf(with_body(subject, 5)), ErrorCode::kDataLoss);  // a key and nothing hashed
  subject.body->fields["gr\xC3\xBC\xC3\x9F"].counts.seen = 1;
  EXPECT_TRUE(DecodeProfile(with_body(subject, 0)).ok());
  subject.body->fields["gr\xFC\xDF"].counts.seen = 1;
  EXPECT_EQ(CodeOf(with_body(subject, 0)), ErrorCode::kDataLoss);
  subject.body->fields.clear();
  subject.body->malformed[static_cast<size_t>(json::Malformed::kNone)] = 1;
  EXPECT_EQ(CodeOf(with_body(subject, 0)), ErrorCode::kDataLoss);
  subject.body->malformed = {};
  subject.watch.emplace().observed_ms = 1;
  EXPECT_EQ(CodeOf(with_body(subject, 0)), ErrorCode::kDataLoss);
}

TEST(SavedProfile, GoldenProfilesAreReadAndMergeWithTodays) {
  for (int version = kSubjectVersionMin; version <= kProfileFormatVersion; ++version) {
    const std::string path =
        std::string(FIELDMARK_SOURCE_DIR) + "/tests/golden/v" + std::to_string(version) + "/orders.profile";
    SavedProfile today =
        ProfileOf({"{\"id\":7,\"customer\":{\"phone\":\"+49 30 1234567\"},\"items\":[{\"price\":9.5}]}",
                   "{\"id\":8,\"customer\":{\"phone\":null},\"items\":[],\"paid\":true}"},
                  kKeys[0]);
    // How the file of a new version is made, once.
    if (version == kProfileFormatVersion && std::getenv("FIELDMARK_WRITE_GOLDEN") != nullptr) {
      std::ofstream(path, std::ios::binary) << Bytes(today);
    }
    std::ifstream in(path, std::ios::binary);
    const std::string golden((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const Result<SavedProfile> back = DecodeProfile(golden);
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(back->hash_key, kKeys[0]);
    EXPECT_TRUE(today.Merge(*back));
    EXPECT_EQ(today.body.documents, 4u);
    EXPECT_EQ(today.body.fields.at("customer.phone").counts.nulls, 2u);
    EXPECT_EQ(today.body.fields.at("id").categories.total(), 4u);
    EXPECT_EQ(today.body.fields.at("id").categories.entries().size(), 2u);
    EXPECT_EQ(today.body.hash_key_id, kKeys[0].Id());
  }
}

}  // namespace
}  // namespace fieldmark::bucket
