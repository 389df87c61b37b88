// What leaves the worker holds no value of a payload, but for the fields that are revealed: planted values
// are searched for in the unpacked bytes of batches and saved profiles, as text and in every form that a
// number could take.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "fieldmark/bucket/batch.h"
#include "fieldmark/bucket/document_profiler.h"
#include "fieldmark/bucket/packed.h"
#include "fieldmark/bucket/recorder.h"

namespace fieldmark::bucket {
namespace {

const HashKey kKey = *HashKey::FromHex("000102030405060708090a0b0c0d0e0f");
constexpr UnixMs kNow = 29'000'000 * kMsPerMinute;

// A document whose field `of` holds what is planted.
struct Plant {
  std::string of;
  std::string value;  // as JSON
};
const std::vector<Plant> kPlants = {
    {"word", "\"hunter2\""},
    {"sixteen", "\"sixteen--letters\""},
    {"lengthy", "\"a secret of more than sixteen bytes\""},
    {"born", "\"1968-07-19T11:22:33.444Z\""},
    {"seconds", "1701234567"},
    {"milliseconds", "1612345678912"},
    {"integer", "77001133557799"},
    {"below", "-77001133557788"},
    {"beyond", "18446744073709551557"},
    {"huge", "777666555444333222111000999"},
    {"price", "12345.678901"},
    {"tiny", "-1.2345678e-30"},
};

std::string Body() {
  std::string body = "{";
  for (const auto& [of, value] : kPlants) {
    body += "\"" + of + "\":" + value + ",\"list\":[" + value + "],\"in\":{\"" + of + "\":" + value + "},";
  }
  // Keys that are data, and their values.
  return body +
         "\"someone@example.org\":\"keyed one\",\"4111111111111111\":\"keyed two\","
         "\"123e4567-e89b-12d3-a456-426614174000\":{\"deadbeef00112233\":\"keyed three\"}}";
}
const std::vector<std::string> kKeys = {"someone@example.org", "4111111111111111",
                                        "123e4567-e89b-12d3-a456-426614174000", "deadbeef00112233"};
const std::vector<std::string> kKeyed = {"keyed one", "keyed two", "keyed three"};

// Every form in which the value could stand in bytes.
std::vector<std::string> FormsOf(const std::string& json) {
  if (json.starts_with('"')) {
    const std::string text = json.substr(1, json.size() - 2);
    std::vector<std::string> forms = {text};
    if (text.size() > 8) forms.push_back(text.substr(0, text.size() - 2));
    return forms;
  }
  std::vector<std::string> forms = {json};
  const double number = std::stod(json);
  const auto add = [&](auto write) {
    ByteWriter out;
    write(out);
    forms.push_back(std::move(out).Take());
  };
  for (const double each : {number, -number, number / 1000, number * 1000}) {
    add([&](ByteWriter& out) { out.Double(each); });
    if (std::abs(each) > 9e18 || std::abs(each) < 1e6) continue;
    const auto whole = static_cast<int64_t>(each);
    add([&](ByteWriter& out) { out.Fixed64(static_cast<uint64_t>(whole)); });
    add([&](ByteWriter& out) { out.Varint(static_cast<uint64_t>(whole)); });
    add([&](ByteWriter& out) { out.Signed(whole); });
  }
  return forms;
}

std::string Unpacked(const std::string& bytes) {
  const size_t frame = bytes.find("\x28\xb5\x2f\xfd");
  const Result<bucket::Unpacked> unpacked = Unpack(std::string_view(bytes).substr(frame), 64 << 20, {});
  EXPECT_TRUE(unpacked.ok());
  return bytes.substr(0, frame) + std::string(unpacked->bytes());
}

std::vector<std::string> Found(const std::string& bytes) {
  std::vector<std::string> found;
  for (const auto& [of, value] : kPlants) {
    for (const std::string& form : FormsOf(value)) {
      if (bytes.find(form) == std::string::npos) continue;
      found.push_back(of);
      break;
    }
  }
  for (const auto& list : {kKeys, kKeyed}) {
    for (const std::string& text : list) {
      if (bytes.find(text) != std::string::npos) found.push_back(text);
    }
  }
  return found;
}

std::string BatchBytes(const std::vector<std::string>& revealed, uint16_t version = kFormatVersion) {
  Recorder recorder({}, kKey);
  for (const std::string& path : revealed) recorder.Declare("", path, profile::FieldKind::kRevealed);
  // What a contract names is no reason to show its values.
  recorder.Declare("", "word", profile::FieldKind::kPlain);
  const std::string body = Body();
  for (int i = 0; i < 40; ++i) {
    recorder.Record({.route = "POST /orders",
                     .status = 200,
                     .ended_unix_ms = kNow + i,
                     .request = {BodyState::kCaptured, body, body.size()}});
  }
  Batch batch;
  batch.header.hash_key_id = recorder.hash_key_id();
  batch.buckets = recorder.Drain();
  EXPECT_EQ(batch.buckets.begin()->second.at("POST /orders request").body->documents, 40u);
  return Unpacked(EncodeBatch(batch, version));
}

std::string ProfileBytes(const std::vector<std::string>& revealed) {
  DocumentProfiler profiler(kKey, false, *RevealedDocuments(revealed));
  for (int i = 0; i < 40; ++i) profiler.Observe(Body());
  return Unpacked(*EncodeProfile(profiler.Take()));
}

TEST(Privacy, TheSearchFindsWhatIsThere) {
  std::vector<std::string> all;
  for (const auto& [of, value] : kPlants) all.push_back(of);
  all.insert(all.end(), kKeys.begin(), kKeys.end());
  all.insert(all.end(), kKeyed.begin(), kKeyed.end());
  EXPECT_EQ(Found(Body()), all);
  // An unconcealed histogram gives its least value away.
  sketch::Histogram histogram;
  histogram.Add(12345.678901);
  ByteWriter out;
  histogram.Encode(out);
  EXPECT_EQ(Found(out.bytes()), std::vector<std::string>{"price"});
}

TEST(Privacy, NothingOfAPayloadIsInWhatLeavesTheWorker) {
  for (uint16_t version = kFormatVersionMin; version <= kFormatVersion; ++version) {
    EXPECT_EQ(Found(BatchBytes({}, version)), std::vector<std::string>());
  }
  EXPECT_EQ(Found(ProfileBytes({})), std::vector<std::string>());
}

TEST(Privacy, WhatIsRevealedIsThereAndNothingElse) {
  for (const auto& [of, value] : kPlants) {
    EXPECT_EQ(Found(BatchBytes({of})), std::vector<std::string>{of});
    EXPECT_EQ(Found(ProfileBytes({of})), std::vector<std::string>{of});
  }
  EXPECT_EQ(Found(BatchBytes({"in.word", "never.seen", "list"})), std::vector<std::string>{"word"})
      << "an array's items are a field of their own";
  EXPECT_EQ(Found(BatchBytes({"{}"})), (std::vector<std::string>{"keyed one", "keyed two"}))
      << "values of keys without a name, never the keys";
}

TEST(Privacy, WhatIsRevealedInOneSubjectStaysHiddenInAnother) {
  Recorder recorder({}, kKey);
  EXPECT_TRUE(recorder.Declare("POST /orders response 2xx", "word", profile::FieldKind::kRevealed));
  const std::string body = Body();
  recorder.Record({.route = "POST /orders",
                   .status = 200,
                   .ended_unix_ms = kNow,
                   .request = {BodyState::kCaptured, body, body.size()},
                   .response = {BodyState::kCaptured, body, body.size()}});
  Batch batch;
  batch.header.hash_key_id = recorder.hash_key_id();
  batch.buckets = recorder.Drain();
  Bucket& bucket = batch.buckets.begin()->second;
  EXPECT_EQ(bucket.at("POST /orders response 2xx").body->fields.at("word").texts.entries().size(), 1u);
  bucket.erase("POST /orders response 2xx");
  EXPECT_EQ(Found(Unpacked(EncodeBatch(batch))), std::vector<std::string>());
}

// What validation answers with holds what was sent: as the input, in the message, and where keys are data in
// the location. A hostile one has it as the type too.
TEST(Privacy, NothingOfAPayloadIsInValidationErrors) {
  std::string answer = R"({"detail":[{"loc":["body","in","word"],"type":"missing","input":)" + Body() + "}";
  for (const auto& [of, value] : kPlants) {
    answer += R"(,{"loc":["body",")" + of + R"("],"type":"int_parsing","msg":"not )" +
              (value[0] == '"' ? value.substr(1, value.size() - 2) : value) + R"(","input":)" + value + "}";
  }
  for (const std::string& key : kKeys) answer += R"(,{"loc":["body",")" + key + R"("],"type":"int_parsing"})";
  for (const std::string& text : kKeyed) {
    answer += R"(,{"loc":["body",")" + text + R"("],"type":"extra_forbidden"})";
    answer += R"(,{"loc":["body",")" + text + R"(","[key]"],"type":"int_parsing"})";
    answer += R"(,{"loc":["body"],"type":")" + text + R"("})";
  }
  answer += "]}";
  Recorder recorder({}, kKey);
  recorder.Record({.route = "POST /orders",
                   .status = 422,
                   .ended_unix_ms = kNow,
                   .response = {BodyState::kCaptured, answer, answer.size()}});
  Batch batch;
  batch.header.hash_key_id = recorder.hash_key_id();
  batch.buckets = recorder.Drain();
  const Violations& violations = batch.buckets.begin()->second.at("POST /orders").violations;
  EXPECT_EQ(violations.at({"body.{}", "int_parsing"}).count, 1u);
  EXPECT_EQ(violations.at({"body.{}", "extra_forbidden"}).count, 1u);
  EXPECT_EQ(violations.at({"body", "(other)"}).count, 1u);
  EXPECT_EQ(Found(Unpacked(EncodeBatch(batch))), std::vector<std::string>());
}

}  // namespace
}  // namespace fieldmark::bucket
