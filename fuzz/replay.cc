// Runs one fuzz target without a fuzzer, so that any compiler can, as part of the tests: every file of the
// folders named, then COUNT mutations of them, the same ones each time.
//
//   TARGET_replay COUNT FOLDER...
//
// Exit: 0 all held. A target that finds a fault aborts; its input is then kept beside the program.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSeed = 20261124;
constexpr size_t kBytesMax = 8'192;

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& corpus) : corpus_(corpus) {}

  std::string Next() {
    std::string input = Any();
    for (size_t changes = 1 + Below(6); changes > 0; --changes) Change(input);
    if (input.size() > kBytesMax) input.resize(kBytesMax);
    return input;
  }

 private:
  size_t Below(size_t n) { return n == 0 ? 0 : random_() % n; }
  const std::string& Any() { return corpus_[Below(corpus_.size())]; }
  char InterestingByte() {
    constexpr char kBytes[] = "\x00\x01\x7f\x80\xff\"\\{}[],:.-+eE019 \n\xc3\xed";
    return Below(2) == 0 ? kBytes[Below(sizeof kBytes - 1)] : static_cast<char>(random_());
  }

  void Change(std::string& input) {
    const size_t at = Below(input.size() + 1);
    const size_t length = Below(std::min<size_t>(input.size() - at, 32) + 1);
    switch (Below(7)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ 1 << Below(8));
        return;
      case 1:
        if (at < input.size()) input[at] = InterestingByte();
        return;
      case 2:
        input.insert(at, 1, InterestingByte());
        return;
      case 3:
        input.erase(at, length);
        return;
      case 4:
        input.insert(Below(input.size() + 1), input.substr(at, length));
        return;
      case 5: {
        const std::string& other = Any();
        const size_t from = Below(other.size() + 1);
        input.replace(at, length, other.substr(from, Below(64)));
        return;
      }
      default:
        if (Below(4) == 0) input.resize(at);
    }
  }

  const std::vector<std::string>& corpus_;
  std::mt19937_64 random_{kSeed};
};

std::vector<std::string> Read(const std::vector<fs::path>& folders) {
  std::set<fs::path> files;  // in one order everywhere
  for (const fs::path& folder : folders) {
    for (const auto& entry : fs::directory_iterator(folder)) files.insert(entry.path());
  }
  std::vector<std::string> corpus;
  for (const fs::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

std::string g_input;  // what runs now, for whoever looks for it after an abort
std::string g_kept_as;

void KeepInput(int) {
  if (std::FILE* file = std::fopen(g_kept_as.c_str(), "wb")) {
    std::fwrite(g_input.data(), 1, g_input.size(), file);
    std::fclose(file);
    std::fprintf(stderr, "the input that failed, of %zu bytes, is in %s\n", g_input.size(),
                 g_kept_as.c_str());
  }
}

void Run(std::string input) {
  g_input = std::move(input);
  // Of its exact size, so that reading past the end is seen where memory is checked.
  const std::vector<uint8_t> bytes(g_input.begin(), g_input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "replaying: expected a count and folders\n");
    return 2;
  }
  g_kept_as = std::string(argv[0]) + ".failed";
  std::signal(SIGABRT, KeepInput);
  const std::vector<std::string> corpus = Read({argv + 2, argv + argc});
  if (corpus.empty()) {
    std::fprintf(stderr, "replaying: the folders hold no file\n");
    return 2;
  }
  for (const std::string& input : corpus) Run(input);
  Mutator mutator(corpus);
  for (long count = std::strtol(argv[1], nullptr, 10); count > 0; --count) Run(mutator.Next());
  return 0;
}
