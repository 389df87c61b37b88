#include "fieldmark/profile/values.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include "fieldmark/base/count.h"
#include "fieldmark/profile/profiler.h"

namespace fieldmark::profile {
namespace {

constexpr size_t kGroupMax = 24;
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

// What a group's values are to each of the sketches.
struct Group {
  std::array<sketch::CategoryCount, kGroupMax> categories;
  std::array<sketch::WeightedValue, kGroupMax> numbers;
  std::array<ShortText, kGroupMax> to_hash;
  std::array<uint8_t, kGroupMax> hashed_for;  // to_hash[i] is that of categories[hashed_for[i]]
  size_t numbers_size = 0;
  size_t to_hash_size = 0;

  void Hash(size_t at, ShortText text) {
    to_hash[to_hash_size] = text;
    hashed_for[to_hash_size++] = static_cast<uint8_t>(at);
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
                      size_t size, const uint8_t* kinds, const Words* words, const uint64_t* counts) {
  static_assert(kGroupMax >= kSizeMax && kGroupMax >= kKnownMax);
  const bool sketched = room >= Room::kSketches;
  const bool hashed = key && sketched && (room >= Room::kHashes || !into.categories.empty());
  Group group;
  uint64_t all = 0;
  std::array<uint64_t, Words::kBytes + 1> short_texts{};  // by their length, mostly the same
  for (size_t i = 0; i < size; ++i) {
    const uint8_t kind = kinds[i];
    const uint64_t times = counts[i];
    group.categories[i].count = times;
    all += times;
    if (kind <= Words::kBytes) {
      into.counts.strings += times;
      short_texts[kind] += times;
      CountFormats(into.counts, sketch::FormatsOf(TextOf(words[i], kind)), times);
      group.Hash(i, {words[i].low, words[i].high, kind, 's'});
    } else if (kind == kLongText) {
      into.counts.strings += times;
      if (sketched) into.string_bytes.Add(static_cast<double>(words[i].high >> 32), times);
      CountFormats(into.counts, static_cast<sketch::FormatSet>(words[i].high), times);
      group.categories[i].hash = words[i].low;
    } else if (kind == kTimeText) {
      const auto high = static_cast<int64_t>(words[i].high);
      into.counts.strings += times;
      if (sketched) into.string_bytes.Add(static_cast<double>(high & ((1 << kTimeSizeBits) - 1)), times);
      CountFormats(into.counts, kTimeFormats, times);
      if (sketched) into.age_ms.Add(static_cast<double>(high >> kTimeSizeBits), times);
      group.categories[i].hash = words[i].low;
    } else {
      if (sketched && words[i].high != 0)
        into.age_ms.Add(static_cast<double>(static_cast<int64_t>(words[i].high) >> 1), times);
      (kind == kDouble ? into.counts.floats : into.counts.integers) += times;
      const double value = AsDouble(kind, words[i].low);
      group.numbers[group.numbers_size++] = {value, times};
      if (HasExactDouble(kind, words[i].low)) {
        group.Hash(i, {std::bit_cast<uint64_t>(value), 0, sizeof value, 'd'});
      } else if (hashed) {
        group.categories[i].hash = HashLargeInteger(*key, kind, words[i].low);
      }
    }
  }
  if (hashed) {
    std::array<uint64_t, kGroupMax> hashes;
    SipHash13Tagged(*key, {group.to_hash.data(), group.to_hash_size}, hashes.data());
    for (size_t i = 0; i < group.to_hash_size; ++i) group.categories[group.hashed_for[i]].hash = hashes[i];
    into.categories.AddAll({group.categories.data(), size});
    for (size_t i = 0; reveal && i < size; ++i)
      Reveal(into.texts, group.categories[i].hash, kinds[i], words[i]);
  }
  if (!sketched || (key && !hashed)) into.counts.limited += all;
  if (!sketched) return;
  into.numbers.AddAll({group.numbers.data(), group.numbers_size});
  for (size_t length = 0; length < short_texts.size(); ++length) {
    if (short_texts[length] > 0) into.string_bytes.Add(static_cast<double>(length), short_texts[length]);
  }
}

void Values::PayOne(const std::optional<HashKey>& key, bool reveal, Room room, FieldSummary& into,
                    uint8_t kind, Words words, uint64_t times) {
  PayGroup(key, reveal, room, into, 1, &kind, &words, &times);
}

void Values::Pay(const std::optional<HashKey>& key, bool reveal, Room room, FieldSummary& into, bool all) {
  static constexpr std::array<uint64_t, kSizeMax> kOnes = [] {
    std::array<uint64_t, kSizeMax> ones{};
    ones.fill(1);
    return ones;
  }();
  const size_t size = std::exchange(size_, uint8_t{0});
  if (size > 0) PayGroup(key, reveal, room, into, size, kinds_.data(), words_.data(), kOnes.data());
  if (varied_) {
    if (size == kSizeMax && --groups_left_ == 0) {
      varied_ = false;
      all = true;
    }
  } else if (size == kSizeMax) {
    // Looking costs about as much as it saves when one value in two is there.
    if (std::exchange(hits_, 0) < size) {
      varied_ = true;
      groups_left_ = kGroupsBetweenLooks;
    }
  }
  if (!all || known_size_ == 0) return;
  std::array<uint8_t, kKnownMax> kinds;
  std::array<Words, kKnownMax> words;
  std::array<uint64_t, kKnownMax> counts;
  for (size_t i = 0; i < known_size_; ++i) {
    kinds[i] = tags_[i] & kNone;
    words[i] = {known_[i].low, known_[i].high};
    counts[i] = known_[i].owed;
  }
  PayGroup(key, reveal, room, into, std::exchange(known_size_, uint8_t{0}), kinds.data(), words.data(),
           counts.data());
  tags_.fill(kNone);
}

}  // namespace fieldmark::profile
