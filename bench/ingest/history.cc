// Fills a data folder with the history of one service, through the recorder and the store's own code:
//
//   ingest_history FOLDER [--days N] [--fields N] [--observations N] [--deployed-hours-ago N]
//
// Orders with random contents go through the recorder, so many a minute both ways on each route, into a pool
// of minutes; history is drawn from it such that no chunk has the same minute twice. Values that hardly ever
// repeat are as many in an hour as they would be in a real one. Prints what there is as one JSON object.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "fieldmark/bucket/recorder.h"
#include "server/store/sqlite_store.h"

namespace {

using namespace fieldmark;

constexpr Minute kHour = 60;
constexpr Minute kDay = 24 * kHour;
constexpr Minute kMinutesKept = 2 * kDay;  // by the minute; all older ones are stored by five
constexpr Minute kHashedKept = 2 * kHour;  // by the minute; all older ones are stored by the hour
constexpr size_t kMinutes = 120;           // of the pool: more than any chunk has
constexpr size_t kFives = 144;
constexpr uint64_t kSeed = 20261128;

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "making history: %s\n", what.c_str());
  std::exit(2);
}

class Random {
 public:
  uint64_t Below(uint64_t bound) { return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random_); }
  uint64_t Bits() { return random_(); }
  double LogNormal(double median, double sigma) {
    return std::lognormal_distribution<double>(std::log(median), sigma)(random_);
  }
  std::string Hex(size_t digits) {
    std::string text(digits, '0');
    for (char& digit : text) digit = "0123456789abcdef"[Below(16)];
    return text;
  }
  // One of so many values, the first ones more often.
  std::string OneOf(std::string_view name, uint64_t values) {
    return std::string(name) + std::to_string(std::min(Below(values), Below(values)));
  }
  template <class T>
  void Shuffle(T& values) {
    std::shuffle(values.begin(), values.end(), random_);
  }

 private:
  std::mt19937_64 random_{kSeed};
};

// An order: 29 fields of the kinds that APIs have, each observed once.
std::string Order(Random& random, UnixMs at) {
  const auto text = [](std::string_view value) { return "\"" + std::string(value) + "\""; };
  const auto price = [&](double median) {
    return std::to_string(std::round(random.LogNormal(median, 0.6) * 100) / 100);
  };
  const std::string person = random.OneOf("person ", 20'000);
  return R"({"id":)" +
         text(random.Hex(8) + "-" + random.Hex(4) + "-4" + random.Hex(3) + "-a" + random.Hex(3) + "-" +
              random.Hex(12)) +
         R"(,"created_ms":)" + std::to_string(at - static_cast<int64_t>(random.Below(3'600'000))) +
         R"(,"status":)" + text(random.OneOf("status-", 5)) + R"(,"channel":)" +
         text(random.OneOf("channel-", 3)) + R"(,"customer":{"number":)" +
         std::to_string(random.Below(100'000)) + R"(,"name":)" + text(person) + R"(,"email":)" +
         text(person + "@example.org") + R"(,"phone":)" +
         (random.Below(100) == 0 ? "null" : text("+49302312" + std::to_string(1000 + random.Below(9000)))) +
         R"(,"address":{"street":)" + text(random.OneOf("street ", 500)) + R"(,"city":)" +
         text(random.OneOf("city ", 200)) + R"(,"country":)" + text(random.OneOf("country ", 30)) +
         R"(,"postcode":)" + text(std::to_string(10'000 + random.Below(90'000))) + R"(}},"items":[{"sku":)" +
         text(random.OneOf("sku-", 300)) + R"(,"quantity":)" + std::to_string(1 + random.Below(6)) +
         R"(,"price":)" + price(20) + R"(,"gift":)" + (random.Below(5) == 0 ? "true" : "false") +
         R"(}],"totals":{"net":)" + price(60) + R"(,"tax":)" + price(11) + R"(,"gross":)" + price(71) +
         R"(},"coupon":)" + (random.Below(3) == 0 ? text(random.OneOf("coupon-", 20)) : "null") +
         R"(,"note":)" + (random.Below(10) == 0 ? text(random.Hex(40)) : "null") + R"(,"newsletter":)" +
         (random.Below(2) == 0 ? "true" : "false") + R"(,"score":)" + std::to_string(random.LogNormal(1, 1)) +
         "}";
}

// Of counts and distributions alone.
bucket::Bucket WithoutHashed(bucket::Bucket bucket) {
  for (auto& [name, subject] : bucket) {
    if (subject.body) subject.body->DropHashed();
  }
  return bucket;
}

class History {
 public:
  History(store::Store& store, size_t fields, uint64_t observations, Minute deployed_at, Minute now)
      : store_(store), observations_(observations), deployed_at_(deployed_at), now_(now) {
    const auto key = store.KeyOf("bench", "shop-0");
    if (!key.ok()) Fail(key.error().message);
    key_ = *key;
    fields_a_body_ = FieldsOf(RecordMinute(1));
    routes_ = std::max<size_t>(1, fields / (2 * fields_a_body_));
    for (size_t i = 0; i < kMinutes; ++i) minutes_.push_back(RecordMinute(routes_));
    for (size_t i = 0; i < kFives; ++i) {
      bucket::Bucket& five = fives_.emplace_back();
      for (int k = 0; k < 5; ++k) bucket::MergeBucket(five, minutes_[random_.Below(kMinutes)]);
    }
  }

  void Append(Minute from) {
    std::vector<size_t> order(kFives);
    for (size_t i = 0; i < kFives; ++i) order[i] = i;
    for (Minute hour = from; hour < now_; hour += kHour) {
      if ((hour - from) % kDay == 0) {
        std::fprintf(stderr, "    day %lld of %lld\n", static_cast<long long>((hour - from) / kDay + 1),
                     static_cast<long long>((now_ - from) / kDay));
      }
      if (hour % (6 * kHour) == 0 || hour == from) random_.Shuffle(order);
      const bool by_minute = hour >= now_ - kMinutesKept - kHour;
      bucket::Buckets buckets;
      for (Minute at = hour; at < std::min(hour + kHour, now_); at += by_minute ? 1 : 5) {
        const size_t place =
            by_minute ? static_cast<size_t>(at - hour) : static_cast<size_t>(at % (6 * kHour) / 5);
        const auto& pool = by_minute ? minutes_ : fives_;
        if (by_minute && at == hour) random_.Shuffle(minutes_order_);
        const bucket::Bucket& drawn = pool[by_minute ? minutes_order_[place] : order[place]];
        buckets[at] = hour >= now_ - kHashedKept ? drawn : WithoutHashed(drawn);
        // A batch must not unpack to too much.
        if (by_minute) Send(std::exchange(buckets, {}));
      }
      Send(std::move(buckets));
      if (hour < now_ - kHashedKept) Send({{hour, HashedOfHour()}});
      Compact();
    }
    Compact();
  }

  size_t fields() const { return 2 * routes_ * fields_a_body_; }
  size_t subjects() const { return 3 * routes_ + 1; }

 private:
  static size_t FieldsOf(const bucket::Bucket& bucket) {
    size_t most = 0;
    for (const auto& [name, subject] : bucket)
      most = std::max(most, subject.body ? subject.body->fields.size() : 0);
    return most;
  }

  bucket::Bucket RecordMinute(size_t routes) {
    Limits limits;
    limits.memory_bytes_max = 1u << 30;
    bucket::Recorder recorder(limits, key_);
    recorder.Watch(now_ * kMsPerMinute, (now_ + 1) * kMsPerMinute);
    const UnixMs at = now_ * kMsPerMinute + kMsPerMinute / 2;
    for (size_t route = 0; route < routes; ++route) {
      const std::string name = "POST /orders" + std::to_string(route);
      for (uint64_t i = 0; i < observations_; ++i) {
        const std::string request = Order(random_, at), response = Order(random_, at);
        bucket::RequestEvent event;
        event.route = name;
        event.status = random_.Below(200) == 0 ? 500 : 200;
        event.ended_unix_ms = at;
        event.first_byte_ms = random_.LogNormal(8, 0.5);
        event.last_byte_ms = event.app_return_ms = event.first_byte_ms + 0.1;
        event.request = {bucket::BodyState::kCaptured, request, request.size()};
        event.response = {bucket::BodyState::kCaptured, response, response.size()};
        if (event.status == 500) event.response = {};
        recorder.Record(event);
      }
    }
    return std::move(recorder.Drain().begin()->second);
  }

  // As sixty minutes leave it: of values that hardly repeat there are sixty times as many.
  bucket::Bucket HashedOfHour() {
    bucket::Bucket hour;
    const bucket::Bucket& some = minutes_[random_.Below(kMinutes)];
    for (const auto& [name, subject] : some) {
      if (!subject.body || !subject.body->AnyHashed()) continue;
      bucket::BodySummary& body = hour[name].body.emplace();
      body.hash_key_id = subject.body->hash_key_id;
      for (const auto& [path, field] : subject.body->fields) {
        if (field.categories.empty()) continue;
        sketch::Categories& categories = body.fields[path].categories;
        if (!field.categories.overflowed()) {
          categories.Merge(field.categories);
          continue;
        }
        for (uint64_t i = 60 * field.categories.total(); i > 0; --i) categories.Add(random_.Bits());
      }
    }
    return hour;
  }

  void Send(bucket::Buckets buckets) {
    if (buckets.empty()) return;
    bucket::Batch batch;
    const Minute first = buckets.begin()->first;
    batch.header.stream = {"bench", "shop-0", first < deployed_at_ ? "good" : "better"};
    batch.header.instance[0] = first < deployed_at_ ? 1 : 2;
    batch.header.sequence = ++sequence_;
    batch.header.hash_key_id = key_.Id();
    batch.header.sent_at_unix_ms = now_ * kMsPerMinute;
    batch.buckets = std::move(buckets);
    const UnixMs received = std::min(now_, batch.buckets.rbegin()->first + 1) * kMsPerMinute;
    const auto appended = store_.AppendBatch(batch, bucket::EncodeBatch(batch), received);
    if (!appended.ok()) Fail(appended.error().message);
  }

  // Late enough that all of it is folded.
  void Compact() {
    while (true) {
      const Result<bool> more = store_.Compact(now_ * kMsPerMinute);
      if (!more.ok()) Fail(more.error().message);
      if (!*more) return;
    }
  }

  store::Store& store_;
  const uint64_t observations_;
  const Minute deployed_at_;
  const Minute now_;
  Random random_;
  HashKey key_;
  size_t fields_a_body_ = 0;
  size_t routes_ = 1;
  std::vector<bucket::Bucket> minutes_;
  std::vector<bucket::Bucket> fives_;
  std::vector<size_t> minutes_order_ = [] {
    std::vector<size_t> order(kMinutes);
    for (size_t i = 0; i < kMinutes; ++i) order[i] = i;
    return order;
  }();
  uint64_t sequence_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') Fail("name a data folder");
  std::map<std::string, int64_t> options{
      {"--days", 15}, {"--fields", 2000}, {"--observations", 300}, {"--deployed-hours-ago", 3}};
  for (int i = 2; i + 1 < argc; i += 2) options[argv[i]] = std::atoll(argv[i + 1]);
  const auto clock = std::chrono::system_clock::now().time_since_epoch();
  const Minute now = std::chrono::duration_cast<std::chrono::minutes>(clock).count();
  const auto store = store::SqliteStore::Open(argv[1]);
  if (!store.ok()) Fail(store.error().message);
  History history(**store, static_cast<size_t>(options["--fields"]),
                  static_cast<uint64_t>(options["--observations"]),
                  now - kHour * options["--deployed-hours-ago"], now);
  history.Append((now - options["--days"] * kDay) / kHour * kHour);
  std::printf("{\"days\":%lld,\"fields\":%zu,\"subjects\":%zu,\"observations\":%lld}\n",
              static_cast<long long>(options["--days"]), history.fields(), history.subjects(),
              static_cast<long long>(options["--observations"]));
  return 0;
}
