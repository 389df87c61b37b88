#include "fieldmark/bucket/outbox.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "fieldmark/base/count.h"
#include "fieldmark/profile/reading.h"

namespace fieldmark::bucket {
namespace {

constexpr std::array<Minute, 3> kCoarserSteps = {5, 60, 24 * 60};

// About one subject with a few fields: no limit on a batch's memory is lower, except that of one part a
// batch.
constexpr size_t kBatchMemoryFloor = 4096;

// Refusals after which a batch that cannot be smaller is set aside: taste. A server that is being
// upgraded may refuse once or twice what it takes a minute later.
constexpr size_t kRefusalsMax = 4;

Minute StretchStart(Minute minute, Minute step) {
  const Minute into = minute % step;
  return minute - (into < 0 ? into + step : into);
}

Buckets Coarsened(Buckets buckets, Minute step) {
  Buckets coarse;
  for (auto& [minute, bucket] : buckets) {
    const auto [at, is_new] = coarse.try_emplace(StretchStart(minute, step), std::move(bucket));
    if (!is_new) AbsorbBucket(at->second, std::move(bucket));
  }
  return coarse;
}

size_t MemoryBytes(const Buckets& buckets) {
  size_t bytes = 0;
  for (const auto& [minute, bucket] : buckets) bytes += MemoryBytes(bucket);
  return bytes;
}

uint64_t RecordsOf(const Buckets& buckets) {
  uint64_t records = 0;
  for (const auto& [minute, bucket] : buckets) {
    for (const auto& [name, subject] : bucket) {
      if (subject.request) records += subject.request->count();
      if (subject.body) records += subject.body->documents;
      if (subject.run) records += subject.run->started;
      for (const auto& [kind, times] : subject.events) records += times;
    }
  }
  return records;
}

void DropHashed(Buckets& buckets) {
  for (auto& [minute, bucket] : buckets) {
    for (auto& [name, subject] : bucket) {
      if (subject.body) subject.body->DropHashed();
    }
  }
}

// Every value of the field is one that a sketch does not know, from now on.
void CountAsLimited(profile::FieldCounts& counts) {
  counts.limited = AddSaturating(AddSaturating(counts.integers, counts.floats), counts.strings);
}

void LetHashedGo(Buckets& buckets) {
  for (auto& [minute, bucket] : buckets) {
    for (auto& [name, subject] : bucket) {
      if (!subject.body) continue;
      for (auto& [path, field] : subject.body->fields) {
        if (!field.categories.empty()) CountAsLimited(field.counts);
      }
      subject.body->DropHashed();
    }
  }
}

void LetDistributionsGo(Buckets& buckets) {
  for (auto& [minute, bucket] : buckets) {
    for (auto& [name, subject] : bucket) {
      if (!subject.body) continue;
      for (auto& [path, field] : subject.body->fields) {
        CountAsLimited(field.counts);
        field.numbers = field.string_bytes = field.array_items = field.age_ms = {};
      }
    }
  }
}

// The names of fields, of the subjects with the most of them first, until what is left fits: their values go
// to the residual that members without a name have.
void LetNamesGo(Buckets& buckets, size_t memory_max) {
  std::vector<BodySummary*> bodies;
  for (auto& [minute, bucket] : buckets) {
    for (auto& [name, subject] : bucket) {
      if (subject.body) bodies.push_back(&*subject.body);
    }
  }
  std::stable_sort(bodies.begin(), bodies.end(), [](const BodySummary* a, const BodySummary* b) {
    return a->fields.size() > b->fields.size();
  });
  size_t memory = MemoryBytes(buckets);
  for (BodySummary* body : bodies) {
    if (memory <= memory_max) return;
    memory -= bucket::MemoryBytes(body->fields);
    body->fields = profile::WithMapsFolded(body->fields, {""});
    memory += bucket::MemoryBytes(body->fields);
  }
}

// The taking functions below move the front of `from` to the result: what fits in `memory_max`, but at least
// the smallest part that can stand alone. Merging result and rest gives back the whole.

SubjectSummary TakeFront(SubjectSummary& from, size_t memory_max) {
  SubjectSummary taken = std::exchange(from, {});
  if (!taken.body || taken.body->fields.size() < 2) return taken;
  profile::Fields fields = std::exchange(taken.body->fields, {});
  size_t memory = MemoryBytes(taken);
  while (!fields.empty()) {
    SubjectSummary alone;
    alone.body.emplace().fields.insert(fields.extract(fields.begin()));
    const size_t field_memory = MemoryBytes(alone) - sizeof(SubjectSummary);
    const bool fits = taken.body->fields.empty() || memory + field_memory <= memory_max;
    if (!fits) {
      fields.merge(alone.body->fields);
      break;
    }
    memory += field_memory;
    taken.body->fields.merge(alone.body->fields);
  }
  const uint64_t key_id = taken.body->hash_key_id;
  if (!fields.empty()) {
    from.body.emplace().fields = std::move(fields);
    from.body->SetHashKeyId(key_id);
    taken.body->SetHashKeyId(key_id);
  }
  return taken;
}

Bucket TakeFront(Bucket& from, size_t memory_max) {
  Bucket taken;
  size_t memory = 0;
  while (!from.empty()) {
    SubjectSummary& subject = from.begin()->second;
    memory += MemoryBytes(subject);
    if (memory <= memory_max) {
      taken.insert(from.extract(from.begin()));
    } else if (taken.empty()) {
      taken.emplace(from.begin()->first, TakeFront(subject, memory_max));
      if (subject.empty()) from.erase(from.begin());
      break;
    } else {
      break;
    }
  }
  return taken;
}

Buckets TakeFront(Buckets& from, size_t memory_max, size_t minutes_max) {
  Buckets taken;
  size_t memory = 0;
  while (!from.empty() && taken.size() < minutes_max) {
    Bucket& bucket = from.begin()->second;
    memory += MemoryBytes(bucket);
    if (memory <= memory_max) {
      taken.insert(from.extract(from.begin()));
    } else if (taken.empty()) {
      taken.emplace(from.begin()->first, TakeFront(bucket, memory_max));
      if (bucket.empty()) from.erase(from.begin());
      break;
    } else {
      break;
    }
  }
  return taken;
}

}  // namespace

Outbox::Outbox(BatchHeader identity, const OutboxOptions& options)
    : identity_(std::move(identity)), options_(options) {
  options_.minutes_max = std::max<size_t>(options_.minutes_max, 1);
}

void Outbox::Add(Buckets buckets, uint64_t hash_key_id) { MergePending(std::move(buckets), hash_key_id); }

void Outbox::MergePending(Buckets buckets, uint64_t hash_key_id) {
  if (hash_key_id == 0) {
    DropHashed(buckets);
  } else if (hash_key_id != pending_key_id_) {
    if (pending_key_id_ != 0) DropHashed(pending_);
    pending_key_id_ = hash_key_id;
  }
  if (pending_.empty()) {
    pending_ = std::move(buckets);
  } else {
    AbsorbBuckets(pending_, std::move(buckets));
  }
  CoarsenPending();
}

void Outbox::CoarsenPending() {
  for (const Minute step : kCoarserSteps) {
    if (MemoryBytes(pending_) <= options_.pending_bytes_max) return;
    pending_ = Coarsened(std::exchange(pending_, {}), step);
  }
  for (const auto let_go : {LetHashedGo, LetDistributionsGo}) {
    if (MemoryBytes(pending_) <= options_.memory_bytes_max) return;
    let_go(pending_);
  }
  LetNamesGo(pending_, options_.memory_bytes_max);
}

std::optional<Outbox::Frozen> Outbox::Freeze(UnixMs now) {
  if (!frozen_) {
    if (pending_.empty()) return std::nullopt;
    frozen_.emplace();
    frozen_->header = identity_;
    frozen_->header.sequence = next_sequence_++;
    frozen_->header.sent_at_unix_ms = now;
    frozen_->header.hash_key_id = pending_key_id_;
    frozen_->buckets =
        TakeFront(pending_, std::min(batch_memory_max_, options_.memory_bytes_max), options_.minutes_max);
    frozen_memory_ = MemoryBytes(frozen_->buckets);
    frozen_bytes_ = EncodeBatch(*frozen_, format_);
    while (frozen_bytes_.size() > options_.frozen_bytes_max) {
      Buckets front = TakeFront(frozen_->buckets, frozen_memory_ / 2, SIZE_MAX);
      const bool divided = !frozen_->buckets.empty();
      MergeBuckets(pending_, frozen_->buckets);
      frozen_->buckets = std::move(front);
      if (!divided) break;
      frozen_memory_ = MemoryBytes(frozen_->buckets);
      frozen_bytes_ = EncodeBatch(*frozen_, format_);
    }
  }
  return Frozen{frozen_->header.sequence, frozen_bytes_};
}

void Outbox::SetFormat(uint16_t version) { format_ = std::clamp(version, kFormatVersionMin, kFormatVersion); }

void Outbox::Answer(int http_status) {
  if (!frozen_) return;
  switch (http_status) {
    case 400:
    case 415:
    case 422:
      return Reject(false);
    case 413:
      return Reject(true);
    case 401:
    case 403:
    case 404:
    case 429:
      return;
    default:
      break;
  }
  if (http_status < 200 || http_status > 299) {
    earlier_attempt_unanswered_ = true;
    return;
  }
  DropFrozen();
  if (pending_.empty()) refusals_ = 0;
  // While something is refused the size stays: it is being halved to find what.
  if (refusals_ > 0) return;
  // By an eighth, so that a server's limit is met by a refusal in six batches and not by every second one.
  if (batch_memory_max_ < options_.pending_bytes_max) {
    batch_memory_max_ = std::max(batch_memory_max_ + batch_memory_max_ / 8, kBatchMemoryFloor);
  } else {
    batch_memory_max_ = SIZE_MAX;
  }
}

void Outbox::Reject(bool too_large) {
  ++rejected_batches_;
  if (earlier_attempt_unanswered_) {
    ++uncertain_batches_;
    return Lose("uncertain");
  }
  const bool alone = batch_memory_max_ == 0;
  if (!too_large || alone) ++refusals_;
  if (refusals_ >= kRefusalsMax && alone) {
    ++refused_batches_;
    refusals_ = 0;
    return Lose("refused");
  }
  // A first refusal may be of what the server cannot take now; a second says that something in it is wrong.
  if (too_large || refusals_ > 1) {
    const bool at_floor = batch_memory_max_ <= kBatchMemoryFloor;
    const size_t half = std::min(frozen_memory_, batch_memory_max_) / 2;
    batch_memory_max_ = at_floor ? 0 : std::max(half, kBatchMemoryFloor);
  }
  Buckets thawed = std::move(frozen_->buckets);
  const uint64_t key_id = frozen_->header.hash_key_id;
  DropFrozen();
  // A key that came in the meantime is the one to keep.
  const bool key_is_former = pending_key_id_ != 0 && key_id != pending_key_id_;
  MergePending(std::move(thawed), key_is_former ? 0 : key_id);
}

void Outbox::Lose(std::string_view how) {
  const std::string prefix(how);
  Buckets word;
  EventCounts& events = word[MinuteOf(frozen_->header.sent_at_unix_ms)][""].events;
  events[prefix + " batch"] = 1;
  if (const uint64_t records = RecordsOf(frozen_->buckets); records > 0) events[prefix + " record"] = records;
  DropFrozen();
  MergePending(std::move(word), pending_key_id_);
}

void Outbox::DropFrozen() {
  frozen_.reset();
  frozen_bytes_.clear();
  frozen_memory_ = 0;
  earlier_attempt_unanswered_ = false;
}

}  // namespace fieldmark::bucket
