#include "server/access/tokens.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace fieldmark::access {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::string_view kFormat = "fieldmark.tokens/1";
constexpr std::string_view kPrefix = "fm_";
constexpr size_t kIdLength = 8;

// Safe to call again, and from several threads.
void Prepare() {
  static const int ready = sodium_init();
  FM_DCHECK(ready >= 0);
  static_cast<void>(ready);
}

Error CannotWrite(const std::string& path) {
  return {ErrorCode::kPermissionDenied,
          "writing " + path + ": " + std::strerror(errno) + "; let this user write the folder"};
}

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }

 private:
  const int descriptor_;
};

std::string HexOf(const uint8_t* bytes, size_t size) {
  std::string hex(2 * size + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), bytes, size);
  hex.pop_back();
  return hex;
}

bool HashFrom(std::string_view hex, SecretHash& into) {
  size_t size = 0;
  return sodium_hex2bin(into.data(), into.size(), hex.data(), hex.size(), nullptr, &size, nullptr) == 0 &&
         size == into.size() && hex.size() == 2 * size;
}

json::object JsonOf(const Token& token) {
  json::object object{{"id", token.id}, {"kind", TokenKindCode(token.kind)}};
  if (token.kind == TokenKind::kIngest) {
    object["service"] = token.service;
    object["environment"] = token.environment;
  }
  object["name"] = token.name;
  object["created_unix_ms"] = token.created_unix_ms;
  object["hash"] = HexOf(token.hash.data(), token.hash.size());
  return object;
}

std::string TextAt(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool TokenFrom(const json::value& value, Token& into) {
  const json::object* object = value.if_object();
  if (object == nullptr) return false;
  const std::string kind = TextAt(*object, "kind");
  const json::value* created = object->if_contains("created_unix_ms");
  into.id = TextAt(*object, "id");
  for (const TokenKind one : {TokenKind::kIngest, TokenKind::kRead, TokenKind::kAdmin}) {
    if (kind == TokenKindCode(one)) into.kind = one;
  }
  into.service = TextAt(*object, "service");
  into.environment = TextAt(*object, "environment");
  into.name = TextAt(*object, "name");
  into.created_unix_ms = created != nullptr && created->is_int64() ? created->get_int64() : 0;
  const bool scoped = !into.service.empty() && !into.environment.empty();
  return kind == TokenKindCode(into.kind) && (scoped || into.kind != TokenKind::kIngest) &&
         into.id.size() == kIdLength && HashFrom(TextAt(*object, "hash"), into.hash);
}

Error Damaged(const std::string& path) {
  return {ErrorCode::kDataLoss,
          "reading " + path +
              ": it is no list of tokens; put a backup in its place, or move it away and create "
              "new tokens"};
}

// A new file in the old one's place, durable, so that a reader sees one or the other.
Status Write(const std::string& folder, const std::vector<Token>& tokens) {
  json::array array;
  for (const Token& token : tokens) array.push_back(JsonOf(token));
  const std::string text =
      json::serialize(json::object{{"format", kFormat}, {"tokens", std::move(array)}}) + "\n";
  const std::string path = TokensPath(folder);
  const std::string fresh = path + ".new";
  {
    const Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (file.get() < 0) return CannotWrite(fresh);
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size()) || ::fsync(file.get()) != 0) return CannotWrite(fresh);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return CannotWrite(path);
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) return CannotWrite(path);
  return {};
}

// Reads, lets `change` change, and writes, alone.
template <class Change>
Status Edit(const std::string& folder, Change change) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed)) {
    fs::create_directories(folder, failed);
    if (!failed) fs::permissions(folder, fs::perms::owner_all, failed);
  }
  const std::string lock_path = folder + "/tokens.lock";
  const Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX) != 0) return CannotWrite(lock_path);
  Result<std::vector<Token>> tokens = ListTokens(folder);
  if (!tokens.ok()) return tokens.error();
  FM_RETURN_IF_ERROR(change(*tokens));
  return Write(folder, *tokens);
}

Status CheckWanted(const Token& wanted) {
  const bool scoped = !wanted.service.empty() && !wanted.environment.empty();
  if (wanted.kind == TokenKind::kIngest && !scoped) {
    return Error{ErrorCode::kInvalidArgument,
                 "creating a token: one for writing is for one service in one environment; name both"};
  }
  if (wanted.kind != TokenKind::kIngest && !(wanted.service.empty() && wanted.environment.empty())) {
    return Error{ErrorCode::kInvalidArgument,
                 "creating a token: one for reading or administering is for every service; leave service and "
                 "environment out"};
  }
  return {};
}

}  // namespace

std::string_view TokenKindCode(TokenKind kind) {
  switch (kind) {
    case TokenKind::kIngest:
      return "ingest";
    case TokenKind::kRead:
      return "read";
    case TokenKind::kAdmin:
      return "admin";
  }
  return "read";
}

SecretHash HashOf(std::string_view secret) {
  Prepare();
  SecretHash hash;
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(secret.data()),
                     secret.size(), nullptr, 0);
  return hash;
}

bool SameHash(const SecretHash& a, const SecretHash& b) {
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string RandomText() {
  Prepare();
  std::array<uint8_t, 32> bits;
  randombytes_buf(bits.data(), bits.size());
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(bits.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), bits.data(), bits.size(), kVariant);
  text.pop_back();
  return text;
}

std::string_view IdOf(std::string_view text) {
  const size_t end = kPrefix.size() + kIdLength;
  if (!text.starts_with(kPrefix) || text.size() <= end || text[end] != '_') return {};
  const std::string_view id = text.substr(kPrefix.size(), kIdLength);
  return id.find_first_not_of("0123456789abcdef") == std::string_view::npos ? id : std::string_view();
}

std::string TokensPath(const std::string& folder) { return folder + "/tokens.json"; }

Result<NewToken> CreateToken(const std::string& folder, const Token& wanted, UnixMs now) {
  FM_RETURN_IF_ERROR(CheckWanted(wanted));
  NewToken made{wanted, {}};
  made.token.created_unix_ms = now;
  const Status edited = Edit(folder, [&](std::vector<Token>& tokens) -> Status {
    if (tokens.size() >= kTokensMax) {
      return Error{ErrorCode::kTooLarge, "creating a token: there are 10000 already; revoke some"};
    }
    const auto is_taken = [&](const std::string& id) {
      return std::any_of(tokens.begin(), tokens.end(), [&](const Token& token) { return token.id == id; });
    };
    do {
      std::array<uint8_t, kIdLength / 2> bits;
      randombytes_buf(bits.data(), bits.size());
      made.token.id = HexOf(bits.data(), bits.size());
    } while (is_taken(made.token.id));
    made.text = std::string(kPrefix) + made.token.id + "_" + RandomText();
    made.token.hash = HashOf(made.text);
    tokens.push_back(made.token);
    return {};
  });
  if (!edited.ok()) return edited.error();
  return made;
}

Result<std::vector<Token>> ListTokens(const std::string& folder) {
  const std::string path = TokensPath(folder);
  std::vector<Token> tokens;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return tokens;
    return Error{ErrorCode::kPermissionDenied,
                 "reading " + path + ": " + std::strerror(errno) + "; let this user read it"};
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  json::error_code failed;
  const json::value value = json::parse(text, failed);
  const json::object* object = failed ? nullptr : value.if_object();
  if (object == nullptr || TextAt(*object, "format") != kFormat) return Damaged(path);
  const json::value* list = object->if_contains("tokens");
  if (list == nullptr || !list->is_array()) return Damaged(path);
  for (const json::value& one : list->get_array()) {
    if (!TokenFrom(one, tokens.emplace_back())) return Damaged(path);
  }
  return tokens;
}

Result<Token> RevokeToken(const std::string& folder, std::string_view id) {
  Token revoked;
  const Status edited = Edit(folder, [&](std::vector<Token>& tokens) -> Status {
    const auto found =
        std::find_if(tokens.begin(), tokens.end(), [&](const Token& token) { return token.id == id; });
    if (found == tokens.end()) {
      return Error{ErrorCode::kNotFound, "revoking the token " + std::string(id) +
                                             ": there is none of that id; see 'fieldmark token list'"};
    }
    revoked = *found;
    tokens.erase(found);
    return {};
  });
  if (!edited.ok()) return edited.error();
  return revoked;
}

}  // namespace fieldmark::access
