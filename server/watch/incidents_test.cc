#include "server/watch/incidents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace fieldmark::watch {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kStepS = 300;
constexpr int64_t kDayS = 86'400;
constexpr int64_t kStart = 1'767'571'200;  // 2026-01-05T00:00:00Z, a Monday
constexpr int64_t kDays = 8;
constexpr int64_t kFault = kStart + 6 * kDayS + 12 * 3600 + 600;  // ten past noon

// Shares of 100 documents a step of eight days; where a fault is, of another share.
class Service {
 public:
  Service() { timeline_ = {kStart, kStepS, kDays * kDayS / kStepS, {}, {}}; }

  void Add(const std::string& field, double share, double faulty = 0, int64_t from = 0, int64_t to = 0,
           double documents = 100) {
    judge::Series series;
    series.subject = "POST /orders request";
    series.field = field;
    series.statistic = "null";
    series.signal = series.subject + " " + field + " null";
    series.polarity = judge::Polarity::kMoreIsWorse;
    for (size_t step = 0; step < timeline_.steps; ++step) {
      const int64_t at = kStart + static_cast<int64_t>(step) * kStepS;
      const auto n = std::poisson_distribution<int64_t>(documents)(random_);
      const double now = at >= from && at < to ? faulty : share;
      const auto events = static_cast<double>(std::binomial_distribution<int64_t>(n, now)(random_));
      series.numerators.push_back(events);
      series.weights.push_back(static_cast<double>(n));
      series.values.push_back(n > 0 ? events / static_cast<double>(n) : std::nan(""));
    }
    series_.push_back(std::move(series));
  }
  // As many documents as there are, of another share, in [from, to) of the signal added last.
  void Break(double share, int64_t from, int64_t to) {
    judge::Series& series = series_.back();
    for (int64_t at = from; at < to; at += kStepS) {
      const auto step = static_cast<size_t>((at - kStart) / kStepS);
      const auto n = static_cast<int64_t>(series.weights[step]);
      series.numerators[step] = static_cast<double>(std::binomial_distribution<int64_t>(n, share)(random_));
      series.values[step] = series.numerators[step] / static_cast<double>(std::max<int64_t>(1, n));
    }
  }
  // No documents in [from, to) of the signal added last.
  void Silence(int64_t from, int64_t to) {
    judge::Series& series = series_.back();
    for (int64_t at = from; at < to; at += kStepS) {
      const auto step = static_cast<size_t>((at - kStart) / kStepS);
      series.weights[step] = series.numerators[step] = 0;
      series.values[step] = std::numeric_limits<double>::quiet_NaN();
    }
  }

  // Every look in (from, to].
  std::vector<store::Incident> Watch(int64_t from, int64_t to, const WatchSettings& settings = {},
                                     std::vector<store::Incident> incidents = {}) {
    for (int64_t at = from + kWatchEveryS; at <= to; at += kWatchEveryS) {
      WatchedMoment moment(timeline_, at, settings, incidents);
      for (const judge::Series& series : series_) moment.Add(series);
      for (store::Incident& incident : moment.Finish()) Keep(std::move(incident), incidents);
      looks += moment.looks();
    }
    return incidents;
  }

  judge::Timeline timeline_;
  size_t looks = 0;

 private:
  static void Keep(store::Incident incident, std::vector<store::Incident>& incidents) {
    if (incident.id == 0) {
      incident.id = static_cast<int64_t>(incidents.size()) + 1;
      incidents.push_back(std::move(incident));
    } else {
      incidents[static_cast<size_t>(incident.id) - 1] = std::move(incident);
    }
  }

  std::mt19937_64 random_{20260105};
  std::vector<judge::Series> series_;
};

TEST(IncidentsTest, WhatStaysAsItIsRaisesNone) {
  Service service;
  for (int i = 0; i < 20; ++i) service.Add("f" + std::to_string(i), 0.01 * (i + 1));
  EXPECT_THAT(service.Watch(kFault, kFault + kDayS), IsEmpty());
  EXPECT_EQ(service.looks, 2 * 96u);
}

TEST(IncidentsTest, WhatBreaksIsFoundInTheFirstQuarterAndIsOneIncidentWhileItLasts) {
  Service service;
  service.Add("phone", 0.01, 0.38, kFault, kFault + 3 * 3600);
  service.Add("name", 0.01);
  const auto found = service.Watch(kFault - 3600, kFault + 3 * 3600);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].signal, "POST /orders request phone null");
  EXPECT_EQ(found[0].direction, "worse");
  EXPECT_THAT(found[0].sentence, HasSubstr("phone null 1 % → "));
  EXPECT_LE(found[0].found_at / 1000, kFault + 1200);
  EXPECT_LE(found[0].since_first / 1000, kFault);
  EXPECT_GE(found[0].since_last / 1000, kFault - kStepS);
  EXPECT_EQ(found[0].over_at, 0);
  EXPECT_GE(found[0].seen_at / 1000, kFault + 3 * 3600 - 600);
}

TEST(IncidentsTest, AnIncidentIsOverOnceAnHourWentByWithoutIt) {
  Service service;
  service.Add("phone", 0.01, 0.38, kFault, kFault + 2 * 3600);
  service.Add("name", 0.01);
  const auto found = service.Watch(kFault - 3600, kFault + 6 * 3600);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_GE(found[0].over_at / 1000, kFault + 2 * 3600 - 900);
  EXPECT_LE(found[0].over_at / 1000, kFault + 3 * 3600);
  EXPECT_FALSE(found[0].settled);
}

TEST(IncidentsTest, WhatHappensAgainAfterItWasOverIsFoundAgain) {
  Service service;
  service.Add("name", 0.01);
  service.Add("phone", 0.01, 0.38, kFault, kFault + 3600);
  service.Break(0.38, kFault + 6 * 3600, kFault + 8 * 3600);
  const auto found = service.Watch(kFault - 3600, kFault + 8 * 3600);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_NE(found[0].over_at, 0);
  EXPECT_EQ(found[1].over_at, 0);
  EXPECT_LE(found[1].found_at / 1000, kFault + 6 * 3600 + 1200);
}

TEST(IncidentsTest, SilenceEndsNone) {
  Service service;
  service.Add("name", 0.01);
  service.Add("phone", 0.01, 0.38, kFault, kFault + 20 * 3600);
  service.Silence(kFault + 3600, kFault + 20 * 3600);
  const auto found = service.Watch(kFault - 3600, kFault + 10 * 3600);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].over_at, 0);
  const auto later = service.Watch(kFault + 10 * 3600, kFault + kDayS + 6 * 3600, {}, found);
  EXPECT_NE(later[0].over_at, 0);
  EXPECT_FALSE(later[0].settled);
}

TEST(IncidentsTest, WhatLastsADayIsUsualFromThenOn) {
  Service service;
  service.Add("phone", 0.01, 0.38, kFault, kStart + kDays * kDayS);
  service.Add("name", 0.01);
  const auto found = service.Watch(kFault - 3600, kFault + kDayS + 6 * 3600);
  ASSERT_EQ(found.size(), 1u) << found.back().sentence;
  EXPECT_TRUE(found[0].settled);
  EXPECT_NEAR(static_cast<double>(found[0].over_at / 1000 - kFault), kDayS, 1800);
}

TEST(IncidentsTest, LooksNearAChangeAreLeftToItsOwn) {
  Service service;
  service.Add("phone", 0.01, 0.38, kFault, kStart + kDays * kDayS);
  service.timeline_.known_changes_unix_s = {kFault};
  EXPECT_THAT(service.Watch(kFault - 3600, kFault + 6 * 3600), IsEmpty());
  // Of 28 quarters, two (rounded outwards) and eight have it in the window or in the one before.
  EXPECT_EQ(service.looks, 2 * 28u - 2 - 8);
}

TEST(IncidentsTest, WhatIsMutedRaisesNoneAndEnds) {
  Service service;
  service.Add("phone", 0.01, 0.38, kFault, kFault + 20 * 3600);
  service.Add("name", 0.01);
  const WatchSettings muted{.mute = {"POST /orders request phone"}};
  EXPECT_THAT(service.Watch(kFault - 3600, kFault + 3600, muted), IsEmpty());
  auto found = service.Watch(kFault - 3600, kFault + 3600);
  ASSERT_EQ(found.size(), 1u);
  found = service.Watch(kFault + 3600, kFault + 2 * 3600, muted, found);
  EXPECT_NE(found[0].over_at, 0);
}

TEST(IncidentsTest, AnEffectBelowTheLeastOneRaisesNone) {
  Service service;
  service.Add("phone", 0.1, 0.25, kFault, kFault + 20 * 3600);
  service.Add("name", 0.01);
  EXPECT_EQ(service.Watch(kFault - 3600, kFault + 3 * 3600).size(), 1u);
  EXPECT_THAT(service.Watch(kFault - 3600, kFault + 3 * 3600, {.effect_percent_min = 200}), IsEmpty());
}

TEST(IncidentsTest, TheWeeksLooksShareTheBudget) {
  EXPECT_DOUBLE_EQ(WatchSpend({}) * 7 * 96 * 2, 1);
  EXPECT_DOUBLE_EQ(WatchSpend({.alarms_a_week = 3}) / WatchSpend({}), 3);
}

}  // namespace
}  // namespace fieldmark::watch
