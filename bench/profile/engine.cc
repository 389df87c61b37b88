// Measures the engine itself, without Python: reads bodies from the file named, each a line, then commands
// from standard input, `VARIANT COUNT`, and answers each with the nanoseconds of this thread's CPU time that
// the next COUNT bodies took. Variants: `parse`, simdjson alone; `profile`, all summaries; and both with
// `-cold` behind them: a profile of its own for each of 64 subjects in turn, and 2 MiB of other memory
// touched before each body. `worker-cold` is `profile-cold` as a worker does it: small bodies wait for others
// of their subject and are profiled together, so that most cost a copy and some do the work for all.
#include <simdjson.h>
#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fieldmark/profile/profiler.h"
#include "fieldmark/profile/waiting_bodies.h"

namespace {

using fieldmark::HashKey;
using fieldmark::Limits;
using fieldmark::UnixMs;
using fieldmark::json::Reader;
using fieldmark::profile::Profiler;
using fieldmark::profile::WaitingBodies;

constexpr size_t kSubjects = 64;
constexpr size_t kOthersBytes = 2u << 20;
constexpr size_t kCacheLineBytes = 64;

int64_t ThreadNanoseconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return int64_t{1'000'000'000} * time.tv_sec + time.tv_nsec;
}

class Engine {
 public:
  explicit Engine(std::vector<std::string> bodies)
      : bodies_(std::move(bodies)), others_(kOthersBytes), waiting_(kSubjects) {
    for (size_t i = 0; i < kSubjects; ++i) {
      profilers_.emplace_back(Limits{}, *HashKey::FromHex("000102030405060708090a0b0c0d0e0f"));
      for (const std::string& body : bodies_) profilers_.back().Observe(reader_.Read(body));
    }
    // As far as subjects are at any time, each at another place: else all would work at once, and few
    // measurements would see it.
    const size_t waiting_max = WaitingBodies::kBytesMax / bodies_[0].size();
    for (size_t i = 0; i < kSubjects; ++i) {
      for (size_t n = 0; n < waiting_max * i / kSubjects; ++n)
        waiting_[i].Add(bodies_[n % bodies_.size()], 0, 1);
    }
  }

  // Nanoseconds for `count` bodies; nullopt for an unknown variant.
  std::optional<int64_t> Measure(const std::string& variant, size_t count) {
    if (variant == "parse") return Hot(count, [&](const std::string& body, size_t) { Parse(body); });
    if (variant == "parse-cold") return Cold(count, [&](const std::string& body, size_t) { Parse(body); });
    if (variant == "profile")
      return Hot(count, [&](const std::string& body, size_t) { profilers_[0].Observe(reader_.Read(body)); });
    if (variant == "profile-cold")
      return Cold(count, [&](const std::string& body, size_t subject) {
        profilers_[subject].Observe(reader_.Read(body));
      });
    if (variant == "worker-cold")
      return Cold(count, [&](const std::string& body, size_t subject) { Work(body, subject); });
    return std::nullopt;
  }

 private:
  void Work(const std::string& body, size_t subject) {
    Profiler& profiler = profilers_[subject];
    WaitingBodies& waiting = waiting_[subject];
    if (waiting.Add(body, 0, 1)) return;
    waiting.Settle(
        [&](std::string_view each, UnixMs, uint64_t times) { profiler.Observe(reader_.Read(each), times); });
    if (!waiting.Add(body, 0, 1)) profiler.Observe(reader_.Read(body));
  }

  void Parse(const std::string& body) {
    if (parser_.parse(body).error() != simdjson::SUCCESS) std::abort();
  }

  template <typename Take>
  int64_t Hot(size_t count, const Take& take) {
    const int64_t began = ThreadNanoseconds();
    for (size_t i = 0; i < count; ++i) take(Next(), 0);
    return ThreadNanoseconds() - began;
  }

  // Less what reading the clock takes, measured in the same state of the caches.
  template <typename Take>
  int64_t Cold(size_t count, const Take& take) {
    int64_t spent = 0;
    for (size_t i = 0; i < count; ++i) {
      TouchOthers();
      int64_t began = ThreadNanoseconds();
      spent -= ThreadNanoseconds() - began;
      TouchOthers();
      const std::string& body = Next();
      began = ThreadNanoseconds();
      take(body, next_ % kSubjects);
      spent += ThreadNanoseconds() - began;
    }
    return spent;
  }

  const std::string& Next() { return bodies_[next_++ % bodies_.size()]; }

  void TouchOthers() {
    for (size_t i = 0; i < others_.size(); i += kCacheLineBytes) ++others_[i];
    asm volatile("" : : "r"(others_.data()) : "memory");
  }

  std::vector<std::string> bodies_;
  size_t next_ = 0;
  std::vector<char> others_;
  simdjson::dom::parser parser_;
  Reader reader_;
  std::vector<Profiler> profilers_;
  std::vector<WaitingBodies> waiting_;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> bodies;
  std::ifstream file(argc == 2 ? argv[1] : "");
  for (std::string body; std::getline(file, body);) bodies.push_back(body);
  if (bodies.empty()) {
    std::fprintf(stderr, "measuring: expected a file of bodies, one a line\n");
    return 2;
  }
  Engine engine(std::move(bodies));
  std::string variant;
  for (size_t count; std::cin >> variant >> count;) {
    const auto spent = engine.Measure(variant, count);
    if (!spent) return 2;
    std::cout << *spent << std::endl;
  }
  return 0;
}
