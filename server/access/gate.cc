#include "server/access/gate.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace fieldmark::access {
namespace {

constexpr size_t kSessionsMax = 10'000;
constexpr size_t kFailuresMax = 10'000;  // addresses and tokens that failed, remembered at one time
// Ten failures at once, then one in six seconds, for one token from one address: a secret of 256 bits is not
// guessed so, and a worker with a revoked token does not shut out the one beside it.
constexpr double kFailuresAtOnce = 10;
constexpr double kFailuresPerMs = 1.0 / 6000;

Admission Refused(int status, std::string detail) { return {std::nullopt, {status, std::move(detail)}}; }

Admission Admitted(Caller::Kind kind, std::string name, std::optional<Token> token = std::nullopt) {
  return {Caller{kind, std::move(name), std::move(token)}, {}};
}

bool StartsWithoutCase(std::string_view text, std::string_view lower) {
  if (text.size() < lower.size()) return false;
  for (size_t i = 0; i < lower.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// The text after "Bearer "; empty when the header is of another kind.
std::string_view BearerOf(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (!StartsWithoutCase(authorization, kScheme)) return {};
  return Trimmed(authorization.substr(kScheme.size()));
}

std::string_view CookieIn(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const size_t end = std::min(header.find(';'), header.size());
    const std::string_view pair = Trimmed(header.substr(0, end));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      return pair.substr(name.size() + 1);
    header.remove_prefix(std::min(end + 1, header.size()));
  }
  return {};
}

// Of the kinds of tokens, by Purpose.
bool Fits(TokenKind kind, Purpose purpose) {
  switch (purpose) {
    case Purpose::kRead:
      return kind != TokenKind::kIngest;
    case Purpose::kIngest:
      return kind == TokenKind::kIngest;
    case Purpose::kAnnounce:
      return kind != TokenKind::kRead;
    case Purpose::kErase:
      return kind == TokenKind::kAdmin;
  }
  return false;
}

std::string_view NeedsAnotherKind(Purpose purpose) {
  switch (purpose) {
    case Purpose::kRead:
      return "reading: this token is for writing alone; make one with 'fieldmark token create'";
    case Purpose::kIngest:
      return "taking data in: this token is not for writing; make one with 'fieldmark token create --service "
             "S "
             "--environment E'";
    case Purpose::kAnnounce:
      return "announcing a change: this token is for reading alone; use the service's own for writing, or "
             "one "
             "from 'fieldmark token create --admin'";
    case Purpose::kErase:
      return "erasing: this token is not for that; make one with 'fieldmark token create --admin'";
  }
  return {};
}

constexpr std::string_view kNeedsToken =
    "answering a request: it needs a token; make one on the server with 'fieldmark token create', and send "
    "it as "
    "Authorization: Bearer, from a worker or the command line by setting FIELDMARK_TOKEN";

}  // namespace

bool Caller::MayIngest(std::string_view service, std::string_view environment) const {
  if (kind == Kind::kAnybody) return true;
  return token && token->kind == TokenKind::kIngest && token->service == service &&
         token->environment == environment;
}

std::string_view CallerCode(Caller::Kind kind) {
  switch (kind) {
    case Caller::Kind::kAnybody:
      return "anybody";
    case Caller::Kind::kToken:
      return "token";
    case Caller::Kind::kSession:
      return "session";
    case Caller::Kind::kProxy:
      return "proxy";
  }
  return "anybody";
}

bool Caller::MayAnnounce(std::string_view service, std::string_view environment) const {
  return MayIngest(service, environment) || (token && token->kind == TokenKind::kAdmin);
}

Gate::Gate(GateSettings settings, Clock clock) : settings_(std::move(settings)), clock_(std::move(clock)) {}

Status Gate::Open() {
  const std::lock_guard lock(mutex_);
  if (!settings_.folder.empty()) {
    Result<std::vector<Token>> tokens = ListTokens(settings_.folder);
    if (!tokens.ok()) return tokens.error();
    tokens_ = std::move(*tokens);
    if (::stat(TokensPath(settings_.folder).c_str(), &seen_) != 0) seen_ = {};
  }
  if (settings_.beyond_loopback && tokens_.empty() && settings_.trusted_header.empty()) {
    return Error{
        ErrorCode::kFailedPrecondition,
        "listening for other machines: there are no tokens in " + settings_.folder +
            ", so that anybody could read and write; make some with 'fieldmark token create', or listen "
            "on 127.0.0.1"};
  }
  ever_guarded_ = Guarded();
  return {};
}

bool Gate::Guarded() const {
  return ever_guarded_ || settings_.beyond_loopback || !settings_.trusted_header.empty() || !tokens_.empty();
}

bool Gate::guarded() {
  const std::lock_guard lock(mutex_);
  Refresh();
  return Guarded();
}

GateCounters Gate::counters() {
  const std::lock_guard lock(mutex_);
  return {refused_, limited_, tokens_.size(), sessions_.size()};
}

// Reads the file again when it is another one; keeps what it knows when that cannot be read.
void Gate::Refresh() {
  if (settings_.folder.empty()) return;
  struct stat now {};
  if (::stat(TokensPath(settings_.folder).c_str(), &now) != 0) now = {};
  const bool same = now.st_ino == seen_.st_ino && now.st_size == seen_.st_size &&
                    now.st_mtim.tv_sec == seen_.st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == seen_.st_mtim.tv_nsec;
  if (same) return;
  Result<std::vector<Token>> tokens = ListTokens(settings_.folder);
  if (tokens.ok()) {
    tokens_ = std::move(*tokens);
  } else {
    spdlog::error("{}; the tokens of before still hold", tokens.error().message);
  }
  seen_ = now;
  ever_guarded_ = Guarded();
}

const Token* Gate::Find(std::string_view id) const {
  const auto found =
      std::find_if(tokens_.begin(), tokens_.end(), [&](const Token& token) { return token.id == id; });
  return found == tokens_.end() ? nullptr : &*found;
}

bool Gate::IsLimited(std::string_view peer, std::string_view id, UnixMs now) {
  const auto found = failures_.find(std::string(peer) + " " + std::string(id));
  if (found == failures_.end()) return false;
  const double left = found->second.left + static_cast<double>(now - found->second.at) * kFailuresPerMs;
  return left < 1;
}

void Gate::CountFailure(std::string_view peer, std::string_view id, UnixMs now) {
  ++refused_;
  if (failures_.size() >= kFailuresMax) failures_.clear();
  Failures& failures =
      failures_.try_emplace(std::string(peer) + " " + std::string(id), Failures{kFailuresAtOnce, now})
          .first->second;
  const double left = failures.left + static_cast<double>(now - failures.at) * kFailuresPerMs;
  if (failures.left == kFailuresAtOnce) {
    spdlog::warn("a request from {} was refused: its token {} is not one of ours", peer,
                 id.empty() ? "(none)" : id);
  }
  failures = {std::clamp(left, 0.0, kFailuresAtOnce) - 1, now};
}

Admission Gate::CheckText(std::string_view peer, std::string_view text, UnixMs now) {
  const std::string_view id = IdOf(text);
  if (IsLimited(peer, id, now)) {
    ++limited_;
    return Refused(429, "checking a token: it failed too often from this address; try again in a minute");
  }
  const Token* token = Find(id);
  if (token != nullptr && SameHash(token->hash, HashOf(text)))
    return Admitted(Caller::Kind::kToken, token->id, *token);
  CountFailure(peer, id, now);
  return Refused(401, "checking a token: it is not one of this server's; was it revoked, or cut short");
}

std::optional<Caller> Gate::SessionOf(std::string_view cookie_header, UnixMs now) {
  const std::string_view value = CookieIn(cookie_header, kCookie);
  if (value.empty()) return std::nullopt;
  const auto found = sessions_.find(HashOf(value));
  if (found == sessions_.end()) return std::nullopt;
  if (now >= found->second.ends || Find(found->second.token_id) == nullptr) {
    sessions_.erase(found);
    return std::nullopt;
  }
  return Caller{Caller::Kind::kSession, found->second.token_id, std::nullopt};
}

Admission Gate::Admit(const Credentials& credentials, Purpose purpose) {
  const std::lock_guard lock(mutex_);
  Refresh();
  if (!Guarded()) return Admitted(Caller::Kind::kAnybody, "anybody on this machine");
  const UnixMs now = clock_();
  if (const std::string_view text = BearerOf(credentials.authorization); !text.empty()) {
    Admission checked = CheckText(credentials.peer, text, now);
    if (!checked.caller) return checked;
    if (Fits(checked.caller->token->kind, purpose)) return checked;
    return Refused(403, std::string(NeedsAnotherKind(purpose)));
  }
  if (purpose != Purpose::kRead) return Refused(401, std::string(kNeedsToken));
  if (!settings_.trusted_header.empty() && !credentials.proxy_user.empty()) {
    const auto& proxies = settings_.trusted_proxies;
    if (std::find(proxies.begin(), proxies.end(), credentials.peer) != proxies.end())
      return Admitted(Caller::Kind::kProxy, std::string(credentials.proxy_user));
  }
  if (std::optional<Caller> caller = SessionOf(credentials.cookie, now)) return {std::move(caller), {}};
  return Refused(401, std::string(kNeedsToken));
}

Gate::Session Gate::LogIn(const Credentials& credentials, std::string_view token_text) {
  const std::lock_guard lock(mutex_);
  Refresh();
  const UnixMs now = clock_();
  const Admission checked = CheckText(credentials.peer, Trimmed(token_text), now);
  if (!checked.caller) return {{}, {}, checked.refusal};
  if (!Fits(checked.caller->token->kind, Purpose::kRead))
    return {{}, {}, {403, "logging in: this token is for writing alone; use one for reading"}};
  std::erase_if(sessions_, [&](const auto& session) { return now >= session.second.ends; });
  if (sessions_.size() >= kSessionsMax)
    return {{}, {}, {429, "logging in: too many sessions are open; log out"}};
  std::string cookie = RandomText();
  sessions_[HashOf(cookie)] = {checked.caller->name, now + kSessionMs};
  return {std::move(cookie), checked.caller->name, {}};
}

std::string Gate::LogOut(const Credentials& credentials) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(HashOf(CookieIn(credentials.cookie, kCookie)));
  if (found == sessions_.end()) return {};
  std::string name = std::move(found->second.token_id);
  sessions_.erase(found);
  return name;
}

}  // namespace fieldmark::access
