// FORMAT.md is a contract: its vectors are what the code writes, and what it reads back.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <string>

#include "fieldmark/base/hash.h"
#include "fieldmark/bucket/batch.h"
#include "fieldmark/profile/profiler.h"

namespace fieldmark::bucket {
namespace {

using profile::Family;
using profile::Profiler;

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    if (!hex.empty()) hex.push_back(' ');
    hex.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    hex.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return hex;
}

template <class Write>
std::string Written(Write write) {
  ByteWriter out;
  write(out);
  return Hex(out.bytes());
}

std::string HexOfHash(uint64_t hash) {
  return Written([&](ByteWriter& out) { out.Fixed64(hash); });
}

sketch::Histogram HistogramOf(std::initializer_list<double> values) {
  sketch::Histogram histogram;
  for (const double value : values) histogram.Add(value);
  return histogram;
}

SubjectSummary Example() {
  SubjectSummary subject;
  RequestSummary& request = subject.request.emplace();
  request.by_status = {{200, 7}, {201, 1}, {500, 2}};
  request.by_exception["KeyError"] = 2;
  request.busy_us = 1500;
  sketch::TraceIds traces;
  traces.Add({1});
  request.failed_traces = traces;
  request.exception_traces["KeyError"] = traces;
  request.last_byte_ms = HistogramOf({2});
  BodySummary& body = subject.body.emplace();
  body.documents = 8;
  body.malformed[2] = 1;
  profile::FieldSummary& field = body.fields["phone"];
  field.counts.documents = 8;
  field.counts.seen = 8;
  field.counts.nulls = 3;
  field.counts.formats[static_cast<size_t>(sketch::Format::kPhone)] = 5;
  field.string_bytes.Add(9, 5);
  field.string_bytes.Conceal();
  field.categories.Add(0xff, 5);
  field.texts.Add(0xff, false, "+1");
  body.hash_key_id = 0x0102030405060708;
  subject.watch = WatchSummary{60'000, 0, 0};
  subject.run =
      RunSummary{.started = 1, .succeeded = 1, .failed = 0, .last_finished_unix_ms = 1000, .duration_ms = {}};
  subject.events["kind"] = 4;
  subject.violations[{"body.items[].price", "missing"}] = {2, traces};
  return subject;
}

std::string SubjectBytes(Family family) {
  return Written([&](ByteWriter& out) { EncodeSubject(Example(), family, out); });
}

std::string EnvelopeBytes() {
  Batch batch;
  batch.header.stream = {"production", "orders", "9f2c1ab"};
  batch.header.instance.fill(0xaa);
  batch.header.sequence = 1;
  batch.header.sent_at_unix_ms = 1000;
  batch.header.hash_key_id = 0x0102030405060708;
  batch.header.host = "web-1";
  batch.header.pid = 42;
  batch.header.sdk = "python 0.1.0";
  const std::string bytes = EncodeBatch(batch);
  return Hex(std::string_view(bytes).substr(0, bytes.find("\x28\xb5\x2f\xfd")));
}

std::map<std::string, std::string> Built() {
  const HashKey key = *HashKey::FromHex("af90cd68d34f50dcc1e999fe9fbb20b9");
  std::map<std::string, std::string> built;
  const auto varint = [](uint64_t value) { return Written([&](ByteWriter& out) { out.Varint(value); }); };
  const auto signed_number = [](int64_t value) {
    return Written([&](ByteWriter& out) { out.Signed(value); });
  };
  const auto histogram = [](sketch::Histogram value, bool concealed) {
    if (concealed) value.Conceal();
    return Written([&](ByteWriter& out) { value.Encode(out); });
  };
  built["varint 0"] = varint(0);
  built["varint 300"] = varint(300);
  built["varint 2^64-1"] = varint(UINT64_MAX);
  built["signed -1"] = signed_number(-1);
  built["signed 64"] = signed_number(64);
  built["string \"ab\""] = Written([](ByteWriter& out) { out.String("ab"); });
  built["histogram of nothing"] = histogram({}, false);
  built["histogram of 1"] = histogram(HistogramOf({1}), false);
  built["histogram of 0, 1, 1.5, -2, concealed"] = histogram(HistogramOf({0, 1, 1.5, -2}), true);
  built["histogram of 2^-1074 and the largest double, concealed"] =
      histogram(HistogramOf({0x1p-1074, 0x1.fffffffffffffp1023}), true);
  built["categories of nothing"] = Written([](ByteWriter& out) { sketch::Categories().Encode(out); });
  built["categories of the hashes 255 twice and 1"] = Written([](ByteWriter& out) {
    sketch::Categories categories;
    categories.Add(255, 2);
    categories.Add(1);
    categories.Encode(out);
  });
  const std::string with_key = "hash of ";
  built[with_key + "string \"paid\""] = HexOfHash(Profiler::HashString(key, "paid"));
  built[with_key + "string \"\""] = HexOfHash(Profiler::HashString(key, ""));
  built[with_key + "number 0"] = HexOfHash(Profiler::HashInteger(key, 0));
  built[with_key + "number -0.0"] = HexOfHash(Profiler::HashNumber(key, -0.0));
  built[with_key + "number 1"] = HexOfHash(Profiler::HashInteger(key, 1));
  built[with_key + "number 12.5"] = HexOfHash(Profiler::HashNumber(key, 12.5));
  built[with_key + "number 9007199254740993"] = HexOfHash(Profiler::HashInteger(key, 9007199254740993));
  built[with_key + "number 18446744073709551615"] = HexOfHash(Profiler::HashUnsigned(key, UINT64_MAX));
  built["hash of trace 01 00 … 00"] = HexOfHash(sketch::TraceIds::HashOf({1}));
  built["id of the key"] = HexOfHash(key.Id());
  built["subject, counts"] = SubjectBytes(Family::kCounts);
  built["subject, distributions"] = SubjectBytes(Family::kDistributions);
  built["subject, hashed"] = SubjectBytes(Family::kHashed);
  built["batch up to its body"] = EnvelopeBytes();
  return built;
}

// The lines of the block, "name: hexadecimal".
std::map<std::string, std::string> Documented() {
  std::map<std::string, std::string> vectors;
  std::ifstream file(std::string(FIELDMARK_SOURCE_DIR) + "/fieldmark/bucket/FORMAT.md");
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("```")) {
      inside = line == "```vectors";
    } else if (inside) {
      const size_t colon = line.rfind(": ");
      vectors[line.substr(0, colon)] = line.substr(colon + 2);
    }
  }
  return vectors;
}

TEST(Format, TheDocumentedVectorsAreWhatIsWritten) {
  const std::map<std::string, std::string> built = Built();
  const std::map<std::string, std::string> documented = Documented();
  for (const auto& [name, hex] : built) {
    const auto at = documented.find(name);
    EXPECT_EQ(at == documented.end() ? "" : at->second, hex) << name;
  }
  for (const auto& [name, hex] : documented) EXPECT_TRUE(built.contains(name)) << name;
}

}  // namespace
}  // namespace fieldmark::bucket
