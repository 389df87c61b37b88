// Any bytes: what DecodeFamily accepts has one encoding of what it knows, and keeps within its budget. The
// first byte chooses the family.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "fieldmark/bucket/summary.h"

namespace fieldmark::bucket {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

std::string Encoded(const SubjectSummary& subject, profile::Family family) {
  ByteWriter out;
  EncodeSubject(subject, family, out);
  return std::move(out).Take();
}

// What is read apart from a tree is what the tree holds.
void CheckApart(std::string_view bytes, profile::Family family, const SubjectSummary& subject,
                bool accepted) {
  ByteReader in(bytes);
  SubjectSummary rest;
  std::vector<profile::NamedField> apart;
  DecodeSubject(in, family, rest, apart);
  Check(in.ok() == accepted);
  if (!accepted) return;
  for (profile::NamedField& named : apart) rest.body->fields.emplace(named.path, std::move(named.field));
  Check(rest == subject);
}

void CheckRoundTrip(const SubjectSummary& subject, profile::Family family) {
  const std::string bytes = Encoded(subject, family);
  ByteReader in(bytes);
  SubjectSummary back;
  DecodeSubject(in, family, back);
  Check(in.ok() && in.done() && back == subject && Encoded(back, family) == bytes);
}

}  // namespace
}  // namespace fieldmark::bucket

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fieldmark;
  using namespace fieldmark::bucket;
  if (size == 0) return 0;
  const auto family = static_cast<profile::Family>(data[0] % profile::kFamilies);
  ByteReader in({reinterpret_cast<const char*>(data + 1), size - 1});
  SubjectSummary subject;
  size_t memory_left = 1u << 20;
  DecodeFamily(in, family, subject, memory_left);
  Check(memory_left <= 1u << 20);
  if (!in.ok()) {
    ByteReader again({reinterpret_cast<const char*>(data + 1), size - 1});
    SubjectSummary untouched;
    DecodeSubject(again, family, untouched);
    Check(again.ok() || untouched == SubjectSummary());
    CheckApart({reinterpret_cast<const char*>(data + 1), size - 1}, family, untouched, again.ok());
    return 0;
  }
  CheckApart({reinterpret_cast<const char*>(data + 1), size - 1}, family, subject, true);
  CheckRoundTrip(subject, family);
  SubjectSummary twice = subject;
  twice.Merge(subject);
  CheckRoundTrip(twice, family);
  return 0;
}
