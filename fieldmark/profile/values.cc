#include "fieldmark/profile/values.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include "fieldmark/base/count.h"
#include "fieldmark/profile/profiler.h"

namespace fieldmark::profile {
namespace {

constexpr size_t kGroupMax = ShortTexts::kSizeMax;
constexpr uint64_t kExactMax = uint64_t{1} << 53;  // every integer up to here is a double

// The text that WordsOf took in.
std::string_view TextOf(const Words& words, size_t size) {
  return {reinterpret_cast<const char*>(&words), size};
}

double AsDouble(uint8_t kind, uint64_t bits) {
  switch (kind) {
    case Values::kDouble:
      return std::bit_cast<double>(bits) + 0.0;  // −0 is 0
    case Values::kInteger:
      return static_cast<double>(static_cast<int64_t>(bits));
    default:
      return static_cast<double>(bits);
  }
}

bool HasExactDouble(uint8_t kind, uint64_t bits) {
  if (kind == Values::kDouble) return true;
  return kind == Values::kInteger && bits + kExactMax <= 2 * kExactMax;
}

uint64_t HashLargeInteger(const HashKey& key, uint8_t kind, uint64_t bits) {
  return kind == Values::kInteger ? Profiler::HashInteger(key, static_cast<int64_t>(bits))
                                  : Profiler::HashUnsigned(key, bits);
}

// Some of a group's values, for one histogram.
struct Weighted {
  std::array<sketch::WeightedValue, kGroupMax> values;
  size_t size = 0;

  void Add(double value, uint64_t times) { values[size++] = {value, times}; }
  // The same where values mostly are like the one before.
  void AddAlike(double value, uint64_t times) {
    if (size > 0 && values[size - 1].value == value) {
      values[size - 1].times += times;
    } else {
      Add(value, times);
    }
  }
  void Tell(sketch::Histogram& histogram, sketch::RecentBuckets& recent) const {
    if (size > 0) histogram.AddAll({values.data(), size}, recent);
  }
};

// What a group's values are to each of the sketches.
struct Group {
  std::array<sketch::CategoryCount, kGroupMax> categories;
  Weighted numbers;
  Weighted string_bytes;
  Weighted age_ms;
  ShortTexts to_hash;
  std::array<uint8_t, kGroupMax> hashed_for;  // to_hash's i is that of categories[hashed_for[i]]

  void Hash(size_t at, char tag, uint64_t low, uint64_t high, size_t bytes) {
    hashed_for[to_hash.size] = static_cast<uint8_t>(at);
    to_hash.Add(tag, low, high, bytes);
  }
};

void CountFormats(FieldCounts& counts, sketch::FormatSet formats, uint64_t times) {
  for (; formats != 0; formats &= formats - 1) counts.formats[std::countr_zero(formats)] += times;
}

// As text, a short text or a number.
void Reveal(sketch::Texts& texts, uint64_t hash, uint8_t kind, const Words& words) {
  if (kind <= Words::kBytes) return texts.Add(hash, false, TextOf(words, kind));
  std::array<char, 32> number;
  char* const end = number.data() + number.size();
  char* written = number.data();
  if (kind == Values::kDouble) {
    written = std::to_chars(written, end, std::bit_cast<double>(words.low)).ptr;
  } else if (kind == Values::kInteger) {
    written = std::to_chars(written, end, static_cast<int64_t>(words.low)).ptr;
  } else if (kind == Values::kUnsigned) {
    written = std::to_chars(written, end, words.low).ptr;
  } else {
    return;
  }
  texts.Add(hash, true, {number.data(), static_cast<size_t>(written - number.data())});
}

}  // namespace

void Values::PayGroup(const std::optional<HashKey>& key, bool reveal, Room room, FieldSummary& into,
                      Recent* recent, size_t size, const uint8_t* kinds, const Words* words,
                      const uint64_t* counts) {
  static_assert(kGroupMax >= kSizeMax && kGroupMax >= kKnownMax);
  const bool sketched = room >= Room::kSketches;
  const bool hashed = key && sketched && (room >= Room::kHashes || !into.categories.empty());
  Group group;
  uint64_t all = 0;
  uint64_t strings = 0;
  for (size_t i = 0; i < size; ++i) {
    const uint8_t kind = kinds[i];
    const uint64_t times = counts[i];
    group.categories[i].count = times;
    all += times;
    if (kind <= Words::kBytes) {
      strings += times;
      group.string_bytes.AddAlike(kind, times);
      CountFormats(into.counts, sketch::FormatsOf(TextOf(words[i], kind)), times);
      group.Hash(i, 's', words[i].low, words[i].high, kind);
    } else if (kind == kLongText) {
      strings += times;
      group.string_bytes.AddAlike(static_cast<double>(words[i].high >> 32), times);
      CountFormats(into.counts, static_cast<sketch::FormatSet>(words[i].high), times);
      group.categories[i].hash = words[i].low;
    } else if (kind == kTimeText) {
      const auto high = static_cast<int64_t>(words[i].high);
      strings += times;
      group.string_bytes.AddAlike(static_cast<double>(high & ((1 << kTimeSizeBits) - 1)), times);
      CountFormats(into.counts, kTimeFormats, times);
      group.age_ms.Add(static_cast<double>(high >> kTimeSizeBits), times);
      group.categories[i].hash = words[i].low;
    } else {
      if (words[i].high != 0)
        group.age_ms.Add(static_cast<double>(static_cast<int64_t>(words[i].high) >> 1), times);
      (kind == kDouble ? into.counts.floats : into.counts.integers) += times;
      const double value = AsDouble(kind, words[i].low);
      group.numbers.Add(value, times);
      if (HasExactDouble(kind, words[i].low)) {
        group.Hash(i, 'd', std::bit_cast<uint64_t>(value), 0, sizeof value);
      } else if (hashed) {
        group.categories[i].hash = HashLargeInteger(*key, kind, words[i].low);
      }
    }
  }
  into.counts.strings += strings;
  if (hashed) {
    std::array<uint64_t, kGroupMax> hashes;
    SipHash13Tagged(*key, group.to_hash, hashes);
    for (size_t i = 0; i < group.to_hash.size; ++i) group.categories[group.hashed_for[i]].hash = hashes[i];
    into.categories.AddAll({group.categories.data(), size});
    for (size_t i = 0; reveal && i < size; ++i)
      Reveal(into.texts, group.categories[i].hash, kinds[i], words[i]);
  }
  if (!sketched || (key && !hashed)) into.counts.limited += all;
  if (!sketched) return;
  group.numbers.Tell(into.numbers, recent->numbers);
  group.string_bytes.Tell(into.string_bytes, recent->string_bytes);
  group.age_ms.Tell(into.age_ms, recent->age_ms);
}

void Values::PayOne(const std::optional<HashKey>& key, bool reveal, Room room, FieldSummary& into,
                    uint8_t kind, Words words, uint64_t times) {
  PayGroup(key, reveal, room, into, &recent_, 1, &kind, &words, &times);
}

void Values::CountOne(const std::optional<HashKey>& key, FieldSummary& into, uint8_t kind, Words words,
                      uint64_t times) {
  PayGroup(key, /*reveal=*/false, Room::kCounts, into, nullptr, 1, &kind, &words, &times);
}

void Values::PayNoted(const std::optional<HashKey>& key, bool reveal, Room room, FieldSummary& into) {
  static constexpr std::array<uint64_t, kSizeMax> kOnes = [] {
    std::array<uint64_t, kSizeMax> ones{};
    ones.fill(1);
    return ones;
  }();
  const size_t size = std::exchange(size_, uint8_t{0});
  if (size > 0) PayGroup(key, reveal, room, into, &recent_, size, kinds_.data(), words_.data(), kOnes.data());
}

void Values::Pay(const std::optional<HashKey>& key, bool reveal, Room room, FieldSummary& into) {
  PayNoted(key, reveal, room, into);
  if (varied_) {
    if (--groups_left_ > 0) return;
    varied_ = false;
    PayKnown(key, reveal, room, into);
  } else if (std::exchange(hits_, 0) < kSizeMax) {
    // Looking costs about as much as it saves when one value in two is there.
    varied_ = true;
    groups_left_ = kGroupsBetweenLooks;
  }
}

void Values::PayAll(const std::optional<HashKey>& key, bool reveal, Room room, FieldSummary& into) {
  PayNoted(key, reveal, room, into);
  PayKnown(key, reveal, room, into);
  into.numbers.Settle(recent_.numbers);
  into.string_bytes.Settle(recent_.string_bytes);
  into.age_ms.Settle(recent_.age_ms);
}

void Values::PayKnown(const std::optional<HashKey>& key, bool reveal, Room room, FieldSummary& into) {
  if (known_size_ == 0) return;
  std::array<uint8_t, kKnownMax> kinds;
  std::array<Words, kKnownMax> words;
  std::array<uint64_t, kKnownMax> counts;
  for (size_t i = 0; i < known_size_; ++i) {
    kinds[i] = tags_[i] & kNone;
    words[i] = {known_[i].low, known_[i].high};
    counts[i] = known_[i].owed;
  }
  const size_t size = std::exchange(known_size_, uint8_t{0});
  PayGroup(key, reveal, room, into, &recent_, size, kinds.data(), words.data(), counts.data());
  tags_.fill(kNone);
}

}  // namespace fieldmark::profile
