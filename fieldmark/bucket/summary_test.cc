#include "fieldmark/bucket/summary.h"

#include <gtest/gtest.h>

#include "fieldmark/bucket/summary_testing.h"

namespace fieldmark::bucket {
namespace {

using profile::Family;
constexpr std::array kAllFamilies = {Family::kCounts, Family::kDistributions, Family::kHashed};

template <class T>
void ExpectMonoidOf(T (*make)(Random&), int rounds = 150) {
  ExpectMonoid<T>(
      make, [](T& into, const T& from) { into.Merge(from); }, rounds);
}

// Of a member that its subject alone can merge.
template <class T>
void ExpectMonoidOf(T SubjectSummary::*member, T (*make)(Random&)) {
  const auto merge = [member](T& into, const T& from) {
    SubjectSummary a, b;
    a.*member = into;
    b.*member = from;
    a.Merge(b);
    into = a.*member;
  };
  ExpectMonoid<T>(make, merge, 150);
}

TEST(Summary, RequestsMergeTheSameInAnyOrder) { ExpectMonoidOf<RequestSummary>(RandomRequest); }
TEST(Summary, FieldsMergeTheSameInAnyOrder) { ExpectMonoidOf<profile::FieldSummary>(RandomField); }
TEST(Summary, BodiesMergeTheSameInAnyOrder) { ExpectMonoidOf<BodySummary>(RandomBody); }
TEST(Summary, WatchesMergeTheSameInAnyOrder) { ExpectMonoidOf<WatchSummary>(RandomWatch); }
TEST(Summary, RunsMergeTheSameInAnyOrder) { ExpectMonoidOf<RunSummary>(RandomRun); }
TEST(Summary, SubjectsMergeTheSameInAnyOrder) { ExpectMonoidOf<SubjectSummary>(RandomSubject); }
TEST(Summary, EventsMergeTheSameInAnyOrder) { ExpectMonoidOf(&SubjectSummary::events, RandomEvents); }
TEST(Summary, ViolationsMergeTheSameInAnyOrder) {
  ExpectMonoidOf(&SubjectSummary::violations, RandomViolations);
}
TEST(Summary, BucketsMergeTheSameInAnyOrder) {
  ExpectMonoid<Bucket>(RandomBucket, MergeBucket, 80);
  ExpectMonoid<Buckets>(RandomBuckets, MergeBuckets, 80);
}

std::string BytesOf(const SubjectSummary& subject, Family family) {
  ByteWriter out;
  EncodeSubject(subject, family, out);
  return std::move(out).Take();
}

bool Decodes(const std::string& bytes, Family family, SubjectSummary& subject) {
  ByteReader in(bytes);
  DecodeSubject(in, family, subject);
  return in.ok() && in.done();
}

// Request histograms keep sums, which are equal only within their error; without them, bytes are equal too.
TEST(Summary, MergedInAnyOrderTheBytesAreTheSame) {
  Random random(73);
  for (int round = 0; round < 100; ++round) {
    std::vector<SubjectSummary> parts;
    for (uint64_t left = 2 + Below(random, 5); left > 0; --left) {
      parts.push_back(RandomSubject(random));
      parts.back().request.reset();
      parts.back().run.reset();
    }
    SubjectSummary forwards, backwards;
    for (auto part = parts.begin(); part != parts.end(); ++part) forwards.Merge(*part);
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) backwards.Merge(*part);
    for (const Family family : kAllFamilies) EXPECT_EQ(BytesOf(forwards, family), BytesOf(backwards, family));
  }
}

TEST(Summary, ItsFamiliesTogetherGiveTheSubjectBack) {
  Random random(79);
  for (int round = 0; round < 300; ++round) {
    const SubjectSummary subject = RandomSubject(random);
    SubjectSummary back;
    std::vector<Family> order(kAllFamilies.begin(), kAllFamilies.end());
    std::shuffle(order.begin(), order.end(), random);
    for (const Family family : order) {
      const std::string bytes = BytesOf(subject, family);
      EXPECT_EQ(HasFamily(subject, family), bytes.size() > 1);
      ASSERT_TRUE(Decodes(bytes, family, back));
    }
    EXPECT_EQ(back, subject);
  }
}

TEST(Summary, DecodingMergesIntoWhatIsThere) {
  Random random(83);
  for (int round = 0; round < 100; ++round) {
    const SubjectSummary a = RandomSubject(random);
    const SubjectSummary b = RandomSubject(random);
    SubjectSummary merged = a;
    merged.Merge(b);
    SubjectSummary decoded;
    for (const SubjectSummary* part : {&a, &b}) {
      for (const Family family : kAllFamilies) ASSERT_TRUE(Decodes(BytesOf(*part, family), family, decoded));
    }
    EXPECT_EQ(decoded, merged);
  }
}

TEST(Summary, FieldsReadApartAreThoseOfTheTree) {
  Random random(89);
  for (int round = 0; round < 300; ++round) {
    const SubjectSummary subject = RandomSubject(random);
    for (const Family family : kAllFamilies) {
      const std::string bytes = BytesOf(subject, family);
      SubjectSummary whole, rest;
      ASSERT_TRUE(Decodes(bytes, family, whole));
      std::vector<profile::NamedField> apart;
      ByteReader in(bytes);
      DecodeSubject(in, family, rest, apart);
      ASSERT_TRUE(in.ok() && in.done());
      if (rest.body) {
        EXPECT_TRUE(rest.body->fields.empty());
        for (profile::NamedField& named : apart)
          rest.body->fields.emplace(named.path, std::move(named.field));
        EXPECT_EQ(rest.body->fields.size(), apart.size());
      }
      EXPECT_EQ(rest, whole);
    }
  }
}

TEST(Summary, FamiliesReadOneAfterTheOtherGiveTheSubjectBack) {
  Random random(91);
  for (int round = 0; round < 300; ++round) {
    const SubjectSummary subject = RandomSubject(random);
    SubjectSummary back;
    for (const Family family : {Family::kHashed, Family::kCounts, Family::kDistributions}) {
      if (!HasFamily(subject, family)) continue;
      const std::string bytes = BytesOf(subject, family);
      ByteReader in(bytes);
      size_t memory_left = SIZE_MAX;
      DecodeFamily(in, family, back, memory_left);
      EXPECT_TRUE(in.ok() && in.done());
    }
    EXPECT_EQ(back, subject);
  }
}

TEST(Summary, AbsorbingIsMerging) {
  Random random(97);
  for (int round = 0; round < 300; ++round) {
    const SubjectSummary a = RandomSubject(random), b = RandomSubject(random);
    SubjectSummary merged = a, absorbed = a;
    merged.Merge(b);
    absorbed.Absorb(b);
    EXPECT_EQ(absorbed, merged);
  }
}

TEST(Summary, ABodySeenOnlyByItsFieldNamesIsNotLost) {
  SubjectSummary subject;
  subject.body.emplace().fields["never.filled"];
  SubjectSummary back;
  for (const Family family : kAllFamilies) ASSERT_TRUE(Decodes(BytesOf(subject, family), family, back));
  EXPECT_EQ(back, subject);
}

TEST(Summary, UnknownSectionsAreRefusedOrPassedOver) {
  SubjectSummary subject;
  subject.watch = WatchSummary{1, 2, 3};
  const std::string known = BytesOf(subject, Family::kCounts);
  SubjectSummary back;
  EXPECT_TRUE(Decodes(known + std::string("\x7f\x02xx", 4), Family::kCounts, back))
      << "64 and up are optional";
  EXPECT_EQ(back, subject);
  SubjectSummary untouched;
  EXPECT_FALSE(Decodes(known + std::string("\x3f\x02xx", 4), Family::kCounts, untouched))
      << "63 must be known";
  EXPECT_TRUE(untouched.empty()) << "a refused subject changes nothing";
}

TEST(Summary, SectionsOutOfPlaceAreRefused) {
  SubjectSummary subject;
  subject.watch = WatchSummary{1, 2, 3};
  const std::string watch = BytesOf(subject, Family::kCounts).substr(1);
  subject.events["kind"] = 1;
  const std::string events = BytesOf(subject, Family::kCounts).substr(1 + watch.size());
  SubjectSummary back;
  EXPECT_TRUE(Decodes("\x02" + watch + events, Family::kCounts, back));
  EXPECT_FALSE(Decodes("\x03" + watch + events, Family::kCounts, back)) << "another version";
  EXPECT_FALSE(Decodes("\x02" + events + watch, Family::kCounts, back)) << "out of order";
  EXPECT_FALSE(Decodes("\x02" + watch + watch, Family::kCounts, back)) << "twice";
  EXPECT_FALSE(Decodes("\x02" + watch, Family::kDistributions, back)) << "not of this family";
  EXPECT_FALSE(Decodes("\x02" + watch + events.substr(0, events.size() - 1), Family::kCounts, back))
      << "cut short";
}

sketch::TraceIds TracesOf(uint8_t first) {
  sketch::TraceIds traces;
  for (uint8_t i = 0; i < 6; ++i) traces.Add({first, i});
  return traces;
}

// Each a subject that its bytes give back; and of none a byte can be taken away.
TEST(Summary, ViolationsComeBackFromTheirBytes) {
  SubjectSummary one;
  one.violations[{"query.limit", "int_parsing"}].count = 1;
  SubjectSummary few = one;
  few.violations[{"body.items[].price", "missing"}] = {UINT64_MAX, TracesOf(1)};
  few.violations[{"body.items[].price", "float_parsing"}] = {7, TracesOf(2)};
  few.violations[{"", ""}] = {1, {}};
  SubjectSummary many;
  for (int i = 0; i < 3'000; ++i) many.violations[{std::to_string(i % 60), std::to_string(i)}].count = 1;
  for (const SubjectSummary& subject : {SubjectSummary(), one, few, many}) {
    const std::string bytes = BytesOf(subject, Family::kCounts);
    SubjectSummary back;
    ASSERT_TRUE(Decodes(bytes, Family::kCounts, back));
    EXPECT_EQ(back, subject);
    EXPECT_FALSE(HasFamily(subject, Family::kDistributions) || HasFamily(subject, Family::kHashed));
    SubjectSummary cut;
    EXPECT_FALSE(Decodes(bytes.substr(0, bytes.size() - 1), Family::kCounts, cut));
  }
}

TEST(Summary, ViolationCountsSaturate) {
  ViolationSummary violation{UINT64_MAX - 1, {}};
  violation.Merge({5, {}});
  EXPECT_EQ(violation.count, UINT64_MAX);
}

// A section of that id with these contents, of a subject that has one exception, "E".
bool SectionDecodes(char id, const std::string& contents) {
  SubjectSummary subject;
  subject.request.emplace().by_exception["E"] = 1;
  SubjectSummary back;
  return Decodes(BytesOf(subject, Family::kCounts) + id + static_cast<char>(contents.size()) + contents,
                 Family::kCounts, back);
}

TEST(Summary, ViolationsThatNoWriterWritesAreRefused) {
  const std::string a = std::string(
                            "\x01"
                            "a\x01"
                            "r\x01",
                            5) +
                        '\0';
  const std::string b = std::string(
                            "\x01"
                            "b\x01"
                            "r\x01",
                            5) +
                        '\0';
  EXPECT_TRUE(SectionDecodes(64, "\x01" + a));
  EXPECT_TRUE(SectionDecodes(64, "\x02" + a + b));
  EXPECT_FALSE(SectionDecodes(64, "\x02" + b + a)) << "out of order";
  EXPECT_FALSE(SectionDecodes(64, "\x02" + a + a)) << "twice";
  EXPECT_FALSE(SectionDecodes(64, std::string("\x01\x01"
                                              "a\x01"
                                              "r\0\0",
                                              7)))
      << "a count of zero";
  EXPECT_FALSE(SectionDecodes(64, std::string(1, '\0'))) << "none at all";
  EXPECT_FALSE(SectionDecodes(64, "\x01" + a + "x")) << "bytes left over";
}

TEST(Summary, TracesThatNoWriterWritesAreRefused) {
  const std::string trace = "\x01" + std::string(16, 't');
  const std::string none(1, '\0');
  EXPECT_TRUE(SectionDecodes(65, trace + none));
  EXPECT_TRUE(SectionDecodes(65, none +
                                     "\x01\x01"
                                     "E" +
                                     trace));
  EXPECT_FALSE(SectionDecodes(65, none + none)) << "none at all";
  EXPECT_FALSE(SectionDecodes(65, none +
                                      "\x01\x01"
                                      "F" +
                                      trace))
      << "of an exception that is not counted";
  EXPECT_FALSE(SectionDecodes(65, none +
                                      "\x01\x01"
                                      "E" +
                                      none))
      << "of an exception, and none";
  SubjectSummary back;
  const std::string alone = "\x02\x41\x12" + trace + none;
  EXPECT_FALSE(Decodes(alone, Family::kCounts, back)) << "without the requests that they are of";
}

TEST(Summary, ReadingStaysWithinItsBudget) {
  Random random(89);
  SubjectSummary subject;
  subject.body.emplace();
  for (int i = 0; i < 100; ++i) subject.body->fields["field" + std::to_string(i)] = RandomField(random);
  for (int i = 0; i < 200; ++i) {
    const std::string name = "name " + std::to_string(i);
    subject.violations[{name, "rule"}] = {1, TracesOf(static_cast<uint8_t>(i))};
    if (!subject.request) subject.request.emplace();
    subject.request->by_exception[name] = 1;
    subject.request->exception_traces[name] = TracesOf(static_cast<uint8_t>(i));
  }
  for (const Family family : kAllFamilies) {
    const std::string bytes = BytesOf(subject, family);
    size_t memory_left = 1 << 20;
    SubjectSummary back;
    ByteReader in(bytes);
    DecodeFamily(in, family, back, memory_left);
    EXPECT_TRUE(in.ok());
    EXPECT_LE(MemoryBytes(back), (1u << 20) - memory_left + sizeof(SubjectSummary));
    size_t too_little = 10'000;
    SubjectSummary nothing;
    ByteReader again(bytes);
    DecodeFamily(again, family, nothing, too_little);
    EXPECT_FALSE(again.ok());
    EXPECT_EQ(too_little, 0u);
  }
}

}  // namespace
}  // namespace fieldmark::bucket
