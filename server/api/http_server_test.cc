// The server over real sockets, spoken to byte by byte.
#include "server/api/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <ostream>
#include <thread>

#include "fieldmark/base/sanitizer.h"

namespace {

// Which allocation by another thread than the test's fails, counted down; below 1: none.
std::atomic<int64_t> failing_allocation = 0;
thread_local bool is_the_test = false;

}  // namespace

#if !FIELDMARK_HAS_SANITIZER_HEAP
// The only way to run out of memory where one wants to. Inlined, the compiler would take free() for a
// mistake.
[[gnu::noinline]] void* operator new(size_t bytes) {
  if (!is_the_test && failing_allocation.load(std::memory_order_relaxed) > 0 &&
      failing_allocation.fetch_sub(1) == 1) {
    throw std::bad_alloc();
  }
  if (void* const memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }
#endif

namespace fieldmark::api {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

// Echoes what it was asked; "/slow" waits until it is let go, "/throw" throws.
class EchoHandler : public Handler {
 public:
  Lane LaneOf(const Request& request) const override {
    return request.method == "POST" ? Lane::kWrite : Lane::kRead;
  }
  Response Handle(const Request& request) override {
    if (request.target == "/throw") throw std::runtime_error("on purpose");
    if (request.target == "/large") return {200, "text/plain", std::string(64u << 20, 'x'), {}};
    if (request.target == "/slow") Wait();
    return {200, "text/plain", request.method + " " + request.target + " " + request.body, {}};
  }
  void WaitUntilHeld(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_ >= count; });
  }
  void LetGo() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  void Wait() {
    std::unique_lock lock(mutex_);
    ++held_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int held_ = 0;
  bool open_ = false;
};

class RawClient {
 public:
  explicit RawClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { ::close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  // False once the server has closed.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void EndSending() { ::shutdown(socket_, SHUT_WR); }

  // Everything until the server closes.
  std::string ReadToEnd() {
    while (ReadSome()) {
    }
    return std::exchange(received_, {});
  }
  // One response, by its Content-Length; `head` has none to follow.
  std::string ReadResponse(bool head = false) {
    size_t end = std::string::npos;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
      if (!ReadSome()) return std::exchange(received_, {});
    }
    size_t size = end + 4;
    if (const size_t at = received_.find("Content-Length: "); !head && at < end) {
      size += std::stoul(received_.substr(at + 16));
    }
    while (received_.size() < size) {
      if (!ReadSome()) break;
    }
    std::string response = received_.substr(0, size);
    received_.erase(0, size);
    return response;
  }

 private:
  bool ReadSome() {
    char buffer[16384];
    const ssize_t size = ::recv(socket_, buffer, sizeof buffer, 0);
    if (size <= 0) return false;
    received_.append(buffer, static_cast<size_t>(size));
    return true;
  }

  int socket_;
  bool connected_ = false;
  std::string received_;
};

HttpOptions SmallOptions() {
  HttpOptions options;
  options.port = 0;
  options.write_threads = 2;
  options.read_threads = 2;
  options.limits.header_bytes_max = 1024;
  options.limits.body_bytes_max = 100'000;
  options.limits.header_max = options.limits.body_max = milliseconds(200);
  options.limits.sweep_every = milliseconds(20);
  return options;
}

class HttpServerTest : public testing::Test {
 protected:
  void Start(const HttpOptions& options = SmallOptions()) {
    Result<std::unique_ptr<HttpServer>> server = HttpServer::Start(options, handler_);
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(*server);
  }
  std::string Exchange(std::string_view request) {
    RawClient client(server_->port());
    client.Send(request);
    return client.ReadResponse();
  }

  // That one once, and no other; none: no limit.
  static void ExpectMet(const HttpOptions& options, std::optional<HttpLimit> limit) {
    for (size_t i = 0; i < kHttpLimitNames.size(); ++i) {
      const auto each = static_cast<HttpLimit>(i);
      EXPECT_EQ(options.met->times(each), limit == each ? 1u : 0u) << kHttpLimitNames[i];
    }
  }

  EchoHandler handler_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersARequest) {
  Start();
  const std::string response = Exchange("GET /a?b=c HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("X-Content-Type-Options: nosniff"));
  EXPECT_THAT(response, HasSubstr("GET /a?b=c "));
}

TEST_F(HttpServerTest, TakesABodyOfKnownLengthAndAChunkedOne) {
  Start();
  EXPECT_THAT(Exchange("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"),
              HasSubstr("POST /p hello"));
  EXPECT_THAT(Exchange("POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
              HasSubstr("POST /p hello"));
}

TEST_F(HttpServerTest, KeepsAConnectionAndAnswersPipelinedRequestsInOrder) {
  Start();
  RawClient client(server_->port());
  client.Send(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nbGET /3 "
      "HTTP/1.1\r\n"
      "Host: x\r\n\r\n");
  EXPECT_THAT(client.ReadResponse(), HasSubstr("GET /1 "));
  EXPECT_THAT(client.ReadResponse(), HasSubstr("POST /2 b"));
  EXPECT_THAT(client.ReadResponse(), HasSubstr("GET /3 "));
}

TEST_F(HttpServerTest, AnswersHeadWithTheLengthAndWithoutTheBody) {
  Start();
  RawClient client(server_->port());
  client.Send("HEAD /h HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadResponse(/*head=*/true), HasSubstr("Content-Length: 8"));
  EXPECT_THAT(client.ReadResponse(), HasSubstr("GET /next "));
}

TEST_F(HttpServerTest, SaysContinueBeforeABodyThatWaitsForIt) {
  Start();
  RawClient client(server_->port());
  client.Send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(client.ReadResponse(), StartsWith("HTTP/1.1 100 "));
  client.Send("ok");
  EXPECT_THAT(client.ReadResponse(), HasSubstr("POST /p ok"));
}

struct BadRequest {
  const char* name;
  std::string bytes;
  const char* status;
  std::optional<HttpLimit> met = std::nullopt;
};
void PrintTo(const BadRequest& one, std::ostream* out) { *out << one.name; }

class BadRequestTest : public HttpServerTest, public testing::WithParamInterface<BadRequest> {};

TEST_P(BadRequestTest, IsToldWhyAndTheConnectionCloses) {
  const HttpOptions options = SmallOptions();
  Start(options);
  RawClient client(server_->port());
  client.Send(GetParam().bytes);
  const std::string response = client.ReadToEnd();
  EXPECT_THAT(response, StartsWith(std::string("HTTP/1.1 ") + GetParam().status));
  EXPECT_THAT(response, HasSubstr("application/problem+json"));
  EXPECT_THAT(response, HasSubstr("Connection: close"));
  ExpectMet(options, GetParam().met);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRequestTest,
    testing::Values(
        BadRequest{"NoHttp", "hello there, this is no request\r\n\r\n", "400"},
        BadRequest{"BadVersion", "GET / HTTP/9.9\r\n\r\n", "400"},
        BadRequest{"BadField", "GET / HTTP/1.1\r\nno colon here\r\n\r\n", "400"},
        BadRequest{"BadLength", "POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", "400"},
        BadRequest{"BadChunk", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
        BadRequest{"LongHeader", "GET / HTTP/1.1\r\nX: " + std::string(5000, 'x') + "\r\n\r\n", "431",
                   HttpLimit::kHeader},
        BadRequest{"BodyTooLarge", "POST / HTTP/1.1\r\nContent-Length: 100001\r\n\r\n", "413",
                   HttpLimit::kBody},
        BadRequest{"BodyGrowsTooLarge",
                   "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1e000\r\n" +
                       std::string(0x1e000, 'x') + "\r\n0\r\n\r\n",
                   "413", HttpLimit::kBody},
        BadRequest{"SlowHeader", "GET / HTTP/1.1\r\nHost: loc", "408", HttpLimit::kTime},
        BadRequest{"SlowBody", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe", "408", HttpLimit::kTime}),
    [](const auto& one) { return one.param.name; });

TEST_F(HttpServerTest, LetsAClientSendAWholeTooLargeBodyAndStillReadWhy) {
  Start();
  RawClient client(server_->port());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n" + std::string(4'000'000, 'x'));
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, ClosesAnIdleConnectionWithoutAWord) {
  HttpOptions options = SmallOptions();
  options.limits.idle_max = milliseconds(50);
  Start(options);
  RawClient client(server_->port());
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_F(HttpServerTest, GoesOnAfterAClientThatStopsMidBody) {
  Start();
  {
    RawClient client(server_->port());
    client.Send("POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\nhalf");
  }
  EXPECT_THAT(Exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, SaysThatItFailedWhenTheHandlerThrows) {
  Start();
  EXPECT_THAT(Exchange("GET /throw HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 500"));
}

TEST_F(HttpServerTest, RefusesConnectionsOverTheLimit) {
  HttpOptions options = SmallOptions();
  options.limits.connections_max = 2;
  Start(options);
  RawClient first(server_->port()), second(server_->port());
  for (RawClient* client : {&first, &second}) {
    client->Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client->ReadResponse(), StartsWith("HTTP/1.1 200"));
  }
  RawClient third(server_->port());
  third.EndSending();
  const std::string response = third.ReadToEnd();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(response, HasSubstr("Retry-After: "));
  ExpectMet(options, HttpLimit::kConnections);
}

TEST_F(HttpServerTest, RefusesBodiesOverWhatAllMayHold) {
  HttpOptions options = SmallOptions();
  options.limits.all_bodies_bytes_max = 1000;
  Start(options);
  EXPECT_THAT(Exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"),
              StartsWith("HTTP/1.1 503"));
  ExpectMet(options, HttpLimit::kAllBodies);
  EXPECT_THAT(Exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok"),
              StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, WritesAreAnsweredWhileReadsAreStuck) {
  Start();
  RawClient one(server_->port()), two(server_->port());
  one.Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  two.Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  handler_.WaitUntilHeld(2);
  EXPECT_THAT(Exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok"),
              StartsWith("HTTP/1.1 200"));
  handler_.LetGo();
  EXPECT_THAT(one.ReadResponse(), HasSubstr("GET /slow"));
}

TEST_F(HttpServerTest, TellsWhoComesWhenTooManyWait) {
  HttpOptions options = SmallOptions();
  options.limits.waiting_max = 1;
  Start(options);
  RawClient held(server_->port());
  held.Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  handler_.WaitUntilHeld(1);
  EXPECT_THAT(Exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 503"));
  ExpectMet(options, HttpLimit::kWaiting);
  handler_.LetGo();
  EXPECT_THAT(held.ReadResponse(), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, FinishesWhatIsUnderWayBeforeItCloses) {
  Start();
  RawClient idle(server_->port());
  idle.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  idle.ReadResponse();
  RawClient busy(server_->port());
  busy.Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  handler_.WaitUntilHeld(1);
  std::thread stopping([&] { server_->Stop(); });
  EXPECT_EQ(idle.ReadToEnd(), "");  // closed while the other is still waiting
  handler_.LetGo();
  EXPECT_THAT(busy.ReadToEnd(), HasSubstr("GET /slow"));
  stopping.join();
  EXPECT_FALSE(RawClient(server_->port()).connected());
}

TEST_F(HttpServerTest, ClosesOnTimeOnAClientThatDoesNotRead) {
  HttpOptions options = SmallOptions();
  options.limits.close_max = milliseconds(50);
  Start(options);
  RawClient client(server_->port());
  client.Send("GET /large HTTP/1.1\r\nHost: x\r\n\r\nGET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  RawClient waiting(server_->port());
  waiting.Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  handler_.WaitUntilHeld(1);
  std::thread stopping([&] { server_->Stop(); });
  EXPECT_EQ(waiting.ReadToEnd().size(), 0u);  // its time is over before the handler is
  handler_.LetGo();
  stopping.join();
}

TEST_F(HttpServerTest, AnyAllocationMayFailAndTheNextRequestIsAnsweredAllTheSame) {
  if (FIELDMARK_HAS_SANITIZER_HEAP) GTEST_SKIP() << "a sanitizer's heap does not fail";
  constexpr std::string_view kRequest = "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
  is_the_test = true;
  HttpOptions options = SmallOptions();
  options.limits.waiting_max = 4;  // one that is never counted off again would soon be felt
  Start(options);
  int unanswered = 0;
  for (int64_t which = 1; which < 1'000; ++which) {
    SCOPED_TRACE(which);
    failing_allocation = which;
    const std::string response = Exchange(kRequest);
    const bool failed = failing_allocation.exchange(0) <= 0;
    if (response.empty()) ++unanswered;
    ASSERT_THAT(Exchange(kRequest), HasSubstr("POST /p hello"));
    if (failed) continue;
    EXPECT_THAT(response, HasSubstr("POST /p hello"));
    EXPECT_GT(which, 5) << "nothing failed";
    break;
  }
  EXPECT_GT(unanswered, 0) << "nothing failed";
  server_->Stop();
  is_the_test = false;
}

TEST_F(HttpServerTest, SaysThatThePortIsTaken) {
  Start();
  HttpOptions options = SmallOptions();
  options.port = server_->port();
  const auto second = HttpServer::Start(options, handler_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(second.error().message, HasSubstr("--port"));
}

TEST_F(HttpServerTest, ListensOnLoopbackOnly) {
  for (const char* address : {"0.0.0.0", "192.168.1.1", "::", "example.org", ""}) {
    HttpOptions options = SmallOptions();
    options.address = address;
    const auto server = HttpServer::Start(options, handler_);
    ASSERT_FALSE(server.ok()) << address;
    EXPECT_EQ(server.error().code, ErrorCode::kInvalidArgument) << address;
  }
  HttpOptions options = SmallOptions();
  options.address = "localhost";
  Start(options);
  EXPECT_THAT(server_->url(), StartsWith("http://127.0.0.1:"));
}

}  // namespace
}  // namespace fieldmark::api
