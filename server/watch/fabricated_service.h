// A service of the tests' own making: versions, minutes and bodies go through recorder, batch and store as
// real ones do.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>

#include "fieldmark/bucket/batch.h"
#include "fieldmark/bucket/recorder.h"
#include "server/store/memory_store.h"

namespace fieldmark::watch {

inline constexpr Minute kNoon = 29'500'560;  // 2026-02-02 12:00 UTC

// How one version behaves.
struct Behaviour {
  double null_share = 0.01;  // of `customer.phone`
  double failed_share = 0;
  double refused_share = 0;  // for a phone that is missing
  uint8_t trace_mark = 0;    // the first byte of every trace; 0: there are none
  double latency_ms = 20;
  int requests_a_minute = 200;
  std::string logs{};  // a kind of record, twelve times a minute
};

class FabricatedService {
 public:
  FabricatedService(store::Store& store, std::string service = "orders",
                    std::string environment = "production")
      : store_(store), service_(std::move(service)), environment_(std::move(environment)) {}

  // Minutes [from, to) of a version; returns when the store has them.
  void Run(const std::string& version, Minute from, Minute to, const Behaviour& behaviour = {},
           bucket::Source source = bucket::Source::kLive, Minute received_later = 0) {
    bucket::Recorder recorder;
    for (Minute minute = from; minute < to; ++minute) RunMinute(recorder, minute, behaviour);
    bucket::Batch batch;
    batch.header.stream = {environment_, service_, version};
    batch.header.instance = InstanceOf(version, source);
    batch.header.sequence = ++sequence_;
    batch.header.sent_at_unix_ms = to * kMsPerMinute;
    batch.header.source = source;
    batch.buckets = recorder.Drain();
    const Result<store::Append> appended =
        store_.AppendBatch(batch, bucket::EncodeBatch(batch), (to + received_later) * kMsPerMinute);
    ASSERT_TRUE(appended.ok()) << appended.error().message;
    ASSERT_EQ(*appended, store::Append::kApplied);
  }

 private:
  bucket::Instance InstanceOf(const std::string& version, bucket::Source source) const {
    const size_t hash = std::hash<std::string>{}(service_ + '\n' + environment_ + '\n' + version);
    bucket::Instance instance{};
    std::memcpy(instance.data(), &hash, sizeof hash);
    instance.back() = static_cast<uint8_t>(source);
    return instance;
  }

  void RunMinute(bucket::Recorder& recorder, Minute minute, const Behaviour& behaviour) {
    const UnixMs at = minute * kMsPerMinute;
    recorder.Watch(at, at + kMsPerMinute);
    if (!behaviour.logs.empty()) recorder.RecordEvent("log shop", behaviour.logs, at, 12);
    std::poisson_distribution<int> volume(behaviour.requests_a_minute);
    const int count = volume(random_);
    std::binomial_distribution<int> nulls(count, behaviour.null_share),
        failures(count, behaviour.failed_share), refusals(count, behaviour.refused_share);
    const int null_count = nulls(random_), failed_count = failures(random_),
              refused_count = behaviour.refused_share > 0 ? refusals(random_) : 0;
    Record(recorder, at, 201, R"({"customer":{"phone":"+49 30 1234567","name":"a"}})", count - null_count,
           behaviour);
    Record(recorder, at, 201, R"({"customer":{"phone":null,"name":"a"}})", null_count, behaviour);
    Record(recorder, at, 500, R"({"customer":{"phone":"+49 30 1234567","name":"a"}})", failed_count,
           behaviour);
    Record(recorder, at, 422, R"({"customer":{"name":"a"}})", refused_count, behaviour,
           R"({"detail":[{"loc":["body","customer","phone"],"type":"missing"}]})");
  }

  void Record(bucket::Recorder& recorder, UnixMs at, uint16_t status, std::string_view body, int times,
              const Behaviour& behaviour, std::string_view answer = {}) {
    if (times <= 0) return;
    std::lognormal_distribution<double> spread(0, 0.3);
    constexpr int kParts = 10;  // so that latencies differ
    for (int part = 0; part < kParts; ++part) {
      const int share = times / kParts + (part < times % kParts ? 1 : 0);
      if (share == 0) continue;
      bucket::RequestEvent event;
      event.route = "POST /orders";
      event.status = status;
      event.ended_unix_ms = at + 1000 + part * 5000;  // begun in the same minute
      event.first_byte_ms = event.last_byte_ms = event.app_return_ms = behaviour.latency_ms * spread(random_);
      event.request = {bucket::BodyState::kCaptured, body, body.size()};
      if (!answer.empty()) event.response = {bucket::BodyState::kCaptured, answer, answer.size()};
      if (behaviour.trace_mark != 0)
        event.trace = {behaviour.trace_mark, static_cast<uint8_t>(random_() % 99)};
      event.times = static_cast<uint64_t>(share);
      recorder.Record(event);
    }
  }

  store::Store& store_;
  std::string service_;
  std::string environment_;
  std::mt19937 random_{20260202};
  uint64_t sequence_ = 0;
};

}  // namespace fieldmark::watch
