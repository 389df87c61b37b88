#include "server/access/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace fieldmark::access {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class GateTest : public testing::Test {
 protected:
  ~GateTest() override { fs::remove_all(folder_); }

  std::string Make(TokenKind kind = TokenKind::kRead) {
    Token wanted;
    wanted.kind = kind;
    if (kind == TokenKind::kIngest) wanted.service = "orders", wanted.environment = "production";
    const Result<NewToken> made = CreateToken(folder_, wanted, now_);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return made->text;
  }
  // What a request with this token gets: 200, or the refusal's status.
  int With(Gate& gate, const std::string& token, Purpose purpose = Purpose::kRead,
           std::string_view peer = "10.0.0.1") {
    const std::string header = "Bearer " + token;
    const Admission admission =
        gate.Admit({peer, token.empty() ? std::string_view() : header, {}, {}}, purpose);
    return admission.caller ? 200 : admission.refusal.status;
  }

  static std::string MakeFolder() {
    std::string pattern = (fs::temp_directory_path() / "fieldmark-access-XXXXXX").string();
    return ::mkdtemp(pattern.data());
  }

  const std::string folder_ = MakeFolder();
  UnixMs now_ = 1'000'000;
  Gate gate_{{folder_, false, "", {}}, [this] { return now_; }};
};

TEST_F(GateTest, IsOpenOnThisMachineUntilThereIsAToken) {
  Gate gate({folder_, false, "", {}}, [this] { return now_; });
  ASSERT_TRUE(gate.Open().ok());
  EXPECT_FALSE(gate.guarded());
  EXPECT_EQ(With(gate, ""), 200);
  EXPECT_EQ(With(gate, "", Purpose::kIngest), 200);
  const std::string token = Make();
  EXPECT_TRUE(gate.guarded());
  EXPECT_EQ(With(gate, ""), 401);
  EXPECT_EQ(With(gate, "", Purpose::kIngest), 401);
  EXPECT_EQ(With(gate, token), 200);
  // Closed stays closed.
  ASSERT_TRUE(RevokeToken(folder_, IdOf(token)).ok());
  EXPECT_EQ(With(gate, ""), 401);
  fs::remove(TokensPath(folder_));
  EXPECT_EQ(With(gate, ""), 401);
}

TEST_F(GateTest, OpensForOthersOnlyWhenSomebodyCanBeAdmitted) {
  const auto opens = [&](const GateSettings& settings) {
    return Gate(settings, [] { return UnixMs{0}; }).Open();
  };
  const Status refused = opens({folder_, true, "", {}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(refused.error().message, HasSubstr("fieldmark token create"));
  EXPECT_TRUE(opens({folder_, true, "X-User", {"10.0.0.1"}}).ok());
  Make();
  EXPECT_TRUE(opens({folder_, true, "", {}}).ok());
}

TEST_F(GateTest, KeepsOnlyHashesInAFileForThisUser) {
  const std::string token = Make();
  std::ifstream file(TokensPath(folder_));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(text, HasSubstr(std::string(IdOf(token))));
  EXPECT_THAT(text, Not(HasSubstr(token.substr(12))));
  EXPECT_EQ(fs::status(TokensPath(folder_)).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(GateTest, ATokenIsForOneThing) {
  ASSERT_TRUE(gate_.Open().ok());
  const std::string read = Make();
  const std::string write = Make(TokenKind::kIngest);
  EXPECT_EQ(With(gate_, read), 200);
  EXPECT_EQ(With(gate_, read, Purpose::kIngest), 403);
  EXPECT_EQ(With(gate_, write), 403);
  EXPECT_EQ(With(gate_, write, Purpose::kIngest), 200);
  const std::string header = "bearer  " + write;
  const Admission admission = gate_.Admit({"", header, {}, {}}, Purpose::kIngest);
  ASSERT_TRUE(admission.caller.has_value());
  EXPECT_TRUE(admission.caller->MayIngest("orders", "production"));
  EXPECT_FALSE(admission.caller->MayIngest("orders", "staging"));
  EXPECT_FALSE(admission.caller->MayIngest("payments", "production"));
  EXPECT_EQ(CreateToken(folder_, {"", TokenKind::kIngest, "orders", "", "", 0, {}}, 0).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(CreateToken(folder_, {"", TokenKind::kRead, "orders", "", "", 0, {}}, 0).error().code,
            ErrorCode::kInvalidArgument);
}

TEST_F(GateTest, EveryOtherTextIsRefused) {
  ASSERT_TRUE(gate_.Open().ok());
  const std::string token = Make();
  std::string other = token;
  other.back() = other.back() == 'A' ? 'B' : 'A';
  for (const std::string& text :
       {other, token.substr(0, 30), token + "x", std::string("x"), std::string(10'000, 'x'),
        "fm_" + std::string(8, '0') + "_" + token.substr(12)}) {
    EXPECT_EQ(With(gate_, text), 401) << text.size();
  }
  EXPECT_EQ(With(gate_, token), 200);
}

TEST_F(GateTest, FailuresOfOneTokenFromOneAddressAreLimited) {
  ASSERT_TRUE(gate_.Open().ok());
  const std::string token = Make();
  const std::string beside = Make();
  std::string guess = token;
  guess.back() = guess.back() == 'A' ? 'B' : 'A';
  int refused = 0;
  while (With(gate_, guess) == 401 && refused < 100) ++refused;
  EXPECT_EQ(refused, 10);
  EXPECT_EQ(With(gate_, token), 429) << "not looked at any more";
  EXPECT_EQ(With(gate_, beside), 200);
  EXPECT_EQ(With(gate_, token, Purpose::kRead, "10.0.0.2"), 200);
  EXPECT_EQ(gate_.counters().limited, 2u);
  now_ += 6'000;
  EXPECT_EQ(With(gate_, guess), 401);
  EXPECT_EQ(With(gate_, guess), 429);
  now_ += 60'000;
  EXPECT_EQ(With(gate_, token), 200);
}

TEST_F(GateTest, ASessionEndsByItselfWithItsTokenAndOnRequest) {
  ASSERT_TRUE(gate_.Open().ok());
  const std::string token = Make();
  const auto enter = [&] {
    return "fieldmark_session=" + gate_.LogIn({"10.0.0.1", {}, {}, {}}, token).cookie;
  };
  const auto admits = [&](const std::string& cookie) {
    return gate_.Admit({"10.0.0.1", {}, cookie, {}}, Purpose::kRead).caller.has_value();
  };
  const std::string first = enter();
  const std::string second = enter();
  EXPECT_NE(first, second);
  EXPECT_TRUE(admits(first));
  EXPECT_TRUE(admits("a=b; " + second + "; c=d"));
  EXPECT_FALSE(admits("x" + first));
  EXPECT_FALSE(admits("fieldmark_session="));
  EXPECT_EQ(gate_.LogOut({"10.0.0.1", {}, first, {}}), std::string(IdOf(token)));
  EXPECT_FALSE(admits(first));
  EXPECT_TRUE(admits(second));
  now_ += Gate::kSessionMs;
  EXPECT_FALSE(admits(second));
  const std::string third = enter();
  EXPECT_TRUE(admits(third));
  ASSERT_TRUE(RevokeToken(folder_, IdOf(token)).ok());
  EXPECT_FALSE(admits(third));
}

TEST_F(GateTest, ADamagedFileKeepsTheTokensOfBefore) {
  ASSERT_TRUE(gate_.Open().ok());
  const std::string token = Make();
  EXPECT_EQ(With(gate_, token), 200);
  std::ofstream(TokensPath(folder_)) << "{";
  EXPECT_EQ(With(gate_, token), 200);
  EXPECT_EQ(With(gate_, ""), 401);
  EXPECT_EQ(ListTokens(folder_).error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(Gate({folder_, false, "", {}}, [] { return UnixMs{0}; }).Open().error().code,
            ErrorCode::kDataLoss);
}

TEST_F(GateTest, RevokingWhatIsNotThereIsAnError) {
  EXPECT_EQ(RevokeToken(folder_, "00000000").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace fieldmark::access
