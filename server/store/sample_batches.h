// Random batches for the tests and the benchmark of this folder.
#pragma once

#include <random>
#include <string>

#include "fieldmark/bucket/batch.h"

namespace fieldmark::store {

class SampleBatches {
 public:
  explicit SampleBatches(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t bound) { return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random_); }
  bool Often() { return Below(3) != 0; }
  bool Rarely() { return Below(6) == 0; }

  bucket::SubjectSummary Requests() {
    bucket::SubjectSummary summary;
    bucket::RequestSummary& request = summary.request.emplace();
    request.by_status[200] = 1 + Below(100);
    if (Rarely()) {
      request.by_status[500] = Below(5);
      request.failed_traces.Add({static_cast<uint8_t>(1 + Below(9))});
    }
    if (Rarely()) request.by_exception["ValueError"] = 1 + Below(3);
    request.busy_us = Below(1'000'000);
    for (uint64_t i = 0; i < 1 + Below(4); ++i) {
      request.last_byte_ms.Add(Real(), 1 + Below(20));
      request.response_bytes.Add(static_cast<double>(Below(5000)));
    }
    return summary;
  }

  bucket::SubjectSummary Bodies(size_t fields) {
    bucket::SubjectSummary summary;
    bucket::BodySummary& body = summary.body.emplace();
    body.documents = 1 + Below(100);
    if (Rarely()) body.malformed[1] = 1;
    for (size_t i = 0; i < fields; ++i) Fill(body.fields["customer.field_" + std::to_string(i)]);
    for (auto& [path, field] : body.fields) field.Conceal();
    return summary;
  }

  bucket::SubjectSummary Anything() {
    bucket::SubjectSummary summary;
    if (Often()) summary = Requests();
    if (Often()) summary.body = Bodies(Below(5)).body;
    if (Rarely()) summary.watch = bucket::WatchSummary{.observed_ms = Below(60'000)};
    if (Rarely()) {
      summary.run.emplace().succeeded = Below(3);
      summary.run->duration_ms.Add(Real());
    }
    if (Rarely()) summary.events["log warning"] = 1 + Below(9);
    if (Rarely()) {
      bucket::ViolationSummary& violation = summary.violations[{"body.total", "missing"}];
      violation.count = 1 + Below(9);
      violation.traces.Add({static_cast<uint8_t>(1 + Below(9))});
    }
    return summary;
  }

  // Whose counts tell one batch from another: `count` documents of `subject` in `minute`.
  static bucket::Batch Counted(const bucket::Stream& stream, uint8_t instance, uint64_t sequence,
                               Minute minute, uint64_t count) {
    bucket::Batch batch;
    batch.header.stream = stream;
    batch.header.instance[0] = instance;
    batch.header.sequence = sequence;
    batch.buckets[minute]["POST /orders request"].body.emplace().documents = count;
    return batch;
  }

 private:
  double Real() { return std::uniform_real_distribution<double>(0.1, 900)(random_); }

  void Fill(profile::FieldSummary& field) {
    field.counts.documents = field.counts.seen = 1 + Below(50);
    field.counts.strings = Below(50);
    if (Often()) {
      for (int i = 0; i < 3; ++i) field.numbers.Add(Real(), 1 + Below(9));
    }
    if (Rarely()) field.string_bytes.Add(static_cast<double>(Below(40)));
    if (Often()) {
      for (int i = 0; i < 3; ++i) field.categories.Add(Below(5) * 0x9E3779B97F4A7C15 + 1);
    }
  }

  std::mt19937_64 random_;
};

}  // namespace fieldmark::store
