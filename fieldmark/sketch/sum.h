// A sum of doubles that does not lose small terms: two doubles, the second holding what the first rounds
// away.
#pragma once

namespace fieldmark::sketch {

// Error |computed − exact| ≤ 1e-12 · Σ|x| for up to 2^40 terms in any order and grouping; not bit for bit the
// same in every order, the one exception to that rule. 16 bytes. (Dekker 1971; Knuth's TwoSum.) Terms are
// finite and so is the sum: where the exact one leaves the range of a double, it stays at the largest double
// of its sign.
class Sum {
 public:
  void Add(double value);
  void Merge(const Sum& other);
  double value() const { return high_ + low_; }

  double high() const { return high_; }
  double low() const { return low_; }
  static Sum FromParts(double high, double low);

 private:
  double high_ = 0;
  double low_ = 0;
};

}  // namespace fieldmark::sketch
