#include "fieldmark/bucket/batch.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <tuple>

#include "fieldmark/bucket/summary_testing.h"

namespace fieldmark::bucket {
namespace {

constexpr Minute kMinute0 = 29'000'000;

BatchHeader Header() {
  BatchHeader header;
  header.stream = {"production", "orders", "9f2c1ab"};
  for (size_t i = 0; i < header.instance.size(); ++i) header.instance[i] = static_cast<uint8_t>(i);
  header.sequence = 300;
  header.sent_at_unix_ms = kMinute0 * kMsPerMinute + 61'000;
  header.source = Source::kReplay;
  header.hash_key_id = 0x0123456789abcdef;
  header.host = "web-1";
  header.pid = 4242;
  header.started_unix_ms = kMinute0 * kMsPerMinute;
  header.sdk = "python 0.1.0";
  return header;
}

std::string Unpacked(std::string_view packed) {
  std::string body(ZSTD_getFrameContentSize(packed.data(), packed.size()), '\0');
  EXPECT_EQ(ZSTD_decompress(body.data(), body.size(), packed.data(), packed.size()), body.size());
  return body;
}

std::string Packed(std::string_view body) {
  std::string packed(ZSTD_compressBound(body.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), body.data(), body.size(), 1));
  return packed;
}

// Everything before the zstd frame.
std::string Envelope(const BatchHeader& header) {
  const std::string bytes = EncodeBatch({header, {}});
  return bytes.substr(0, bytes.find("\x28\xb5\x2f\xfd"));
}

ErrorCode CodeOf(std::string_view bytes, size_t decoded_bytes_max = kBatchBytesMax) {
  const Result<Batch> batch = DecodeBatch(bytes, decoded_bytes_max);
  EXPECT_FALSE(batch.ok());
  if (batch.ok()) return ErrorCode::kInternal;
  EXPECT_EQ(batch.error().message.find("reading a batch: "), 0u);
  return batch.error().code;
}

TEST(Batch, ComesBackFromItsBytes) {
  Random random(127);
  for (int round = 0; round < 100; ++round) {
    const Batch batch{Header(), RandomBuckets(random)};
    const std::string bytes = EncodeBatch(batch);
    const Result<Batch> back = DecodeBatch(bytes);
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(*back, batch);
    EXPECT_EQ(EncodeBatch(*back), bytes);
    EXPECT_EQ(*DecodeBatchHeader(bytes), batch.header);
  }
}

TEST(Batch, OnlyWhatIsAskedForIsRead) {
  Random random(131);
  for (int round = 0; round < 50; ++round) {
    const Batch batch{Header(), RandomBuckets(random)};
    const BatchFilter filter{[](std::string_view subject) { return subject.size() % 2 == 0; },
                             [](profile::Family family) { return family == profile::Family::kCounts; }};
    const Result<Batch> read = DecodeBatch(EncodeBatch(batch), filter);
    ASSERT_TRUE(read.ok()) << read.error().message;
    for (const auto& [minute, bucket] : batch.buckets) {
      const Bucket& found = read->buckets.at(minute);
      for (const auto& [name, subject] : bucket) {
        ASSERT_EQ(found.contains(name), name.size() % 2 == 0);
        if (!found.contains(name)) continue;
        ByteWriter wanted, got;
        EncodeSubject(subject, profile::Family::kCounts, wanted);
        EncodeSubject(found.at(name), profile::Family::kCounts, got);
        EXPECT_EQ(got.bytes(), wanted.bytes());
        EXPECT_FALSE(HasFamily(found.at(name), profile::Family::kDistributions));
      }
    }
  }
}

BatchFilter NoFields() {
  BatchFilter filter;
  filter.field = [](std::string_view) { return false; };
  return filter;
}

TEST(Batch, FieldsThatNobodyWantsAreLeftOut) {
  Random random(137);
  for (int round = 0; round < 50; ++round) {
    Batch batch{Header(), RandomBuckets(random)};
    const std::string bytes = EncodeBatch(batch);
    const Result<Batch> read = DecodeBatch(bytes, NoFields());
    ASSERT_TRUE(read.ok()) << read.error().message;
    for (auto& [minute, bucket] : batch.buckets) {
      for (auto& [name, subject] : bucket) {
        if (subject.body) subject.body->fields.clear();
      }
    }
    EXPECT_EQ(*read, batch);
  }
}

// Else a server would acknowledge what it cannot fold.
TEST(Batch, FieldsThatNobodyWantsAreCheckedLikeOthers) {
  Random random(139);
  int refused = 0;
  for (int round = 0; round < 20; ++round) {
    const Batch batch{Header(), RandomBuckets(random)};
    const std::string bytes = EncodeBatch(batch);
    const std::string start = Envelope(batch.header);
    const std::string body = Unpacked(std::string_view(bytes).substr(start.size()));
    for (int change = 0; change < 200; ++change) {
      std::string changed = body;
      changed[Below(random, changed.size())] = static_cast<char>(Below(random, 256));
      const std::string damaged = start + Packed(changed);
      const bool whole = DecodeBatch(damaged).ok();
      ASSERT_EQ(DecodeBatch(damaged, NoFields()).ok(), whole);
      refused += !whole;
    }
  }
  EXPECT_GT(refused, 1000) << "of 4 000";
  // Their memory counts, too: the fold will need it.
  Batch large{Header(), {}};
  BodySummary& body = large.buckets[0]["GET / response 2xx"].body.emplace();
  for (int i = 0; i < 3'000; ++i) body.fields[std::to_string(i)].counts.documents = 1;
  const Result<Batch> read = DecodeBatch(EncodeBatch(large), NoFields(), 100u << 10);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(DecodeBatch(EncodeBatch(large), NoFields()).ok());
}

TEST(Batch, ItsHeaderIsReadWithoutItsBody) {
  const std::string envelope = Envelope(Header());
  EXPECT_EQ(*DecodeBatchHeader(envelope + "no zstd"), Header());
  EXPECT_EQ(CodeOf(envelope + "no zstd"), ErrorCode::kDataLoss);
}

TEST(Batch, MinutesBeforeTheEpochAreMinutesLikeOthers) {
  Batch batch{Header(), {}};
  for (const Minute minute : std::vector<Minute>{-153'722'867'280'912, -2, -1, 0, 1, 153'722'867'280'912}) {
    batch.buckets[minute][""].watch.emplace().observed_ms = 1;
  }
  EXPECT_EQ(*DecodeBatch(EncodeBatch(batch)), batch);
}

TEST(Batch, WithoutAKeyNothingHashedIsInside) {
  Batch batch{Header(), {}};
  batch.buckets[kMinute0]["GET /a request"].body.emplace().fields["a"].categories.Add(7);
  const std::string hashed_body = Unpacked(EncodeBatch(batch).substr(Envelope(batch.header).size()));
  batch.header.hash_key_id = 0;
  const Result<Batch> back = DecodeBatch(EncodeBatch(batch));
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(back->buckets.at(kMinute0).at("GET /a request").body->fields.at("a").categories.empty());
  EXPECT_EQ(CodeOf(Envelope(batch.header) + Packed(hashed_body)), ErrorCode::kDataLoss);
}

TEST(Batch, WhatIsNoBatchSaysWhy) {
  const std::string good = EncodeBatch({Header(), {}});
  std::string other_version = good;
  other_version[4] = kFormatVersion + 1;
  std::string other_source = Envelope(Header());
  other_source[other_source.find("\xef\xcd\xab") - 1] = 2;
  const struct {
    const char* what;
    std::string bytes;
    ErrorCode code;
  } cases[] = {
      {"nothing", "", ErrorCode::kInvalidArgument},
      {"another magic", "FMBX" + good.substr(4), ErrorCode::kInvalidArgument},
      {"no version", "FMBT\x01", ErrorCode::kDataLoss},
      {"a later version", other_version, ErrorCode::kUnsupported},
      {"a source of no name", other_source, ErrorCode::kInvalidArgument},
      {"a header cut short", good.substr(0, 20), ErrorCode::kDataLoss},
      {"no body", Envelope(Header()), ErrorCode::kDataLoss},
      {"a body cut short", good.substr(0, good.size() - 1), ErrorCode::kDataLoss},
      {"bytes after the body", good + "x", ErrorCode::kDataLoss},
      {"two frames", good + Packed("x"), ErrorCode::kDataLoss},
      {"an empty frame", Envelope(Header()) + Packed(""), ErrorCode::kDataLoss},
      {"a minute without subjects counted", Envelope(Header()) + Packed("\x01"), ErrorCode::kDataLoss},
  };
  for (const auto& [what, bytes, code] : cases) EXPECT_EQ(CodeOf(bytes), code) << what;
}

TEST(Batch, ABodyThatUnpacksToTooMuchIsRefusedUnread) {
  const std::string bomb = Envelope(Header()) + Packed(std::string(64 << 20, '\0'));
  EXPECT_LT(bomb.size(), 10'000u);
  EXPECT_EQ(CodeOf(bomb), ErrorCode::kTooLarge);
  const std::string good = EncodeBatch({Header(), {}});
  EXPECT_TRUE(DecodeBatch(good, 1).ok());
  EXPECT_EQ(CodeOf(good, 0), ErrorCode::kTooLarge);
}

// A frame that lies about its size is caught by zstd, whose output has no room beyond it.
TEST(Batch, ABodyThatDoesNotSayItsSizeIsRefused) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 0);
  std::string packed(1000, '\0');
  packed.resize(ZSTD_compress2(context.get(), packed.data(), packed.size(), "\0", 1));
  EXPECT_EQ(CodeOf(Envelope(Header()) + packed), ErrorCode::kInvalidArgument);
}

// Two bytes of a subject or a field take a kilobyte of memory: many of them must not take a gigabyte.
TEST(Batch, ABodyOfMoreThanFitsInMemoryIsRefused) {
  Batch batch{Header(), {}};
  Bucket& bucket = batch.buckets[kMinute0];
  for (int i = 0; i < 130'000; ++i) bucket[std::to_string(i)].events["a"] = 1;
  const std::string bytes = EncodeBatch(batch);
  EXPECT_EQ(CodeOf(bytes), ErrorCode::kTooLarge);
  EXPECT_TRUE(DecodeBatch(bytes, 64 << 20).ok());
}

TEST(Batch, DamageIsFoundOrHarmless) {
  Random random(131);
  for (int round = 0; round < 3'000; ++round) {
    const Batch batch{Header(), RandomBuckets(random)};
    const std::string good = EncodeBatch(batch);
    const std::string envelope = Envelope(batch.header);
    // Behind zstd's checksum, where a mischievous sender would put it.
    std::string body = Unpacked(std::string_view(good).substr(envelope.size()));
    for (uint64_t flips = 1 + Below(random, 3); flips > 0; --flips) {
      body[Below(random, body.size())] ^= static_cast<char>(1 << Below(random, 8));
    }
    if (Chance(random, 20)) body.resize(Below(random, body.size()) + 1);
    const Result<Batch> back = DecodeBatch(envelope + Packed(body));
    if (!back.ok()) continue;
    const Result<Batch> again = DecodeBatch(EncodeBatch(*back));
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(*again, *back);
  }
  const std::string good = EncodeBatch({Header(), RandomBuckets(random)});
  for (size_t i = Envelope(Header()).size(); i < good.size(); ++i) {
    std::string bytes = good;
    bytes[i] ^= 0x10;
    EXPECT_FALSE(DecodeBatch(bytes).ok() && !(*DecodeBatch(bytes) == *DecodeBatch(good))) << i;
  }
}

// What every later version must still read. The files were written by the version of their folder and never
// change.

// What version 2 added: ages, and of a field that is revealed texts and an exact range.
void AddVersionTwo(BodySummary& body) {
  profile::FieldSummary& status = body.fields["status"];
  status.counts.documents = status.counts.seen = 1200;
  status.counts.strings = 900;
  status.counts.integers = 300;
  for (const auto& [hash, text, times] : {std::tuple{0x0123'4567'89AB'CDEFu, "paid", 800u},
                                          std::tuple{0x1123'4567'89AB'CDEFu, "“open”", 100u}}) {
    status.categories.Add(hash, times);
    status.texts.Add(hash, false, text);
    status.string_bytes.Add(static_cast<double>(std::string_view(text).size()), times);
  }
  status.categories.Add(0x2123'4567'89AB'CDEF, 300);
  status.texts.Add(0x2123'4567'89AB'CDEF, true, "-1.5e+300");
  status.numbers.Add(-1.5e300, 300);
  profile::FieldSummary& created = body.fields["created_at"];
  created.counts.documents = created.counts.seen = created.counts.strings = 1200;
  created.string_bytes.Add(20, 1200);
  for (int i = 0; i < 1200; ++i) created.age_ms.Add(1000.0 * (i % 40) - 5000);
  created.Conceal();
}

SubjectSummary GoldenBody(int version) {
  SubjectSummary subject;
  BodySummary& body = subject.body.emplace();
  body.documents = 1200;
  body.malformed[static_cast<size_t>(json::Malformed::kTruncated)] = 2;
  body.compressed = 1;
  profile::FieldSummary& phone = body.fields["customer.phone"];
  phone.counts.documents = 1200;
  phone.counts.seen = 1200;
  phone.counts.nulls = 456;
  phone.counts.strings = 744;
  phone.counts.formats[static_cast<size_t>(sketch::Format::kPhone)] = 700;
  for (uint64_t i = 0; i < 744; ++i) {
    phone.string_bytes.Add(static_cast<double>(9 + i % 4));
    phone.categories.Add((i + 1) * 0x9E37'79B9'7F4A'7C15);
  }
  profile::FieldSummary& price = body.fields["items[].price"];
  price.counts.documents = 1200;
  price.counts.seen = 3000;
  price.counts.floats = 3000;
  for (int i = 0; i < 3000; ++i) price.numbers.Add(0.25 * (i % 97) - 1);
  price.categories.Add(1, 3000);
  body.fields["items"].array_items.Add(3, 1200);
  body.fields[""].counts.objects = 1200;
  for (auto& [path, field] : body.fields) field.Conceal();
  if (version >= 2) AddVersionTwo(body);
  body.hash_key_id = Header().hash_key_id;
  return subject;
}

Batch GoldenOrders(int version) {
  Batch batch{Header(), {}};
  Bucket& bucket = batch.buckets[kMinute0];
  bucket["POST /orders request"] = GoldenBody(version);
  RequestSummary& request = bucket["POST /orders"].request.emplace();
  request.by_status = {{0, 1}, {201, 1190}, {422, 9}, {500, 1}};
  request.by_exception["KeyError"] = 1;
  request.cancelled = 1;
  request.busy_us = 8'123'456;
  for (int i = 0; i < 1200; ++i) request.last_byte_ms.Add(4 + 0.125 * (i % 31));
  request.request_bytes.Add(844, 1200);
  bucket[""].watch = WatchSummary{60'000, 2, 3};
  SubjectSummary& job = batch.buckets[kMinute0 + 3]["job nightly-export"];
  job.run = RunSummary{.started = 2,
                       .succeeded = 1,
                       .failed = 1,
                       .last_finished_unix_ms = (kMinute0 + 3) * kMsPerMinute + 17,
                       .duration_ms = {}};
  job.run->duration_ms.Add(1500.5);
  job.events["exit 1"] = 1;
  return batch;
}

Batch GoldenExtremes() {
  Batch batch{Header(), {}};
  batch.header.source = Source::kLive;
  batch.header.stream.version = "";
  SubjectSummary& subject = batch.buckets[-5]["*"];
  profile::Fields& fields = subject.body.emplace().fields;
  profile::FieldSummary& all = fields["\"odd \\\"name\\\"\""];
  for (int exponent = -1074; exponent < 1024; ++exponent) {
    const double power = std::ldexp(1.0, exponent);
    all.numbers.Add(power);
    all.numbers.Add(-power * 0.75);
    all.string_bytes.Add(power * 3.5 > 1e6 || power < 1e-6 ? 1 : power * 3.5);
  }
  all.numbers.Add(0, UINT64_MAX);
  for (uint64_t i = 0; i < 20'000; ++i) all.categories.Add(i * 0x9E37'79B9'7F4A'7C15 ^ i >> 3);
  all.counts.cut = UINT64_MAX;
  all.counts.formats.fill(UINT64_MAX);
  all.Conceal();
  subject.body->hash_key_id = Header().hash_key_id;
  RequestSummary& request = subject.request.emplace();
  request.by_status[65535] = UINT64_MAX;
  request.first_byte_ms.Add(1e-300);
  request.first_byte_ms.Add(1e300);
  batch.buckets[-4];
  batch.buckets[0]["nothing"];
  return batch;
}

// Violations and traces, which came within version 2.
Batch GoldenViolations() {
  Batch batch{Header(), {}};
  SubjectSummary& subject = batch.buckets[kMinute0]["POST /orders"];
  RequestSummary& request = subject.request.emplace();
  request.by_status = {{422, 9}, {500, 3}};
  request.by_exception = {{"KeyError", 2}, {"ResponseValidationError", 1}};
  for (uint8_t i = 1; i <= 9; ++i) request.failed_traces.Add({i, 0xff});
  request.exception_traces["KeyError"].Add({1, 0xff});
  subject.violations[{"body.items[].price", "float_parsing"}] = {9, request.failed_traces};
  subject.violations[{"body.items[].price", "missing"}].count = UINT64_MAX;
  subject.violations[{"response.id", "int_type"}].count = 1;
  return batch;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string GoldenPath(int version, const std::string& name) {
  return std::string(FIELDMARK_SOURCE_DIR) + "/tests/golden/v" + std::to_string(version) + "/" + name +
         ".batch";
}

TEST(Batch, GoldenBatchesOfEveryVersionAreReadTheSame) {
  struct Case {
    int version;
    const char* name;
    Batch batch;
  };
  std::vector<Case> cases;
  for (int version = kFormatVersionMin; version <= kFormatVersion; ++version) {
    cases.push_back({version, "empty", {Header(), {}}});
    cases.push_back({version, "orders", GoldenOrders(version)});
    cases.push_back({version, "extremes", GoldenExtremes()});
  }
  cases.push_back({2, "violations", GoldenViolations()});
  for (const auto& [version, name, batch] : cases) {
    const std::string path = GoldenPath(version, name);
    // How the files of a new version are made, once.
    if (version == kFormatVersion && std::getenv("FIELDMARK_WRITE_GOLDEN") != nullptr) {
      std::ofstream(path, std::ios::binary) << EncodeBatch(batch);
    }
    const std::string golden = ReadFile(path);
    const Result<Batch> back = DecodeBatch(golden);
    ASSERT_TRUE(back.ok()) << name << ": " << back.error().message;
    EXPECT_EQ(*back, batch) << name;
    // Another zstd may pack otherwise; what it packs is the same to the byte.
    const std::string again = EncodeBatch(*back, static_cast<uint16_t>(version));
    const size_t envelope = Envelope(batch.header).size();
    EXPECT_EQ(again.substr(0, envelope), golden.substr(0, envelope)) << name;
    EXPECT_TRUE(Unpacked(again.substr(envelope)) == Unpacked(golden.substr(envelope))) << name;
  }
}

TEST(Batch, GoldenBatchesMergeWithTodays) {
  for (int version = kFormatVersionMin; version <= kFormatVersion; ++version) {
    Batch today = GoldenOrders(kFormatVersion);
    const Batch golden = *DecodeBatch(ReadFile(GoldenPath(version, "orders")));
    MergeBuckets(today.buckets, golden.buckets);
    const Bucket& bucket = today.buckets.at(kMinute0);
    EXPECT_EQ(bucket.at("POST /orders").request->count(), 2 * 1201u);
    const BodySummary& body = *bucket.at("POST /orders request").body;
    EXPECT_EQ(body.fields.at("customer.phone").counts.nulls, 2 * 456u);
    EXPECT_EQ(body.fields.at("customer.phone").categories.total(), 2 * 744u);
    EXPECT_EQ(body.fields.at("items[].price").numbers.count(), 2 * 3000u);
    EXPECT_EQ(body.hash_key_id, Header().hash_key_id);
    EXPECT_EQ(body.fields.at("status").texts.Find(0x0123'4567'89AB'CDEF)->text, "paid");
    EXPECT_EQ(body.fields.at("status").numbers.min(), -1.5e300);
    EXPECT_EQ(body.fields.at("created_at").age_ms.count(), version == 1 ? 1200u : 2400u);
  }
}

TEST(Batch, AnEarlierVersionLeavesOutWhatItDoesNotKnow) {
  const Batch batch{Header(), GoldenOrders(2).buckets};
  const Result<Batch> back = DecodeBatch(EncodeBatch(batch, 1));
  ASSERT_TRUE(back.ok()) << back.error().message;
  Batch expected = batch;
  for (auto& [path, field] : expected.buckets.at(kMinute0).at("POST /orders request").body->fields) {
    field.texts = {};
    field.age_ms = {};
  }
  EXPECT_EQ(*back, expected);
}

TEST(Batch, HoldsSubjectsOfItsOwnVersionAlone) {
  Batch batch{Header(), {}};
  batch.buckets[kMinute0][""].watch.emplace().observed_ms = 1;
  std::string mixed = Unpacked(EncodeBatch(batch, 1).substr(Envelope(batch.header).size()));
  ASSERT_TRUE(DecodeBatch(EncodeBatch(batch, 1)).ok());
  EXPECT_EQ(CodeOf(Envelope(batch.header) + Packed(mixed)), ErrorCode::kDataLoss);
}

// Hashes under two keys do not compare: none are left, and a later merge brings none back.
TEST(Batch, HashesUnderTwoKeysAreLetGoWhenTheyMeet) {
  const auto hashed = [](uint64_t key_id) {
    BodySummary body;
    body.fields["a"].counts.strings = 1;
    body.fields["a"].categories.Add(7);
    body.SetHashKeyId(key_id);
    return body;
  };
  BodySummary one = hashed(1);
  one.Merge(hashed(1));
  EXPECT_EQ(one.fields.at("a").categories.total(), 2u);
  one.Merge(hashed(2));
  one.Merge(hashed(1));
  EXPECT_TRUE(one.fields.at("a").categories.empty());
  EXPECT_EQ(one.fields.at("a").counts.strings, 4u);
  Batch batch{Header(), {}};
  batch.buckets[kMinute0]["POST /a request"].body = one;
  const Batch back = *DecodeBatch(EncodeBatch(batch));
  EXPECT_EQ(back, batch) << "the bytes remember it";
}

}  // namespace
}  // namespace fieldmark::bucket
