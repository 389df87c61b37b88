// Bodies such as an orders API carries, for benchmarks and tests of memory: seeded, of an exact size, with
// values that vary as real ones do. Four shapes: an event (156 bytes, 8 leaves), an order with one line (844
// bytes, 29), the same with as many lines as fit (4 kB, about 190), a list of 50 records (20 kB, 651). Leaves
// are values that are no containers.
#pragma once

#include <initializer_list>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace fieldmark::profile {

inline constexpr size_t kSampleBytes[] = {156, 844, 4096, 20480};

class SampleBodies {
 public:
  // `count` different ones of one of kSampleBytes. `prefix` goes before every key: another subject's names.
  SampleBodies(size_t bytes, size_t count, std::string prefix = "", uint64_t seed = 1)
      : random_(seed), prefix_(std::move(prefix)) {
    for (size_t i = 0; i < count; ++i) {
      bodies_.push_back(bytes == 156 ? Event(bytes) : bytes <= 4'096 ? Order(bytes) : List(bytes));
    }
  }

  const std::string& operator[](size_t i) const { return bodies_[i % bodies_.size()]; }
  size_t size() const { return bodies_.size(); }
  const std::vector<std::string>& all() const { return bodies_; }
  // Of a body, on average.
  double leaves() const { return static_cast<double>(leaves_) / static_cast<double>(bodies_.size()); }

 private:
  using Words = std::initializer_list<std::string_view>;

  size_t Pick(size_t n) { return random_() % n; }
  std::string_view One(const Words& of) { return of.begin()[Pick(of.size())]; }
  std::string Whole(size_t from, size_t to) { return std::to_string(from + Pick(to - from + 1)); }
  std::string Padded(size_t digits) {
    std::string text;
    for (size_t i = 0; i < digits; ++i) text += static_cast<char>('0' + Pick(10));
    return text;
  }
  std::string Money(size_t below) {
    const size_t cents = 100 + Pick(below * 100);
    return std::to_string(cents / 100) + "." + std::to_string(cents % 100 / 10) + std::to_string(1 + Pick(9));
  }
  std::string Hex(size_t digits) {
    std::string text;
    for (size_t i = 0; i < digits; ++i) text += "0123456789abcdef"[Pick(16)];
    return text;
  }
  std::string Uuid() { return Hex(8) + "-" + Hex(4) + "-" + Hex(4) + "-" + Hex(4) + "-" + Hex(12); }
  std::string TwoOf(size_t from, size_t to) {
    const std::string text = Whole(from, to);
    return text.size() < 2 ? "0" + text : text;
  }
  std::string Timestamp() {
    return "2026-" + TwoOf(1, 12) + "-" + TwoOf(1, 28) + "T" + TwoOf(0, 23) + ":" + TwoOf(0, 59) + ":" +
           TwoOf(0, 59) + "." + Padded(3) + "Z";
  }
  std::string Text(size_t bytes) {
    std::string text;
    while (text.size() < bytes) {
      if (!text.empty()) text += ' ';
      text += One({"please", "leave", "at", "the", "door", "call", "before", "arrival", "gift", "wrap", "no",
                   "plastic", "fragile", "items", "inside", "back", "entrance"});
    }
    text.resize(bytes);
    return text;
  }
  std::string_view First() {
    return One({"Ada", "Bea", "Cem", "Dov", "Eli", "Fay", "Gus", "Hal", "Ida", "Jon", "Kim", "Leo"});
  }
  std::string_view Last() {
    return One({"Abel", "Bauer", "Costa", "Diaz", "Evans", "Fuchs", "Greco", "Haas", "Ito", "Jones"});
  }
  std::string_view Country() { return One({"DE", "PT", "ES", "FR", "IT"}); }
  std::string_view City() {
    return One({"Berlin", "Lisbon", "Madrid", "Oslo", "Paris", "Porto", "Prague", "Riga", "Rome", "Vienna"});
  }
  std::string_view Status() { return One({"pending", "paid", "packed", "shipped", "delivered", "returned"}); }

  std::string Key(std::string_view name) { return "\"" + prefix_ + std::string(name) + "\":"; }
  std::string Raw(std::string_view name, std::string_view value) {
    ++leaves_;
    return Key(name) + std::string(value) + ",";
  }
  std::string Quoted(std::string_view name, std::string_view value) {
    return Raw(name, "\"" + std::string(value) + "\"");
  }
  std::string NullOr(size_t percent, std::string_view name, const std::string& value) {
    return Raw(name, Pick(100) < percent ? "null" : value);
  }
  // `body` so far, its last member a text that fills it up to `bytes`, and `end`.
  std::string Filled(std::string body, std::string_view name, std::string_view end, size_t bytes) {
    body += Quoted(name, "");
    body.resize(body.size() - 2);
    const size_t taken = body.size() + 1 + end.size();
    return body + Text(bytes > taken ? bytes - taken : 0) + "\"" + std::string(end);
  }

  std::string Event(size_t bytes) {
    return Filled("{" + Raw("id", Whole(1'000'000, 9'999'999)) + Quoted("user", First()) +
                      Quoted("event", One({"click", "view", "buy"})) + Raw("value", Money(100)) +
                      Raw("ok", Pick(10) > 0 ? "true" : "false") + NullOr(40, "ref", Whole(1, 99)) +
                      Quoted("at", Timestamp()),
                  "tag", "}", bytes);
  }
  std::string Line() {
    std::string line = "{" + Quoted("sku", "SKU-" + Padded(5)) + Quoted("name", Text(8 + Pick(7))) +
                       Raw("qty", Whole(1, 9)) + Raw("price", Money(400)) +
                       Raw("taxable", Pick(5) > 0 ? "true" : "false");
    line.back() = '}';
    return line;
  }
  std::string Order(size_t bytes) {
    std::string body =
        "{" + Quoted("order_id", Uuid()) + Raw("customer_id", Whole(1, 1'000'000)) +
        Quoted("email", std::string(First()) + "." + std::string(Last()) + Whole(1, 999) + "@example.com") +
        Quoted("first_name", First()) + Quoted("last_name", Last()) +
        NullOr(30, "phone", "\"+491" + Padded(8) + "\"") + Quoted("status", Status()) +
        Quoted("currency", One({"EUR", "EUR", "EUR", "USD", "GBP"})) + Raw("subtotal", Money(900)) +
        Raw("tax", Money(90)) + Raw("shipping", Money(15)) + NullOr(60, "discount", Money(20)) +
        Raw("total", Money(1'000)) + Raw("item_count", Whole(1, 12)) + Raw("weight_kg", Money(20) + "5") +
        Raw("is_gift", Pick(10) == 0 ? "true" : "false") + Raw("is_first", Pick(5) == 0 ? "true" : "false") +
        NullOr(80, "coupon", "\"SAVE" + std::string(One({"5", "10", "15"})) + "\"") +
        Quoted("street", std::string(Last()) + " street " + Whole(1, 200)) + Quoted("city", City()) +
        Quoted("postcode", Padded(5)) + Quoted("country", Country()) + Quoted("created_at", Timestamp()) +
        Key("items") + "[" + Line();
    while (body.size() + 200 < bytes && bytes > 1'000) body += "," + Line();
    return Filled(body + "],", "note", "}", bytes);
  }
  std::string List(size_t bytes) {
    constexpr size_t kRecords = 50;
    std::string body = "{" + Key("items") + "[";
    std::string end = "]," + Raw("next", "null");
    end.back() = '}';
    for (size_t i = 0; i < kRecords; ++i) {
      const size_t room = (bytes - end.size() - body.size()) / (kRecords - i);
      body += Filled((i == 0 ? "{" : ",{") + Quoted("order_id", Uuid()) +
                         Raw("customer_id", Whole(1, 1'000'000)) + Quoted("status", Status()) +
                         Raw("total", Money(1'000)) + Quoted("currency", One({"EUR", "USD", "GBP"})) +
                         Raw("item_count", Whole(1, 12)) + Raw("is_gift", Pick(10) == 0 ? "true" : "false") +
                         NullOr(80, "coupon", "\"SAVE" + std::string(One({"5", "10", "15"})) + "\"") +
                         Quoted("city", City()) + Quoted("country", Country()) +
                         Quoted("created_at", Timestamp()) + Quoted("updated_at", Timestamp()),
                     "note", "}", room);
    }
    return body + end;
  }

  std::mt19937_64 random_;
  std::string prefix_;
  std::vector<std::string> bodies_;
  size_t leaves_ = 0;
};

}  // namespace fieldmark::profile
