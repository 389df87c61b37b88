// The only file of the server that sees Beast, which costs a quarter of a minute to compile.
//
// A connection is one coroutine: header, body, handler on its lane, response, again. No operation has a timer
// of its own: a connection notes when it has had enough, and one sweep cancels those past that moment.
#include "server/api/http_server.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cstddef>
#include <ctime>
#include <exception>
#include <list>
#include <new>
#include <optional>
#include <thread>

namespace fieldmark::api {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

// The concrete executor everywhere: the type-erased one costs an allocation an operation.
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using SteadyClock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<SteadyClock, asio::wait_traits<SteadyClock>, Executor>;
using Awaitable = asio::use_awaitable_t<Executor>;
template <class T>
using Task = asio::awaitable<T, Executor>;
constexpr auto kAwait = asio::as_tuple(Awaitable{});

constexpr size_t kBufferReserveMax = 64u << 10;
constexpr size_t kBufferKeptMax = 16u << 10;
constexpr size_t kDrainBytesMax = 16u << 20;
constexpr size_t kRefusalsMax =
    64;  // connections over the limit that are told so; further ones are just closed

struct Connection {
  Connection(Socket accepted, std::list<Connection*>& connections)
      : socket(std::move(accepted)), all(connections) {
    place = all.insert(all.end(), this);
    beast::error_code failed;
    const tcp::endpoint remote = socket.remote_endpoint(failed);
    if (!failed) peer = remote.address().to_string();
  }
  ~Connection() { all.erase(place); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Allow(std::chrono::milliseconds time) {
    deadline = SteadyClock::now() + time;
    expired = false;
  }
  void AllowForEver() { deadline = SteadyClock::time_point::max(); }
  void Cancel() {
    beast::error_code ignored;
    socket.cancel(ignored);
  }

  Socket socket;
  std::string peer;
  beast::flat_buffer buffer;
  SteadyClock::time_point deadline = SteadyClock::time_point::max();
  bool expired = false;
  bool idle = false;  // between two requests
  std::list<Connection*>& all;
  std::list<Connection*>::iterator place;
};

// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string HttpDate() {
  const std::time_t now = std::time(nullptr);
  std::tm fields{};
  ::gmtime_r(&now, &fields);
  std::array<char, 40> text;
  return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &fields)};
}

http::response<http::string_body> MessageOf(Response&& response, unsigned version, bool head,
                                            bool keep_alive) {
  http::response<http::string_body> message{static_cast<http::status>(response.status), version};
  message.keep_alive(keep_alive);
  message.set(http::field::server, "fieldmark");
  message.set(http::field::date, HttpDate());
  message.set("X-Content-Type-Options", "nosniff");
  message.set("X-Frame-Options", "DENY");
  message.set("Referrer-Policy", "no-referrer");
  message.set("Cross-Origin-Resource-Policy", "same-origin");
  message.set("Content-Security-Policy",
              "default-src 'none'; frame-ancestors 'none'");  // the page sets its own
  if (!response.content_type.empty()) message.set(http::field::content_type, response.content_type);
  for (const auto& [name, value] : response.headers) message.set(name, value);
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) message.content_length(response.body.size());
  if (!head && !bodiless) message.body() = std::move(response.body);
  return message;
}

Request RequestOf(http::request<http::string_body>&& message, const std::string& peer) {
  Request request;
  request.peer = peer;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  for (const auto& field : message) {
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  request.body = std::move(message.body());
  return request;
}

Result<tcp::endpoint> EndpointOf(const HttpOptions& options) {
  boost::system::error_code failed;
  const auto address =
      asio::ip::make_address(options.address == "localhost" ? "127.0.0.1" : options.address, failed);
  if (failed) {
    return Error{
        ErrorCode::kInvalidArgument,
        "listening on " + options.address + ": it is no address; write one like 127.0.0.1, 0.0.0.0 or ::"};
  }
  if (!address.is_loopback() && !options.beyond_loopback) {
    return Error{ErrorCode::kInvalidArgument,
                 "listening on " + options.address +
                     ": not a loopback address, and nobody checks who asks; listen on 127.0.0.1"};
  }
  return tcp::endpoint(address, options.port);
}

// What one posted operation takes of memory, in a place of its own.
class PostMemory {
 public:
  void* Take(size_t bytes) { return bytes <= sizeof bytes_ ? bytes_ : ::operator new(bytes); }
  void GiveBack(void* memory) {
    if (memory != bytes_) ::operator delete(memory);
  }

 private:
  alignas(std::max_align_t) std::byte bytes_[192];
};

template <class T>
class PostAllocator {
 public:
  using value_type = T;
  explicit PostAllocator(PostMemory& memory) : memory_(&memory) {}
  template <class Other>
  PostAllocator(const PostAllocator<Other>& other) : memory_(other.memory_) {}

  T* allocate(size_t count) { return static_cast<T*>(memory_->Take(count * sizeof(T))); }
  void deallocate(T* memory, size_t) { memory_->GiveBack(memory); }
  template <class Other>
  bool operator==(const PostAllocator<Other>& other) const {
    return memory_ == other.memory_;
  }

 private:
  template <class>
  friend class PostAllocator;

  PostMemory* memory_;
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const HttpOptions& options, Handler& handler)
      : limits_(options.limits),
        met_(options.met),
        handler_(handler),
        pools_{{asio::thread_pool(static_cast<size_t>(options.write_threads)),
                asio::thread_pool(static_cast<size_t>(options.read_threads))}},
        context_(1),
        acceptor_(context_),
        sweep_timer_(context_) {}

  Status Listen(const tcp::endpoint& endpoint) {
    boost::system::error_code failed;
    acceptor_.open(endpoint.protocol(), failed);
    if (!failed) acceptor_.set_option(asio::socket_base::reuse_address(true), failed);
    if (!failed) acceptor_.bind(endpoint, failed);
    if (!failed) acceptor_.listen(asio::socket_base::max_listen_connections, failed);
    if (!failed) endpoint_ = acceptor_.local_endpoint(failed);
    if (!failed) return {};
    const std::string where =
        "listening on " + endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
    if (failed == asio::error::address_in_use) {
      return Error{ErrorCode::kAlreadyExists,
                   where + ": another program has this port; stop it, or choose another with --port"};
    }
    if (failed == asio::error::access_denied) {
      return Error{ErrorCode::kPermissionDenied,
                   where + ": this user may not use the port; choose one above 1023 with --port"};
    }
    return Error{ErrorCode::kUnavailable,
                 where + ": " + failed.message() + "; choose another with --listen or --port"};
  }

  void Run() {
    thread_ = std::thread([this] {
      while (!RunOnce()) {
      }
    });
  }

  void Stop() {
    if (!thread_.joinable()) return;
    asio::post(context_, [this] { BeginClosing(); });
    thread_.join();
    for (asio::thread_pool& pool : pools_) pool.join();
  }

  tcp::endpoint endpoint() const { return endpoint_; }

 private:
  // Set while a coroutine lives.
  class Alive {
   public:
    explicit Alive(bool& alive) : alive_(alive) { alive_ = true; }
    ~Alive() { alive_ = false; }
    Alive(const Alive&) = delete;
    Alive& operator=(const Alive&) = delete;

   private:
    bool& alive_;
  };

  // True at the end. An operation that finds no memory to begin with throws from here and ends its coroutine,
  // which may be some handlers later: a connection may go so, those two begin anew when they are next looked
  // for.
  bool RunOnce() {
    try {
      if (!accepting_ && !closing_) asio::co_spawn(context_, Accept(), asio::detached);
      if (!sweeping_) asio::co_spawn(context_, Sweep(), asio::detached);
      context_.run_for(limits_.sweep_every);
      return context_.stopped();
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  void BeginClosing() {
    closing_ = true;
    close_by_ = SteadyClock::now() + limits_.close_max;
    beast::error_code ignored;
    acceptor_.close(ignored);
    for (Connection* connection : connections_) {
      if (connection->idle) connection->Cancel();
    }
    sweep_timer_.cancel();
  }

  Task<void> Sweep() {
    const Alive alive(sweeping_);
    for (;;) {
      sweep_timer_.expires_after(closing_ ? std::chrono::milliseconds(10) : limits_.sweep_every);
      co_await sweep_timer_.async_wait(kAwait);
      const auto now = SteadyClock::now();
      if (closing_ && connections_.empty()) co_return;
      if (closing_ && now > close_by_) {
        beast::error_code ignored;
        for (Connection* connection : connections_) connection->socket.close(ignored);
        context_.stop();
        co_return;
      }
      for (Connection* connection : connections_) {
        if (connection->deadline > now) continue;
        connection->expired = true;
        connection->AllowForEver();
        connection->Cancel();
      }
    }
  }

  Task<void> Accept() {
    const Alive alive(accepting_);
    Timer pause(context_);
    while (!closing_) {
      Socket socket(context_);
      auto [failed] = co_await acceptor_.async_accept(socket, kAwait);
      if (closing_) break;
      if (failed) {  // out of descriptors, most likely: others will be given back
        pause.expires_after(std::chrono::milliseconds(100));
        co_await pause.async_wait(kAwait);
        continue;
      }
      try {
        Take(std::move(socket));
      } catch (const std::bad_alloc&) {
        // That one connection is closed; the loop must go on.
      }
    }
  }

  void Take(Socket socket) {
    const size_t over = connections_.size() + 1;
    if (over > limits_.connections_max) met_->Count(HttpLimit::kConnections);
    if (over <= limits_.connections_max) {
      asio::co_spawn(context_, Serve(std::move(socket)), asio::detached);
    } else if (over <= limits_.connections_max + kRefusalsMax) {
      asio::co_spawn(context_, Refuse(std::move(socket)), asio::detached);
    }
  }

  Task<void> Refuse(Socket socket) {
    Connection connection(std::move(socket), connections_);
    co_await Close(connection,
                   ProblemRetryLater(503, "serving a connection: too many are open; try again", 5));
  }

  // The last response of a connection. What the client is still sending is read for a while: closing with
  // bytes unread would reset the connection, and the client would never see why.
  Task<void> Close(Connection& connection, Response response) {
    connection.Allow(limits_.write_max);
    auto message = MessageOf(std::move(response), 11, false, false);
    co_await http::async_write(connection.socket, message, kAwait);
    beast::error_code ignored;
    connection.socket.shutdown(tcp::socket::shutdown_send, ignored);
    connection.Allow(std::chrono::seconds(2));
    std::vector<char> sink(16u << 10);
    for (size_t drained = 0; drained < kDrainBytesMax;) {
      auto [failed, size] = co_await connection.socket.async_read_some(asio::buffer(sink), kAwait);
      if (failed) break;
      drained += size;
    }
  }

  Task<void> Serve(Socket socket) {
    Connection connection(std::move(socket), connections_);
    beast::error_code ignored;
    connection.socket.set_option(tcp::no_delay(true), ignored);
    while (!closing_) {
      if (!co_await AwaitFirstByte(connection)) break;
      std::optional<Response> last;
      const bool goes_on = co_await ServeOne(connection, last);
      if (last) co_await Close(connection, std::move(*last));
      if (!goes_on || last) break;
      if (connection.buffer.size() == 0 && connection.buffer.capacity() > kBufferKeptMax)
        connection.buffer = {};
    }
    connection.socket.shutdown(tcp::socket::shutdown_both, ignored);
  }

  Task<bool> AwaitFirstByte(Connection& connection) {
    if (connection.buffer.size() > 0) co_return true;  // pipelined
    connection.idle = true;
    connection.Allow(limits_.idle_max);
    auto [failed, size] = co_await connection.socket.async_read_some(connection.buffer.prepare(4096), kAwait);
    connection.idle = false;
    connection.buffer.commit(size);
    co_return !failed;
  }

  // One request and its response. False: the connection is at its end. With `last`: after saying that.
  Task<bool> ServeOne(Connection& connection, std::optional<Response>& last) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(static_cast<uint32_t>(limits_.header_bytes_max));
    parser.body_limit(limits_.body_bytes_max);

    connection.Allow(limits_.header_max);
    {
      auto [failed, size] =
          co_await http::async_read_header(connection.socket, connection.buffer, parser, kAwait);
      if (failed) {
        last = ProblemOf(failed, connection);
        co_return false;
      }
    }
    const size_t body_bytes =
        !parser.is_done() && parser.chunked() ? limits_.body_bytes_max : parser.content_length().value_or(0);
    if (all_bodies_bytes_ + body_bytes > limits_.all_bodies_bytes_max) {
      met_->Count(HttpLimit::kAllBodies);
      last = ProblemRetryLater(503, "taking a body: too many are under way; try again", 2);
      co_return false;
    }
    const BodyReservation reservation(all_bodies_bytes_, body_bytes);
    if (!parser.is_done()) {
      connection.Allow(limits_.body_max);
      if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
        http::response<http::empty_body> go_on{http::status::continue_, 11};
        co_await http::async_write(connection.socket, go_on, kAwait);
      }
      connection.buffer.reserve(std::min(body_bytes + 1, kBufferReserveMax));
      auto [failed, size] = co_await http::async_read(connection.socket, connection.buffer, parser, kAwait);
      if (failed) {
        last = ProblemOf(failed, connection);
        co_return false;
      }
    }
    connection.AllowForEver();

    const bool head = parser.get().method() == http::verb::head;
    const unsigned version = parser.get().version();
    const bool keep_alive = parser.get().keep_alive();
    Response response = co_await Dispatch(RequestOf(parser.release(), connection.peer));

    connection.Allow(limits_.write_max);
    auto message = MessageOf(std::move(response), version, head, keep_alive && !closing_);
    auto [failed, size] = co_await http::async_write(connection.socket, message, kAwait);
    co_return !failed && message.keep_alive();
  }

  // What a failed read means to the client; none when there is nobody to tell.
  std::optional<Response> ProblemOf(const beast::error_code& failed, const Connection& connection) {
    if (failed == http::error::body_limit) {
      met_->Count(HttpLimit::kBody);
      return Problem(413, "reading a request: its body is too large; send it in parts");
    }
    if (failed == http::error::header_limit || failed == http::error::buffer_overflow) {
      met_->Count(HttpLimit::kHeader);
      return Problem(431,
                     "reading a request: its header is too large; shorten the target and the header fields");
    }
    if (connection.expired) {
      met_->Count(HttpLimit::kTime);
      return Problem(408, "reading a request: it came too slowly; send it again");
    }
    if (failed == http::error::end_of_stream || failed == http::error::partial_message) return std::nullopt;
    if (failed.category() == http::make_error_code(http::error::bad_method).category()) {
      return Problem(
          400, "reading a request: it is no HTTP (" + failed.message() + "); check the client and the port");
    }
    return std::nullopt;
  }

  class BodyReservation {
   public:
    BodyReservation(size_t& total, size_t bytes) : total_(total), bytes_(bytes) { total_ += bytes_; }
    ~BodyReservation() { total_ -= bytes_; }
    BodyReservation(const BodyReservation&) = delete;
    BodyReservation& operator=(const BodyReservation&) = delete;

   private:
    size_t& total_;
    size_t bytes_;
  };

  // A request on its way to its lane and back, in the frame of its coroutine with the memory that posting
  // takes: between the two nothing may throw, or the coroutine would wait for ever, or end beside the
  // sockets' thread.
  struct Trip {
    Request request;
    std::optional<Response> response;  // none: not even the answer that says so found memory
    PostMemory there, back;
  };

  // Starts the handler on a lane and continues on the thread of the sockets when it has responded.
  struct RunOnLane {
    Impl* server;
    asio::thread_pool* pool;
    Trip* trip;

    template <class Completion>
    void operator()(Completion completion) const {
      auto run = [server = server, trip = trip, completion = std::move(completion),
                  work = asio::make_work_guard(server->context_)]() mutable {
        server->HandleInto(*trip);
        auto& context = server->context_;
        asio::post(context, asio::bind_allocator(PostAllocator<void>(trip->back), std::move(completion)));
      };
      asio::post(*pool, asio::bind_allocator(PostAllocator<void>(trip->there), std::move(run)));
    }
  };

  Task<Response> Dispatch(Request request) {
    const auto lane = static_cast<size_t>(handler_.LaneOf(request));
    if (waiting_[lane] >= limits_.waiting_max) {
      met_->Count(HttpLimit::kWaiting);
      co_return ProblemRetryLater(503, "answering a request: too many are waiting; try again", 2);
    }
    Trip trip{std::move(request), std::nullopt, {}, {}};
    ++waiting_[lane];
    const Awaitable token;
    co_await asio::async_initiate<const Awaitable, void()>(RunOnLane{this, &pools_[lane], &trip}, token);
    --waiting_[lane];
    if (!trip.response) throw std::bad_alloc();  // the connection ends
    co_return std::move(*trip.response);
  }

  void HandleInto(Trip& trip) noexcept {
    try {
      trip.response = HandleSafely(trip.request);
    } catch (const std::bad_alloc&) {
    }
  }

  Response HandleSafely(const Request& request) {
    try {
      return handler_.Handle(request);
    } catch (const std::bad_alloc&) {
      met_->Count(HttpLimit::kMemory);
      return ProblemRetryLater(503, "answering a request: this server ran out of memory; try again", 5);
    } catch (const std::exception& error) {
      spdlog::error("answering {} failed: {}", request.method, error.what());
      return Problem(500, "answering a request: this server failed; its log may say why");
    }
  }

  // Used by what context_ destroys, so they stand before it.
  const HttpLimits limits_;
  const std::shared_ptr<LimitsMet> met_;
  Handler& handler_;
  std::list<Connection*> connections_;
  size_t all_bodies_bytes_ = 0;
  std::array<size_t, kLanes> waiting_{};
  bool closing_ = false;
  bool accepting_ = false;
  bool sweeping_ = false;
  SteadyClock::time_point close_by_;
  tcp::endpoint endpoint_;

  std::array<asio::thread_pool, kLanes> pools_;
  asio::io_context context_;
  Acceptor acceptor_;
  Timer sweep_timer_;
  std::thread thread_;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() { impl_->Stop(); }

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpOptions& options, Handler& handler) {
  const Result<tcp::endpoint> endpoint = EndpointOf(options);
  if (!endpoint.ok()) return endpoint.error();
  auto impl = std::make_unique<Impl>(options, handler);
  FM_RETURN_IF_ERROR(impl->Listen(*endpoint));
  impl->Run();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

uint16_t HttpServer::port() const { return impl_->endpoint().port(); }

std::string HttpServer::url() const {
  const tcp::endpoint endpoint = impl_->endpoint();
  const std::string address = endpoint.address().to_string();
  return "http://" + (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" +
         std::to_string(endpoint.port());
}

void HttpServer::Stop() { impl_->Stop(); }

}  // namespace fieldmark::api
