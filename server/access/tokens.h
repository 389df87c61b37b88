// Tokens: who may write for a service, and who may read. They lie in tokens.json of the data folder, as
// hashes; a server that runs sees a change at its next request. Functions here take the file's lock, so
// several programs may use it at once.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fieldmark/base/result.h"
#include "fieldmark/base/time.h"

namespace fieldmark::access {

using SecretHash = std::array<uint8_t, 32>;

// An admin token reads too, announces changes of every service, and erases.
enum class TokenKind : uint8_t { kIngest, kRead, kAdmin };
std::string_view TokenKindCode(TokenKind kind);  // "ingest", "read", "admin"

struct Token {
  std::string id;  // eight hexadecimal digits, in the token's text and in logs
  TokenKind kind = TokenKind::kRead;
  std::string service;  // of an ingest token: what it may write for, and nothing else
  std::string environment;
  std::string name;  // whose it is, for people; may be empty
  UnixMs created_unix_ms = 0;
  SecretHash hash{};
};

inline constexpr size_t kTokensMax = 10'000;

// "fm_0123abcd_" and 43 characters of 256 random bits. Only whoever made it ever sees it.
struct NewToken {
  Token token;
  std::string text;
};

// BLAKE2b-256. A secret of 256 random bits needs no slow hash.
SecretHash HashOf(std::string_view secret);
bool SameHash(const SecretHash& a, const SecretHash& b);  // in constant time
std::string RandomText();                                 // 256 bits in base64 for URLs

// The id in a token's text; empty when it is none.
std::string_view IdOf(std::string_view text);

std::string TokensPath(const std::string& folder);

// Makes the folder when there is none. kInvalidArgument for an ingest token without a service and an
// environment, or another one with either; kTooLarge beyond kTokensMax.
Result<NewToken> CreateToken(const std::string& folder, const Token& wanted, UnixMs now);
// Oldest first. A file that is not there holds none; kDataLoss for one that is damaged.
Result<std::vector<Token>> ListTokens(const std::string& folder);
// kNotFound when there is none of that id.
Result<Token> RevokeToken(const std::string& folder, std::string_view id);

}  // namespace fieldmark::access
