// What was never seen, or is the same all over: when it is sure, and when it is not.
#include "fieldmark/judge/structure.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "fieldmark/judge/evidence.h"

namespace fieldmark::judge {
namespace {

constexpr size_t kDay = 288;  // steps of five minutes
constexpr size_t kChange = 7 * kDay;
constexpr size_t kHour = 12;

struct Past {
  size_t steps = kChange;
  size_t silent = 0;  // first steps of it without documents
};

// `events` of 100 documents in each of the hour's steps after a past without any.
struct Moment {
  Timeline timeline;
  Windows windows;
  std::vector<double> events;
  std::vector<double> documents;

  Moment(const Past& past, const std::vector<double>& after)
      : timeline{0, 300, past.steps + kHour, {}, {}},
        windows(timeline, {static_cast<int64_t>(past.steps) * 300, 3600, 0.05, {}, true}),
        events(past.steps + kHour),
        documents(past.steps + kHour, 100) {
    for (size_t step = 0; step < past.silent; ++step) documents[step] = 0;
    for (size_t step = 0; step < after.size(); ++step) events[past.steps + step] = after[step];
  }

  Series SeriesOf(const std::string& statistic) const {
    Series series;
    series.signal = series.statistic = statistic;
    for (size_t step = 0; step < events.size(); ++step) {
      const bool missing = statistic == "missing";
      series.numerators.push_back(missing ? documents[step] - events[step] : events[step]);
      series.weights.push_back(documents[step]);
      series.values.push_back(documents[step] > 0 ? series.numerators.back() / documents[step] : 0);
    }
    return series;
  }

  Evidence Weighed(const std::string& statistic) const {
    return EvidenceOf(SeriesOf(statistic), windows, {});
  }
};

std::vector<double> Each(double events) { return std::vector<double>(kHour, events); }

constexpr double kSure = 1e-6;

TEST(Structure, AFieldIsNewOnFiveDocumentsAfterManyWithoutIt) {
  const Evidence sure = Moment({}, Each(1)).Weighed("missing");
  EXPECT_EQ(sure.structure, Structure::kFirst);
  EXPECT_LT(sure.p, kSure);
  EXPECT_FALSE(sure.suspected_at_most);
  EXPECT_TRUE(Moment({}, {1, 1, 1, 1}).Weighed("missing").suspected_at_most) << "four documents";
}

TEST(Structure, AFieldIsNotSurelyNewBeforeADayHasShownItsHour) {
  EXPECT_TRUE(Moment({kDay / 2}, Each(50)).Weighed("missing").suspected_at_most);
  EXPECT_FALSE(Moment({kDay / 2}, Each(100)).Weighed("missing").suspected_at_most) << "all documents have it";
  // Half a day of documents, though the timeline is two days long: the same hour has none.
  EXPECT_TRUE(Moment({2 * kDay, kDay + kDay / 2}, Each(50)).Weighed("missing").suspected_at_most);
}

TEST(Structure, AFieldIsNotSurelyNewAfterFewDocuments) {
  // One in a hundred asks for three thousand documents without it.
  EXPECT_TRUE(
      Moment({kDay + 24, kDay}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}).Weighed("missing").suspected_at_most);
}

TEST(Structure, AnErrorIsCountedInMinutes) {
  EXPECT_LT(Moment({}, Each(1)).Weighed("status 5xx").p, kSure);
  EXPECT_GT(Moment({}, {12}).Weighed("status 5xx").p, kSure) << "as many in one burst";
  EXPECT_GT(Moment({}, {12}).Weighed("exception").p, kSure);
}

TEST(Structure, ARateOfNoKindDriftsAndIsNoStructure) {
  EXPECT_GT(Moment({}, Each(1)).Weighed("accepted").p, kSure);
}

TEST(Structure, AFieldVanishesOnlyWhereItNeverDid) {
  // In a hundredth of the documents, but for one day without.
  Moment moment({}, {});
  for (size_t step = 0; step < kChange; ++step) moment.events[step] = 1 + (step % 20 == 0);
  moment.documents.assign(moment.documents.size(), 1000);
  const double never = moment.Weighed("missing").p;
  for (size_t step = kDay; step < 2 * kDay; ++step) moment.events[step] = 0;
  EXPECT_LE(never, moment.Weighed("missing").p);
}

double NewValueOf(const Moment& moment, bool known) {
  return NewValueP(ShareTrack(moment.events, moment.documents, moment.windows), moment.windows, known);
}

TEST(Structure, AValueIsNewWhereTheOthersAreKnown) {
  EXPECT_LT(NewValueOf(Moment({}, Each(1)), true), kSure);
  EXPECT_EQ(NewValueOf(Moment({}, Each(1)), false), 1);
  EXPECT_EQ(NewValueOf(Moment({}, {1, 1, 1, 1}), true), 1) << "four documents";
  Moment seen({}, Each(1));
  seen.events[5] = 1;
  EXPECT_EQ(NewValueOf(seen, true), 1) << "seen once before";
  EXPECT_EQ(NewValueOf(Moment({kDay / 2}, Each(1)), true), 1) << "not known at this hour";
}

sketch::Histogram Values(double factor, double power = 1) {
  sketch::Histogram histogram;
  for (int i = 1; i <= 200; ++i) histogram.Add(factor * std::pow(i, power));
  return histogram;
}

TEST(Structure, TellsAUnitByAllQuantiles) {
  for (const double factor : {10.0, 60.0, 100.0, 1000.0, 3600.0, 0.01, 1.0 / 60}) {
    EXPECT_EQ(UnitFactor(Values(3), Values(3 * factor)), factor);
  }
  EXPECT_EQ(UnitFactor(Values(3), Values(3 * 20)), 1) << "no unit";
  EXPECT_EQ(UnitFactor(Values(3), Values(3)), 1);
  EXPECT_EQ(UnitFactor(Values(1), Values(10, 0.9)), 1) << "another shape";
  EXPECT_EQ(UnitFactor(Values(-1), Values(10)), 1) << "another sign";
  EXPECT_EQ(UnitFactor(Values(-1), Values(-10)), 10);
  EXPECT_EQ(UnitFactor({}, Values(10)), 1);
}

TEST(Structure, TellsAConstant) {
  sketch::Histogram zeros;
  for (int i = 0; i < 50; ++i) zeros.Add(0);
  EXPECT_TRUE(BecameConstant(Values(1), zeros));
  EXPECT_FALSE(BecameConstant(zeros, zeros));
  EXPECT_FALSE(BecameConstant(zeros, Values(1)));
  EXPECT_FALSE(BecameConstant(Values(1), {}));
}

}  // namespace
}  // namespace fieldmark::judge
