#include "fieldmark/bucket/batch.h"

#include <algorithm>
#include <bit>

#include "fieldmark/base/bytes.h"
#include "fieldmark/bucket/packed.h"

namespace fieldmark::bucket {
namespace {

using profile::Family;

constexpr std::string_view kMagic = "FMBT";
constexpr size_t kMemoryFactor = 16;
constexpr UnpackTexts kUnpackTexts = {"a batch", "send the batch again",
                                      "send fewer minutes or subjects at a time"};
constexpr std::array kAllFamilies = {Family::kCounts, Family::kDistributions, Family::kHashed};
static_assert(kAllFamilies.size() == profile::kFamilies);

Error Damaged(std::string_view what) {
  return {ErrorCode::kDataLoss,
          "reading a batch: " + std::string(what) + " is damaged or cut short; send the batch again"};
}

void EncodeHeader(const BatchHeader& header, ByteWriter& out) {
  out.String(header.stream.environment);
  out.String(header.stream.service);
  out.String(header.stream.version);
  out.Raw({reinterpret_cast<const char*>(header.instance.data()), header.instance.size()});
  out.Varint(header.sequence);
  out.Signed(header.sent_at_unix_ms);
  out.U8(static_cast<uint8_t>(header.source));
  out.Fixed64(header.hash_key_id);
  out.String(header.host);
  out.Varint(header.pid);
  out.Signed(header.started_unix_ms);
  out.String(header.sdk);
}

Result<BatchHeader> DecodeHeader(std::string_view bytes) {
  ByteReader in(bytes);
  BatchHeader header;
  header.stream.environment = in.String();
  header.stream.service = in.String();
  header.stream.version = in.String();
  const std::string_view instance = in.Raw(header.instance.size());
  std::copy(instance.begin(), instance.end(), header.instance.begin());
  header.sequence = in.Varint();
  header.sent_at_unix_ms = in.Signed();
  const uint8_t source = in.U8();
  header.source = static_cast<Source>(source);
  header.hash_key_id = in.Fixed64();
  header.host = in.String();
  header.pid = in.Varint();
  header.started_unix_ms = in.Signed();
  header.sdk = in.String();
  if (!in.ok() || !in.done() || header.hash_key_id == kMixedKeys) return Damaged("its header");
  if (source > static_cast<uint8_t>(Source::kReplay)) {
    return Error{ErrorCode::kInvalidArgument,
                 "reading a batch: expected the source live (0) or replay (1) in its header, found " +
                     std::to_string(source)};
  }
  return header;
}

// The header, and what follows it.
struct Envelope {
  uint16_t version;
  BatchHeader header;
  std::string_view packed;
};

Result<Envelope> OpenEnvelope(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.Raw(kMagic.size()) != kMagic) {
    return Error{ErrorCode::kInvalidArgument,
                 "reading a batch: expected it to begin with FMBT, found other bytes; is the sender a "
                 "fieldmark worker"};
  }
  const uint16_t low = in.U8();
  const int version = low | in.U8() << 8;
  if (!in.ok()) return Damaged("its version");
  if (version < kFormatVersionMin || version > kFormatVersion) {
    return Error{ErrorCode::kUnsupported, "reading a batch: found format version " + std::to_string(version) +
                                              ", this build reads " + std::to_string(kFormatVersionMin) +
                                              " to " + std::to_string(kFormatVersion) +
                                              "; upgrade the server before its workers"};
  }
  const std::string_view header_bytes = in.String();
  if (!in.ok()) return Damaged("its header");
  Result<BatchHeader> header = DecodeHeader(header_bytes);
  if (!header.ok()) return header.error();
  return Envelope{static_cast<uint16_t>(version), std::move(header).value(), in.Raw(in.remaining())};
}

void EncodeBuckets(const Batch& batch, uint8_t version, ByteWriter& out) {
  out.Varint(batch.buckets.size());
  Minute next = 0;
  ByteWriter encoded;
  for (const auto& [minute, bucket] : batch.buckets) {
    if (&bucket == &batch.buckets.begin()->second) {
      out.Signed(minute);
    } else {
      out.Varint(static_cast<uint64_t>(minute) - static_cast<uint64_t>(next));
    }
    next = minute + 1;
    out.Varint(bucket.size());
    for (const auto& [name, subject] : bucket) {
      out.String(name);
      uint8_t present = 0;
      for (const Family family : kAllFamilies) {
        const bool wanted = family != Family::kHashed || batch.header.hash_key_id != 0;
        if (wanted && HasFamily(subject, family))
          present |= static_cast<uint8_t>(1 << static_cast<int>(family));
      }
      out.U8(present);
      for (const Family family : kAllFamilies) {
        if ((present >> static_cast<int>(family) & 1) == 0) continue;
        encoded.Clear();
        EncodeSubject(subject, family, encoded, version);
        out.String(encoded.bytes());
      }
    }
  }
}

// Memory of a subject in its map, from above.
constexpr size_t kSubjectBytes = 128 + sizeof(SubjectSummary);

class BucketsDecoder {
 public:
  BucketsDecoder(std::string_view bytes, uint16_t version, uint64_t key_id, const BatchFilter& filter,
                 size_t memory_left)
      : in_(bytes), version_(version), key_id_(key_id), filter_(filter), memory_left_(memory_left) {}

  Result<Buckets> Decode() {
    Buckets buckets;
    const size_t minutes = in_.Count(2);
    uint64_t next = 0;
    for (size_t i = 0; i < minutes && in_.ok(); ++i) {
      const uint64_t gap = i == 0 ? static_cast<uint64_t>(in_.Signed()) : in_.Varint();
      const Minute minute = static_cast<Minute>(next + gap);
      // Within the range of UnixMs, and above the one before.
      if (minute < -kMinutesMax || minute > kMinutesMax || (i > 0 && minute <= buckets.rbegin()->first))
        in_.Fail();
      if (!Charge(kSubjectBytes)) break;
      next = static_cast<uint64_t>(minute) + 1;
      DecodeBucket(buckets.emplace_hint(buckets.end(), minute, Bucket{})->second);
    }
    if (in_.ok() && in_.done()) return buckets;
    if (memory_left_ == 0) {
      return Error{
          ErrorCode::kTooLarge,
          "reading a batch: its body holds more subjects and fields than the server has memory for; send "
          "fewer minutes or subjects at a time"};
    }
    return Damaged("its body");
  }

 private:
  static constexpr Minute kMinutesMax = INT64_MAX / kMsPerMinute;

  bool Charge(size_t bytes) {
    if (in_.ok() && bytes <= memory_left_) {
      memory_left_ -= bytes;
      return true;
    }
    if (in_.ok()) memory_left_ = 0;
    in_.Fail();
    return false;
  }

  void DecodeBucket(Bucket& bucket) {
    const size_t subjects = in_.Count(2);
    std::string_view above;
    for (size_t i = 0; i < subjects; ++i) {
      const std::string_view name = in_.String();
      const uint8_t present = in_.U8();
      if (present >> profile::kFamilies != 0 || (i > 0 && name <= above)) in_.Fail();
      if (!Charge(kSubjectBytes + name.size())) return;
      above = name;
      if (filter_.subject && !filter_.subject(name)) {
        for (int left = std::popcount(present); left > 0; --left) in_.String();
      } else {
        DecodeFamilies(present, bucket.emplace_hint(bucket.end(), name, SubjectSummary{})->second);
      }
    }
  }

  void DecodeFamilies(uint8_t present, SubjectSummary& subject) {
    for (const Family family : kAllFamilies) {
      if ((present >> static_cast<int>(family) & 1) == 0) continue;
      const std::string_view bytes = in_.String();
      if (filter_.family && !filter_.family(family)) continue;
      if (!bytes.starts_with(static_cast<char>(version_))) in_.Fail();
      ByteReader family_in(bytes);
      const bool any = DecodeFamily(family_in, family, subject, memory_left_, filter_.field);
      if (!family_in.ok() || !any || (family == Family::kHashed && key_id_ == 0)) in_.Fail();
    }
    // Version 1 says it once for the whole batch.
    if (version_ == 1 && subject.body && subject.body->AnyHashed()) subject.body->hash_key_id = key_id_;
  }

  ByteReader in_;
  uint16_t version_;
  uint64_t key_id_;
  const BatchFilter& filter_;
  size_t memory_left_;
};

}  // namespace

std::string EncodeBatch(const Batch& batch, uint16_t version) {
  ByteWriter header;
  EncodeHeader(batch.header, header);
  ByteWriter body;
  EncodeBuckets(batch, static_cast<uint8_t>(version), body);

  ByteWriter out;
  out.Raw(kMagic);
  out.U8(static_cast<uint8_t>(version & 0xFF));
  out.U8(static_cast<uint8_t>(version >> 8));
  out.String(header.bytes());

  out.Raw(Pack(body.bytes()));
  return std::move(out).Take();
}

Result<Batch> DecodeBatch(std::string_view bytes, const BatchFilter& filter, size_t decoded_bytes_max) {
  Result<Envelope> envelope = OpenEnvelope(bytes);
  if (!envelope.ok()) return envelope.error();
  const Result<Unpacked> body = Unpack(envelope->packed, decoded_bytes_max, kUnpackTexts);
  if (!body.ok()) return body.error();
  BucketsDecoder decoder(body->bytes(), envelope->version, envelope->header.hash_key_id, filter,
                         (kMemoryFactor - 1) * decoded_bytes_max);
  Result<Buckets> buckets = decoder.Decode();
  if (!buckets.ok()) return buckets.error();
  return Batch{std::move(envelope->header), std::move(buckets).value()};
}

Result<Batch> DecodeBatch(std::string_view bytes, size_t decoded_bytes_max) {
  return DecodeBatch(bytes, BatchFilter{}, decoded_bytes_max);
}

Result<BatchHeader> DecodeBatchHeader(std::string_view bytes) {
  Result<Envelope> envelope = OpenEnvelope(bytes);
  if (!envelope.ok()) return envelope.error();
  return std::move(envelope->header);
}

}  // namespace fieldmark::bucket
