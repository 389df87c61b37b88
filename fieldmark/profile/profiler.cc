// One pass over the tape with an explicit stack of open containers. A field is a Node; an object's members
// are looked up by prediction: each node remembers which sibling followed it last time, so a document of a
// known shape costs one comparison of bytes a key and hashes none.
//
// Sketches are functions of the multiset of values and do not care when they are told. So a node counts its
// last few short values in place, puts those that make way into a list of debts, and pays 32 of them at
// once: the sketches' memory, which the application has pushed out of the caches since, is fetched once for
// all of them.
#include "fieldmark/profile/profiler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "fieldmark/base/count.h"
#include "fieldmark/profile/path.h"

namespace fieldmark::profile {
namespace {

constexpr size_t kShortBytes = 16;
constexpr size_t kRecentValues = 8;     // taste: enums are mostly smaller
constexpr size_t kDebtsMax = 32;        // measured: docs/design/profile-speed.md
constexpr size_t kCountedLengths = 64;  // lengths below are counted in place
constexpr size_t kNodesAtOnce = 8;

// A value and how often it occurred without the sketches knowing.
struct Debt {
  // '"': a text of at most 16 bytes, zeros behind. 'S': a longer one, its hash and its formats. 'd', 'l',
  // 'u': the number's bits. 0: none.
  uint64_t low = 0;
  uint64_t high = 0;
  uint64_t owed = 0;
  uint32_t size = 0;  // of a text
  char type = 0;
};
static_assert(sizeof(Debt) == 32);

// What every value touches stands first: a cache line, one of `recent` and perhaps one of `debts`.
struct alignas(64) Node {
  std::string name;
  Node* follower = nullptr;      // the sibling that came after it last time
  uint64_t document_serial = 0;  // the last document that held it
  uint64_t object_serial = 0;    // the last object that held it, to see a key twice
  uint32_t debts_size = 0;
  uint32_t documents = 0;  // that are not yet in `counts`
  alignas(64) std::array<Debt, kRecentValues> recent;
  std::array<Debt, kDebtsMax> debts;

  FieldCounts counts;     // without `seen`, which follows from the types, and what is owed
  Node* first = nullptr;  // the member that came first last time
  Node* item = nullptr;
  Node* residual = nullptr;
  Node* parent = nullptr;
  uint64_t name_hash = 0;
  size_t names = 0;  // members with a name
  std::array<uint64_t, kCountedLengths> lengths{};
  FieldSummary sketches;  // its counts stay zero
  std::string path;
};

inline uint64_t Load64(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}
inline uint32_t Load32(const char* from) {
  uint32_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// The text of at most 16 bytes as two words, as they would stand in memory with zeros behind; reads nothing
// beyond it.
inline std::pair<uint64_t, uint64_t> WordsOf(std::string_view text) {
  static_assert(std::endian::native == std::endian::little);
  const char* at = text.data();
  const size_t size = text.size();
  if (size > 8) return {Load64(at), Load64(at + size - 8) >> (8 * (2 * sizeof(uint64_t) - size))};
  if (size == 8) return {Load64(at), 0};
  if (size >= 4) return {Load32(at) | uint64_t{Load32(at + size - 4)} << (8 * (size - 4)), 0};
  if (size == 0) return {0, 0};
  const auto byte = [at](size_t i) { return uint64_t{static_cast<uint8_t>(at[i])} << (8 * i); };
  return {byte(0) | byte(size / 2) | byte(size - 1), 0};
}

// The text that WordsOf took in.
std::string_view TextOf(const Debt& debt) {
  static_assert(offsetof(Debt, low) == 0 && offsetof(Debt, high) == sizeof(uint64_t));
  return {reinterpret_cast<const char*>(&debt), debt.size};
}

inline bool SameText(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  if (a.size() <= kShortBytes) return WordsOf(a) == WordsOf(b);
  return std::memcmp(a.data(), b.data(), a.size()) == 0;
}

__extension__ using Wide = unsigned __int128;

inline uint64_t Mix(uint64_t low, uint64_t high) {
  const Wide product = static_cast<Wide>(low ^ 0x9E37'79B9'7F4A'7C15) * (high ^ 0xD1B5'4A32'D192'ED03);
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t HashName(uint64_t seed, std::string_view name) {
  uint64_t hash = Mix(seed, name.size());
  while (name.size() > kShortBytes) {
    hash = Mix(hash ^ Load64(name.data()), Load64(name.data() + 8));
    name.remove_prefix(kShortBytes);
  }
  const auto [low, high] = WordsOf(name);
  return Mix(hash ^ low, high ^ seed);
}

template <class Integer>
uint64_t HashDigits(const HashKey& key, Integer value) {
  std::array<char, 20> digits;
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return SipHash13Tagged(key, 'i', {digits.data(), static_cast<size_t>(end - digits.data())});
}

// Whether `digits` are those of the whole number `value`, of which a double has at most 309 and a sign.
bool AreDigitsOf(double value, std::string_view digits) {
  std::array<char, 320> exact;
  const char* end =
      std::to_chars(exact.data(), exact.data() + exact.size(), value, std::chars_format::fixed, 0).ptr;
  return digits == std::string_view(exact.data(), static_cast<size_t>(end - exact.data()));
}

// Whether a double holds the integer of this magnitude exactly.
bool FitsDouble(uint64_t magnitude) {
  return magnitude == 0 || std::bit_width(magnitude) - std::countr_zero(magnitude) <= 53;
}

inline void CountLength(Node& node, size_t length, uint64_t times) {
  if (length < kCountedLengths) {
    node.lengths[length] += times;
  } else {
    node.sketches.string_bytes.Add(static_cast<double>(length), times);
  }
}

inline void CountFormats(Node& node, sketch::FormatSet formats, uint64_t times) {
  for (; formats != 0; formats &= formats - 1) node.counts.formats[std::countr_zero(formats)] += times;
}

const uint64_t* Skip(const json::Document& document, const uint64_t* at) {
  switch (json::TypeOf(*at)) {
    case '{':
    case '[':
      return json::AfterClose(document, *at);
    case 'l':
    case 'u':
    case 'd':
      return at + 2;
    default:
      return at + 1;
  }
}

// As simdjson counts them: exact below 2^24, far beyond what a body may hold.
uint64_t MembersOf(uint64_t open) { return open >> 32 & 0xFF'FFFF; }

}  // namespace

struct Profiler::State {
  State(const Limits& given_limits, std::optional<HashKey> given_key);

  void Observe(const json::Document& document);
  const uint64_t* Value(const json::Document& document, const uint64_t* at, Node& node);
  const uint64_t* Open(const json::Document& document, const uint64_t* at, Node& node);

  struct Container {
    Node* node = nullptr;
    Node* expected = nullptr;  // of an object: the member that may come next; of an array: its items
    Node* last = nullptr;      // of an object: the named member before
    uint64_t serial = 0;
    char close = 0;
    bool folded = false;
  };
  // Where to record the member, or null when its value is not profiled.
  Node* Member(Container& container, std::string_view name);
  Node* UnexpectedMember(Container& container, std::string_view name);
  Node* Named(Node& parent, std::string_view name);
  Node* Unnamed(Container& container);

  Node& NodeAt(size_t index_of) { return (*nodes[index_of / kNodesAtOnce])[index_of % kNodesAtOnce]; }
  Node* NewNode(Node* parent, std::string path);
  Node* StructuralChild(Node*& slot, Node& parent, std::string (*path_of)(std::string_view));
  void Index(Node* node);
  void GrowIndex();

  void CountDocument(Node& node);
  void String(Node& node, std::string_view text);
  void BigInteger(Node& node, std::string_view digits);
  void Owe(Node& node, char type, uint32_t size, uint64_t low, uint64_t high);
  void Postpone(Node& node, const Debt& debt);
  void PayDebts(Node& node);
  void Pay(Node& node, const Debt& debt);
  uint64_t HashOf(const Debt& debt) const;
  void PayAll(Node& node);

  Limits limits;
  std::optional<HashKey> key;
  uint64_t seed = 0;  // of the names' index: unknown to who sends the names
  // In the order in which they appeared, so neighbours in a document are neighbours in memory. Addresses are
  // stable. The first is the document.
  std::vector<std::unique_ptr<std::array<Node, kNodesAtOnce>>> nodes;
  size_t nodes_size = 0;
  Node* root = nullptr;
  std::vector<Node*> index;  // open addressing, a power of two, at most half full
  std::vector<Node*> by_path;
  size_t names = 0;
  size_t structural = 0;

  std::vector<Container> stack;  // as many as the limits allow; the first `depth` are open
  size_t depth = 0;
  uint64_t document_serial = 0;
  uint64_t object_serial = 0;
  uint64_t times = 1;  // of the document being observed
};

Profiler::State::State(const Limits& given_limits, std::optional<HashKey> given_key)
    : limits(given_limits), key(given_key), index(64) {
  if (key) seed = SipHash13(*key, "names");
  root = NewNode(nullptr, "");
  limits.depth_max = std::min(limits.depth_max, json::kDepthMax);
  stack.resize(limits.depth_max);
}

inline void Profiler::State::Postpone(Node& node, const Debt& debt) {
  node.debts[node.debts_size++] = debt;
  if (node.debts_size == kDebtsMax) PayDebts(node);
}

inline void Profiler::State::Owe(Node& node, char type, uint32_t size, uint64_t low, uint64_t high) {
  static_assert(kRecentValues == 8);
  Debt& recent = node.recent[Mix(low ^ size, high) >> 61];
  if (recent.low == low && recent.high == high && recent.size == size && recent.type == type) {
    recent.owed += times;
    return;
  }
  if (recent.owed > 0) Postpone(node, recent);
  recent.low = low;
  recent.high = high;
  recent.owed = times;
  recent.size = size;
  recent.type = type;
}

inline void Profiler::State::String(Node& node, std::string_view text) {
  const auto size = static_cast<uint32_t>(text.size());
  if (text.size() <= std::min(kShortBytes, limits.string_bytes_max)) {
    const auto [low, high] = WordsOf(text);
    return Owe(node, '"', size, low, high);
  }
  const uint64_t hash = key ? SipHash13Tagged(*key, 's', text.substr(0, limits.string_bytes_max)) : 0;
  Postpone(node, {hash, sketch::FormatsOf(text), times, size, 'S'});
}

inline void Profiler::State::CountDocument(Node& node) {
  if (times == 1 && node.documents < UINT32_MAX) {
    ++node.documents;
  } else {
    node.counts.documents += times;
  }
}

[[gnu::always_inline]] inline const uint64_t* Profiler::State::Value(const json::Document& document,
                                                                     const uint64_t* at, Node& node) {
  if (node.document_serial != document_serial) {
    node.document_serial = document_serial;
    CountDocument(node);
  }
  const uint64_t word = *at;
  switch (json::TypeOf(word)) {
    case 'U':
      node.counts.invalid_utf8 += times;
      [[fallthrough]];
    case '"':
      String(node, json::TextOf(document, word));
      return at + 1;
    case 'l':
    case 'u':
    case 'd':
      Owe(node, json::TypeOf(word), 0, at[1], 0);
      return at + 2;
    case 'n':
      node.counts.nulls += times;
      return at + 1;
    case 't':
      node.counts.trues += times;
      return at + 1;
    case 'f':
      node.counts.falses += times;
      return at + 1;
    case 'Z':
      node.counts.integers += times;
      node.counts.big_integers += times;
      BigInteger(node, json::TextOf(document, word));
      return at + 1;
    case 'N':
      node.counts.floats += times;
      node.counts.non_finites += times;
      return at + 1;
    default:
      return Open(document, at, node);
  }
}

inline Node* Profiler::State::Member(Container& container, std::string_view name) {
  Node* node = container.expected;
  if (node == nullptr || !SameText(node->name, name)) {
    node = UnexpectedMember(container, name);
    if (node == nullptr) return Unnamed(container);
  }
  container.last = node;
  container.expected = node->follower;
  if (node->object_serial == container.serial) {
    node->counts.duplicate_keys += times;
    return nullptr;
  }
  node->object_serial = container.serial;
  return node;
}

void Profiler::State::Observe(const json::Document& document) {
  ++document_serial;
  const uint64_t* at = Value(document, document.words, *root);
  while (depth > 0) {
    Container& container = stack[depth - 1];
    if (json::TypeOf(*at) == container.close) {
      --depth;
      ++at;
      continue;
    }
    Node* node = container.expected;
    if (container.close == '}') {
      node = Member(container, json::TextOf(document, *at++));
      if (node == nullptr) {
        at = Skip(document, at);
        continue;
      }
    }
    at = Value(document, at, *node);
  }
}

const uint64_t* Profiler::State::Open(const json::Document& document, const uint64_t* at, Node& node) {
  const uint64_t members = MembersOf(*at);
  const bool is_object = json::TypeOf(*at) == '{';
  Node* expected = node.first;
  if (is_object) {
    node.counts.objects += times;
  } else {
    node.counts.arrays += times;
    node.sketches.array_items.Add(static_cast<double>(members), times);
    if (members > 0) expected = StructuralChild(node.item, node, ItemPath);
  }
  if (members == 0) return at + 2;
  if (depth == limits.depth_max || (!is_object && expected == nullptr)) {
    node.counts.cut += members * times;
    return json::AfterClose(document, *at);
  }
  // In place: a copy would wait for each of its words to be written.
  Container& container = stack[depth++];
  container.node = &node;
  container.expected = expected;
  container.last = nullptr;
  container.serial = ++object_serial;
  container.close = is_object ? '}' : ']';
  container.folded = false;
  return at + 1;
}

Node* Profiler::State::UnexpectedMember(Container& container, std::string_view name) {
  Node* node = nullptr;
  // Most often an optional member is missing: the one after it comes.
  if (container.expected != nullptr && container.expected->follower != nullptr &&
      SameText(container.expected->follower->name, name)) {
    node = container.expected->follower;
  } else {
    node = Named(*container.node, name);
  }
  if (node != nullptr) (container.last == nullptr ? container.node->first : container.last->follower) = node;
  return node;
}

// The member of that name, made if there is room for one; else null.
Node* Profiler::State::Named(Node& parent, std::string_view name) {
  const uint64_t hash = HashName(seed ^ reinterpret_cast<uintptr_t>(&parent), name);
  for (size_t slot = hash & (index.size() - 1); index[slot] != nullptr;
       slot = (slot + 1) & (index.size() - 1)) {
    Node* node = index[slot];
    if (node->name_hash == hash && node->parent == &parent && SameText(node->name, name)) return node;
  }
  if (names >= limits.fields_max || parent.names >= limits.names_max || LooksLikeIdentifier(name))
    return nullptr;
  Node* node = NewNode(&parent, MemberPath(parent.path, name));
  node->name = name;
  node->name_hash = hash;
  ++names;
  ++parent.names;
  if (2 * names > index.size()) GrowIndex();
  Index(node);
  return node;
}

Node* Profiler::State::Unnamed(Container& container) {
  Node& parent = *container.node;
  if (!container.folded) parent.counts.folded += times;
  container.folded = true;
  Node* node = StructuralChild(parent.residual, parent, ResidualPath);
  if (node == nullptr) parent.counts.cut += times;
  return node;
}

Node* Profiler::State::StructuralChild(Node*& slot, Node& parent, std::string (*path_of)(std::string_view)) {
  if (slot == nullptr && structural < limits.fields_max) {
    ++structural;
    slot = NewNode(&parent, path_of(parent.path));
  }
  return slot;
}

Node* Profiler::State::NewNode(Node* parent, std::string path) {
  if (nodes_size == nodes.size() * kNodesAtOnce)
    nodes.push_back(std::make_unique<std::array<Node, kNodesAtOnce>>());
  Node& node = NodeAt(nodes_size++);
  node.parent = parent;
  node.path = std::move(path);
  return &node;
}

void Profiler::State::Index(Node* node) {
  size_t slot = node->name_hash & (index.size() - 1);
  while (index[slot] != nullptr) slot = (slot + 1) & (index.size() - 1);
  index[slot] = node;
}

void Profiler::State::GrowIndex() {
  std::vector<Node*> old(2 * index.size());
  old.swap(index);
  for (Node* node : old) {
    if (node != nullptr) Index(node);
  }
}

void Profiler::State::BigInteger(Node& node, std::string_view digits) {
  double value;
  const bool finite = std::from_chars(digits.data(), digits.data() + digits.size(), value).ec == std::errc();
  if (finite) node.sketches.numbers.Add(value, times);
  if (!key) return;
  const bool exact = finite && AreDigitsOf(value, digits);
  node.sketches.categories.Add(
      exact ? HashNumber(*key, value) : SipHash13Tagged(*key, 'i', digits.substr(0, limits.string_bytes_max)),
      times);
}

void Profiler::State::PayDebts(Node& node) {
  const std::span<const Debt> debts(node.debts.data(), std::exchange(node.debts_size, 0));
  if (key) {
    std::array<sketch::CategoryCount, kDebtsMax> hashed;
    for (size_t i = 0; i < debts.size(); ++i) hashed[i] = {HashOf(debts[i]), debts[i].owed};
    node.sketches.categories.AddAll({hashed.data(), debts.size()});
  }
  for (const Debt& debt : debts) Pay(node, debt);
}

// To everything but the categories.
inline void Profiler::State::Pay(Node& node, const Debt& debt) {
  switch (debt.type) {
    case '"':
      node.counts.strings += debt.owed;
      CountLength(node, debt.size, debt.owed);
      return CountFormats(node, sketch::FormatsOf(TextOf(debt)), debt.owed);
    case 'S':
      node.counts.strings += debt.owed;
      CountLength(node, debt.size, debt.owed);
      return CountFormats(node, static_cast<sketch::FormatSet>(debt.high), debt.owed);
    case 'd':
      node.counts.floats += debt.owed;
      return node.sketches.numbers.Add(std::bit_cast<double>(debt.low), debt.owed);
    case 'l':
      node.counts.integers += debt.owed;
      return node.sketches.numbers.Add(static_cast<double>(static_cast<int64_t>(debt.low)), debt.owed);
    default:
      node.counts.integers += debt.owed;
      return node.sketches.numbers.Add(static_cast<double>(debt.low), debt.owed);
  }
}

inline uint64_t Profiler::State::HashOf(const Debt& debt) const {
  switch (debt.type) {
    case '"':
      return SipHash13Tagged(*key, 's', TextOf(debt));
    case 'S':
      return debt.low;
    case 'd':
      return HashNumber(*key, std::bit_cast<double>(debt.low));
    case 'l':
      return HashInteger(*key, static_cast<int64_t>(debt.low));
    default:
      return HashUnsigned(*key, debt.low);
  }
}

void Profiler::State::PayAll(Node& node) {
  for (Debt& recent : node.recent) {
    if (recent.owed > 0) Postpone(node, recent);
    recent = {};
  }
  PayDebts(node);
  node.counts.documents += std::exchange(node.documents, 0);
  for (size_t length = 0; length < kCountedLengths; ++length) {
    uint64_t& count = node.lengths[length];
    if (count > 0) node.sketches.string_bytes.Add(static_cast<double>(length), std::exchange(count, 0));
  }
}

Profiler::Profiler(const Limits& limits, std::optional<HashKey> key)
    : state_(std::make_unique<State>(limits, std::move(key))) {}
Profiler::~Profiler() = default;
Profiler::Profiler(Profiler&&) noexcept = default;
Profiler& Profiler::operator=(Profiler&&) noexcept = default;

void Profiler::Observe(const json::Document& document, uint64_t times) {
  FM_DCHECK(document.malformed == json::Malformed::kNone && document.words != nullptr);
  if (times == 0 || document.words == nullptr) return;
  state_->times = times;
  state_->Observe(document);
}

void Profiler::SetHashKey(const HashKey& key) {
  if (state_->key == key) return;
  for (size_t i = 0; i < state_->nodes_size; ++i) {
    state_->PayAll(state_->NodeAt(i));
    state_->NodeAt(i).sketches.categories = {};
  }
  state_->key = key;
}

bool Profiler::empty() const { return state_->root->documents == 0 && state_->root->counts.documents == 0; }

Fields Profiler::Take() {
  State& state = *state_;
  // In the order of their paths each goes to the map's end, without a search.
  if (state.by_path.size() != state.nodes_size) {
    state.by_path.clear();
    for (size_t i = 0; i < state.nodes_size; ++i) state.by_path.push_back(&state.NodeAt(i));
    std::sort(state.by_path.begin(), state.by_path.end(),
              [](const Node* a, const Node* b) { return a->path < b->path; });
  }
  Fields fields;
  for (Node* node : state.by_path) {
    if (node->documents == 0 && node->counts.documents == 0) continue;
    state.PayAll(*node);
    FieldSummary& field =
        fields.emplace_hint(fields.end(), node->path, std::exchange(node->sketches, {}))->second;
    FieldCounts counts = std::exchange(node->counts, {});
    for (const uint64_t of_type : {counts.nulls, counts.falses, counts.trues, counts.integers, counts.floats,
                                   counts.strings, counts.objects, counts.arrays}) {
      counts.seen = AddSaturating(counts.seen, of_type);
    }
    field.counts = counts;
  }
  return fields;
}

uint64_t Profiler::HashString(const HashKey& key, std::string_view text) {
  return SipHash13Tagged(key, 's', text);
}

uint64_t Profiler::HashNumber(const HashKey& key, double value) {
  static_assert(std::endian::native == std::endian::little);
  value += 0.0;  // −0 is 0
  std::array<char, sizeof value> bytes;
  std::memcpy(bytes.data(), &value, sizeof value);
  return SipHash13Tagged(key, 'd', {bytes.data(), bytes.size()});
}

uint64_t Profiler::HashInteger(const HashKey& key, int64_t value) {
  const uint64_t magnitude = value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  if (FitsDouble(magnitude)) return HashNumber(key, static_cast<double>(value));
  return HashDigits(key, value);
}

uint64_t Profiler::HashUnsigned(const HashKey& key, uint64_t value) {
  if (FitsDouble(value)) return HashNumber(key, static_cast<double>(value));
  return HashDigits(key, value);
}

}  // namespace fieldmark::profile
