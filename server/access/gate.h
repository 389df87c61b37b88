// Gate: who asks, and whether they may. Safe for use by several threads at once.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/access/tokens.h"

namespace fieldmark::access {

struct GateSettings {
  std::string folder;                        // that holds tokens.json; empty: no tokens
  bool beyond_loopback = false;              // others than this machine can connect: never open
  std::string trusted_header;                // in which a proxy names the person; empty: none
  std::vector<std::string> trusted_proxies;  // addresses that may send it
};

// What a request brings along.
struct Credentials {
  std::string_view peer;           // address of the other end
  std::string_view authorization;  // header
  std::string_view cookie;         // header
  std::string_view proxy_user;     // the trusted header
};

// A session and a proxy's person read alone; the rest needs a token of the right kind.
enum class Purpose : uint8_t { kRead, kIngest, kAnnounce, kErase };

struct Caller {
  enum class Kind : uint8_t { kAnybody, kToken, kSession, kProxy };
  Kind kind = Kind::kAnybody;
  std::string name;            // token id, or what the proxy says: for the audit
  std::optional<Token> token;  // with kToken

  // Whether this caller may write for a service.
  bool MayIngest(std::string_view service, std::string_view environment) const;
  bool MayAnnounce(std::string_view service, std::string_view environment) const;
};

std::string_view CallerCode(Caller::Kind kind);  // "anybody", "token", "session", "proxy"

// 401: nobody we know. 403: somebody who may do something else. 429: failed too often from that address.
struct Refusal {
  int status = 401;
  std::string detail;
};

struct Admission {
  std::optional<Caller> caller;  // else the refusal counts
  Refusal refusal;
};

struct GateCounters {
  uint64_t refused = 0;
  uint64_t limited = 0;
  size_t tokens = 0;
  size_t sessions = 0;
};

class Gate {
 public:
  using Clock = std::function<UnixMs()>;

  static constexpr int64_t kSessionMs = 7LL * 24 * 3600 * 1000;
  static constexpr std::string_view kCookie = "fieldmark_session";

  Gate(GateSettings settings, Clock clock);

  // Reads the tokens. kFailedPrecondition when others than this machine can connect and nobody could ever be
  // admitted. To be called once, before the rest.
  Status Open();

  Admission Admit(const Credentials& credentials, Purpose purpose);

  // For whoever shows a read token: the value of a cookie that admits until the session ends, its token is
  // revoked or this process does.
  struct Session {
    std::string cookie;  // empty: refused
    std::string name;
    Refusal refusal;
  };
  Session LogIn(const Credentials& credentials, std::string_view token_text);
  // The name of whoever's session ended; empty when there was none.
  std::string LogOut(const Credentials& credentials);

  bool guarded();  // whether anybody needs anything
  GateCounters counters();
  const GateSettings& settings() const { return settings_; }

 private:
  struct OpenSession {
    std::string token_id;
    UnixMs ends = 0;
  };
  struct Failures {
    double left = 0;
    UnixMs at = 0;
  };

  void Refresh();
  bool Guarded() const;
  const Token* Find(std::string_view id) const;
  Admission CheckText(std::string_view peer, std::string_view text, UnixMs now);
  std::optional<Caller> SessionOf(std::string_view cookie_header, UnixMs now);
  bool IsLimited(std::string_view peer, std::string_view id, UnixMs now);
  void CountFailure(std::string_view peer, std::string_view id, UnixMs now);

  const GateSettings settings_;
  const Clock clock_;
  std::mutex mutex_;
  std::vector<Token> tokens_;
  struct stat seen_ {};
  bool ever_guarded_ = false;  // a file of tokens that vanishes must not open what was closed
  std::map<SecretHash, OpenSession> sessions_;
  std::map<std::string, Failures, std::less<>> failures_;
  uint64_t refused_ = 0;
  uint64_t limited_ = 0;
};

}  // namespace fieldmark::access
