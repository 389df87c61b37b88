// One pass over the tape with an explicit stack of open containers. A field is a Node; an object's members
// are looked up by prediction: each node remembers which sibling followed it last time, so a document of a
// known shape costs one comparison of bytes a key and hashes none.
//
// What a leaf of a known shape touches is a cache line of its node and one or two of its values (values.h).
#include "fieldmark/profile/profiler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "fieldmark/base/count.h"
#include "fieldmark/profile/path.h"
#include "fieldmark/profile/values.h"
#include "fieldmark/sketch/moments.h"

namespace fieldmark::profile {
namespace {

// Serial numbers of documents and objects begin anew above this; no document has as many objects as are left.
constexpr uint32_t kSerialMax = uint32_t{1} << 31;
static_assert(json::kBodyBytesMax < kSerialMax);
constexpr size_t kIndexMin = 16;

// What every leaf touches stands first, in one cache line.
struct alignas(64) Node {
  Words name_words;          // its name, or that one's first bytes
  Node* follower = nullptr;  // the sibling that came after it last time
  std::unique_ptr<Values> values;
  uint32_t name_size = 0;
  uint32_t document_serial = 0;  // the last document that held it
  uint32_t object_serial = 0;    // the last object that held it, to see a key twice
  // Counts that are not yet in `summary`.
  uint32_t documents = 0;
  uint32_t nulls = 0;
  uint32_t falses = 0;
  uint32_t trues = 0;
  bool revealed = false;  // its values may appear as text

  alignas(64) Node* first = nullptr;  // the member that came first last time
  Node* item = nullptr;
  Node* residual = nullptr;
  Node* parent = nullptr;
  uint64_t name_hash = 0;
  size_t names = 0;     // members with a name
  size_t reserved = 0;  // declared members that have none yet
  const DeclaredField* declared = nullptr;
  size_t sketch_bytes = 0;  // of its summary and for it, as far as they are accounted for
  FieldSummary summary;     // without `seen`, which follows from the types
  std::string name;
  std::string path;
};

inline uint64_t Load64(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

inline bool IsNameOf(const Node& node, std::string_view name) {
  if (node.name_size != name.size()) return false;
  if (name.size() <= Words::kBytes) return WordsOf(name) == node.name_words;
  return std::memcmp(node.name.data(), name.data(), name.size()) == 0;
}

__extension__ using Wide = unsigned __int128;

inline uint64_t Mix(uint64_t low, uint64_t high) {
  const Wide product = static_cast<Wide>(low ^ 0x9E37'79B9'7F4A'7C15) * (high ^ 0xD1B5'4A32'D192'ED03);
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t HashName(uint64_t seed, std::string_view name) {
  uint64_t hash = Mix(seed, name.size());
  while (name.size() > Words::kBytes) {
    hash = Mix(hash ^ Load64(name.data()), Load64(name.data() + 8));
    name.remove_prefix(Words::kBytes);
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

// In the node's first line, as long as it fits there.
inline void Count(uint32_t& near, uint64_t& far, uint64_t times) {
  if (times == 1 && near < UINT32_MAX) {
    ++near;
  } else {
    far += times;
  }
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

bool IsDropped(const DeclaredField* declared) {
  return declared != nullptr && declared->kind == FieldKind::kDropped;
}

// Exact below 2^24, far beyond what a body may hold.
uint64_t MembersOf(uint64_t open) { return open >> 32 & json::kMembersMax; }

}  // namespace

struct Profiler::State {
  State(const Limits& given_limits, std::optional<HashKey> given_key,
        std::shared_ptr<const Declarations> given_declarations, MemoryAccount* given_account);
  ~State();

  void Observe(const json::Document& document);
  const uint64_t* Value(const json::Document& document, const uint64_t* at, Node& node);
  const uint64_t* Open(const json::Document& document, const uint64_t* at, Node& node);

  struct Container {
    Node* node = nullptr;
    Node* expected = nullptr;  // of an object: the member that may come next; of an array: its items
    Node* last = nullptr;      // of an object: the named member before
    uint32_t serial = 0;
    char close = 0;
    bool folded = false;
  };
  // Where to record the member, or null when its value is not profiled.
  Node* Member(Container& container, std::string_view name);
  Node* UnexpectedMember(Container& container, std::string_view name);
  Node* Named(Node& parent, std::string_view name);
  Node* Unnamed(Container& container, std::string_view name);

  Node* NewNode(Node* parent, std::string path, const DeclaredField* declared);
  Node* Item(Node& parent);
  Node* Residual(Node& parent);
  Node* StructuralChild(Node& parent, std::string path, const DeclaredField* declared);
  void Index(Node* node);
  void GrowIndex();

  void BigInteger(Node& node, std::string_view digits);
  void Note(Node& node, uint8_t kind, uint64_t low, uint64_t high);
  void LongText(Node& node, std::string_view text);
  uint64_t AgeOfDouble(uint64_t bits) const;
  uint64_t AgeOfInteger(uint64_t bits) const;
  void PayAll(Node& node);
  void RestartSerials();
  Fields Take(bool conceal);

  Room room() const { return account == nullptr ? Room::kNames : account->room(); }
  void Account(size_t before, size_t after);
  // After anything was added to the sketches of `node`.
  void AccountSketches(Node& node);

  Limits limits;
  size_t short_bytes_max;  // of a text that is noted as it stands
  std::optional<HashKey> key;
  std::shared_ptr<const Declarations> declarations;  // null: none
  uint64_t seed = 0;                                 // of the names' index: unknown to who sends the names
  MemoryAccount* account;                            // null: unlimited
  size_t memory = 0;                                 // that is accounted for
  std::deque<Node> nodes;  // in the order in which they appeared; the first is the document
  Node* root = nullptr;
  std::vector<Node*> index;  // open addressing, a power of two, at most half full
  std::vector<Node*> by_path;
  // Children made, and those declared that are not made yet, for which room is kept.
  size_t names = 0;
  size_t names_reserved = 0;
  size_t structural = 0;
  size_t structural_reserved = 0;

  std::vector<Container> stack;  // as many as the limits allow; the first `depth` are open
  size_t depth = 0;
  uint32_t document_serial = 0;
  uint32_t object_serial = 0;
  // Of the document being observed.
  uint64_t times = 1;
  std::optional<UnixMs> observed_at;
};

Profiler::State::State(const Limits& given_limits, std::optional<HashKey> given_key,
                       std::shared_ptr<const Declarations> given_declarations, MemoryAccount* given_account)
    : limits(given_limits),
      short_bytes_max(std::min(Words::kBytes, limits.string_bytes_max)),
      key(given_key),
      declarations(std::move(given_declarations)),
      account(given_account),
      index(kIndexMin) {
  if (key) seed = SipHash13(*key, "names");
  if (declarations != nullptr) {
    names_reserved = declarations->names();
    structural_reserved = declarations->structural();
  }
  root = NewNode(nullptr, "", declarations == nullptr ? nullptr : &declarations->document());
  limits.depth_max = std::min(limits.depth_max, json::kDepthMax);
  stack.resize(limits.depth_max);
  Account(0, sizeof(State) + stack.size() * sizeof(Container) + index.size() * sizeof(Node*));
}

Profiler::State::~State() { Account(memory, 0); }

void Profiler::State::Account(size_t before, size_t after) {
  memory += after - before;
  if (account != nullptr) account->Change(before, after);
}

void Profiler::State::AccountSketches(Node& node) {
  const size_t bytes = node.summary.heap_bytes() + (node.values != nullptr ? node.values->heap_bytes() : 0);
  if (bytes != node.sketch_bytes) Account(std::exchange(node.sketch_bytes, bytes), bytes);
}

// The words apart: joined and taken apart again through memory they would wait for it.
inline void Profiler::State::Note(Node& node, uint8_t kind, uint64_t low, uint64_t high) {
  if (node.values == nullptr) [[unlikely]] {
    if (room() < Room::kSketches) return Values::CountOne(key, node.summary, kind, {low, high}, times);
    node.values = std::make_unique<Values>();
    Account(0, sizeof(Values));
  }
  if (times != 1) [[unlikely]] {
    node.values->PayOne(key, node.revealed, room(), node.summary, kind, {low, high}, times);
    return AccountSketches(node);
  }
  if (!node.values->Add(kind, low, high)) return;
  node.values->Pay(key, node.revealed, room(), node.summary);
  AccountSketches(node);
}

void Profiler::State::LongText(Node& node, std::string_view text) {
  const uint64_t hash = key ? SipHash13Tagged(*key, 's', text.substr(0, limits.string_bytes_max)) : 0;
  if (node.revealed && key && room() >= Room::kSketches) node.summary.texts.Add(hash, false, text);
  const sketch::FormatSet formats = sketch::FormatsOf(text);
  const std::optional<UnixMs> moment =
      formats == Values::kTimeFormats && observed_at ? sketch::MomentOfText(text) : std::nullopt;
  if (moment) {
    const Words words = Values::TimeText(hash, text.size(), *observed_at - *moment);
    return Note(node, Values::kTimeText, words.low, words.high);
  }
  const Words words = Values::LongText(hash, formats, text.size());
  Note(node, Values::kLongText, words.low, words.high);
}

inline uint64_t Profiler::State::AgeOfInteger(uint64_t bits) const {
  if (!sketch::IsMoment(bits) || !observed_at) return 0;
  return Values::Age(*observed_at - sketch::MomentOf(bits));
}

inline uint64_t Profiler::State::AgeOfDouble(uint64_t bits) const {
  const auto value = std::bit_cast<double>(bits);
  if (!sketch::IsMoment(value) || !observed_at) return 0;
  return Values::Age(*observed_at - sketch::MomentOf(value));
}

[[gnu::always_inline]] inline const uint64_t* Profiler::State::Value(const json::Document& document,
                                                                     const uint64_t* at, Node& node) {
  if (node.document_serial != document_serial) {
    node.document_serial = document_serial;
    Count(node.documents, node.summary.counts.documents, times);
  }
  const uint64_t word = *at;
  switch (json::TypeOf(word)) {
    case 'U':
      node.summary.counts.invalid_utf8 += times;
      [[fallthrough]];
    case '"': {
      const std::string_view text = json::TextOf(document, word);
      if (text.size() > short_bytes_max) {
        LongText(node, text);
      } else {
        const Words words = WordsOf(text);
        Note(node, static_cast<uint8_t>(text.size()), words.low, words.high);
      }
      return at + 1;
    }
    case 'l':
      Note(node, Values::kInteger, at[1], AgeOfInteger(at[1]));
      return at + 2;
    case 'u':
      Note(node, Values::kUnsigned, at[1], AgeOfInteger(at[1]));
      return at + 2;
    case 'd':
      Note(node, Values::kDouble, at[1], AgeOfDouble(at[1]));
      return at + 2;
    case 'n':
      Count(node.nulls, node.summary.counts.nulls, times);
      return at + 1;
    case 't':
      Count(node.trues, node.summary.counts.trues, times);
      return at + 1;
    case 'f':
      Count(node.falses, node.summary.counts.falses, times);
      return at + 1;
    case 'Z':
      node.summary.counts.integers += times;
      node.summary.counts.big_integers += times;
      BigInteger(node, json::TextOf(document, word));
      return at + 1;
    case 'N':
      node.summary.counts.floats += times;
      node.summary.counts.non_finites += times;
      return at + 1;
    default:
      return Open(document, at, node);
  }
}

inline Node* Profiler::State::Member(Container& container, std::string_view name) {
  Node* node = container.expected;
  if (node == nullptr || !IsNameOf(*node, name)) {
    node = UnexpectedMember(container, name);
    if (node == nullptr) return Unnamed(container, name);
  }
  container.last = node;
  container.expected = node->follower;
  if (node->object_serial == container.serial) {
    node->summary.counts.duplicate_keys += times;
    return nullptr;
  }
  node->object_serial = container.serial;
  return node;
}

void Profiler::State::Observe(const json::Document& document) {
  if (++document_serial > kSerialMax || object_serial > kSerialMax) RestartSerials();
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
    node.summary.counts.objects += times;
  } else {
    node.summary.counts.arrays += times;
    if (room() >= Room::kSketches) {
      node.summary.array_items.Add(static_cast<double>(members), times);
      AccountSketches(node);
    }
    if (members > 0) expected = node.item != nullptr ? node.item : Item(node);
  }
  if (members == 0) return at + 2;
  if (depth == limits.depth_max || (!is_object && expected == nullptr)) {
    const bool dropped =
        !is_object && IsDropped(node.declared == nullptr ? nullptr : node.declared->item.get());
    if (!dropped) node.summary.counts.cut += members * times;
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
      IsNameOf(*container.expected->follower, name)) {
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
    if (node->name_hash == hash && node->parent == &parent && IsNameOf(*node, name)) return node;
  }
  const DeclaredField* declared = parent.declared == nullptr ? nullptr : parent.declared->Member(name);
  if (IsDropped(declared)) return nullptr;
  // What is declared takes the room that is kept, everything else leaves it.
  const size_t kept = declared != nullptr ? 0 : names_reserved;
  const size_t kept_here = declared != nullptr ? 0 : parent.reserved;
  if (names + kept >= limits.fields_max || parent.names + kept_here >= limits.names_max ||
      (declared == nullptr && (room() < Room::kNames || LooksLikeIdentifier(name)))) {
    return nullptr;
  }
  if (declared != nullptr) {
    --names_reserved;
    --parent.reserved;
  }
  Node* node = NewNode(&parent, MemberPath(parent.path, name), declared);
  node->name = name;
  node->name_size = static_cast<uint32_t>(name.size());
  std::memcpy(&node->name_words, name.data(), std::min(name.size(), Words::kBytes));
  node->name_hash = hash;
  Account(0, node->name.capacity());
  ++names;
  ++parent.names;
  if (2 * names > index.size()) {
    Account(index.size() * sizeof(Node*), 2 * index.size() * sizeof(Node*));
    GrowIndex();
  }
  Index(node);
  return node;
}

// A key without a name of its own; or one that is dropped, which never has one.
Node* Profiler::State::Unnamed(Container& container, std::string_view name) {
  Node& parent = *container.node;
  if (parent.declared != nullptr && IsDropped(parent.declared->Member(name))) return nullptr;
  if (!container.folded) parent.summary.counts.folded += times;
  container.folded = true;
  Node* node = parent.residual != nullptr ? parent.residual : Residual(parent);
  const bool dropped = parent.declared != nullptr && IsDropped(parent.declared->residual.get());
  if (node == nullptr && !dropped) parent.summary.counts.cut += times;
  return node;
}

Node* Profiler::State::Item(Node& parent) {
  const DeclaredField* declared = parent.declared == nullptr ? nullptr : parent.declared->item.get();
  return parent.item = StructuralChild(parent, ItemPath(parent.path), declared);
}

Node* Profiler::State::Residual(Node& parent) {
  const DeclaredField* declared = parent.declared == nullptr ? nullptr : parent.declared->residual.get();
  return parent.residual = StructuralChild(parent, ResidualPath(parent.path), declared);
}

Node* Profiler::State::StructuralChild(Node& parent, std::string path, const DeclaredField* declared) {
  if (IsDropped(declared)) return nullptr;
  const size_t kept = declared != nullptr ? 0 : structural_reserved;
  if (structural + kept >= limits.fields_max || room() < Room::kHashes) return nullptr;
  if (declared != nullptr) --structural_reserved;
  ++structural;
  return NewNode(&parent, std::move(path), declared);
}

Node* Profiler::State::NewNode(Node* parent, std::string path, const DeclaredField* declared) {
  Node& node = nodes.emplace_back();
  node.parent = parent;
  node.path = std::move(path);
  Account(0, sizeof(Node) + node.path.capacity() + sizeof(Node*));  // and its place in by_path
  node.declared = declared;
  if (declared != nullptr) {
    node.revealed = declared->kind == FieldKind::kRevealed;
    node.reserved = declared->members.size();
  }
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
  if (room() < Room::kHashes) {
    node.summary.counts.limited += times;
    return;
  }
  if (finite) node.summary.numbers.Add(value, times);
  AccountSketches(node);
  if (!key) return;
  const bool exact = finite && AreDigitsOf(value, digits);
  const uint64_t hash =
      exact ? HashNumber(*key, value) : SipHash13Tagged(*key, 'i', digits.substr(0, limits.string_bytes_max));
  node.summary.categories.Add(hash, times);
  if (node.revealed) node.summary.texts.Add(hash, true, digits);
  AccountSketches(node);
}

void Profiler::State::PayAll(Node& node) {
  if (node.values != nullptr) node.values->PayAll(key, node.revealed, room(), node.summary);
  AccountSketches(node);
  FieldCounts& counts = node.summary.counts;
  counts.documents += std::exchange(node.documents, 0);
  counts.nulls += std::exchange(node.nulls, 0);
  counts.falses += std::exchange(node.falses, 0);
  counts.trues += std::exchange(node.trues, 0);
}

void Profiler::State::RestartSerials() {
  document_serial = 1;
  object_serial = 0;
  for (Node& node : nodes) node.document_serial = node.object_serial = 0;
}

Profiler::Profiler(const Limits& limits, std::optional<HashKey> key,
                   std::shared_ptr<const Declarations> declarations, MemoryAccount* account)
    : state_(std::make_unique<State>(limits, std::move(key), std::move(declarations), account)) {}
Profiler::~Profiler() = default;
Profiler::Profiler(Profiler&&) noexcept = default;
Profiler& Profiler::operator=(Profiler&&) noexcept = default;

void Profiler::Observe(const json::Document& document, uint64_t times, std::optional<UnixMs> observed_at) {
  FM_DCHECK(document.malformed == json::Malformed::kNone && document.words != nullptr);
  if (times == 0 || document.words == nullptr) return;
  state_->times = times;
  state_->observed_at = observed_at;
  state_->Observe(document);
}

void Profiler::SetHashKey(const HashKey& key) {
  if (state_->key == key) return;
  for (Node& node : state_->nodes) {
    state_->PayAll(node);
    node.summary.DropHashed();
    state_->AccountSketches(node);
  }
  state_->key = key;
}

bool Profiler::empty() const {
  return state_->root->documents == 0 && state_->root->summary.counts.documents == 0;
}

Fields Profiler::Take() { return state_->Take(/*conceal=*/false); }

Fields Profiler::TakeConcealed() { return state_->Take(/*conceal=*/true); }

Fields Profiler::State::Take(bool conceal) {
  // In the order of their paths each goes to the map's end, without a search.
  if (by_path.size() != nodes.size()) {
    by_path.clear();
    for (Node& node : nodes) by_path.push_back(&node);
    std::sort(by_path.begin(), by_path.end(), [](const Node* a, const Node* b) { return a->path < b->path; });
  }
  Fields fields;
  for (Node* node : by_path) {
    if (node->documents == 0 && node->summary.counts.documents == 0) continue;
    PayAll(*node);
    FieldCounts& counts = node->summary.counts;
    for (const uint64_t of_type : {counts.nulls, counts.falses, counts.trues, counts.integers, counts.floats,
                                   counts.strings, counts.objects, counts.arrays}) {
      counts.seen = AddSaturating(counts.seen, of_type);
    }
    // Noted before there was no room left to count them by.
    if (node->summary.categories.empty()) node->summary.texts = {};
    FieldSummary& field =
        fields.emplace_hint(fields.end(), node->path, std::exchange(node->summary, {}))->second;
    AccountSketches(*node);
    if (conceal && !node->revealed) field.Conceal();
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
