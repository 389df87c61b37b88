// An HTTP/1.1 server. One thread does all sockets, each lane's threads run the handler; every
// queue, size, time and number of connections has a limit.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "fieldmark/base/result.h"
#include "server/api/http.h"
#include "server/api/limits_met.h"

namespace fieldmark::api {

struct HttpLimits {
  size_t header_bytes_max = 8u << 10;            // over it: 431
  size_t body_bytes_max = 8u << 20;              // over it: 413
  size_t all_bodies_bytes_max = 64u << 20;       // held at one time, over it: 503
  size_t connections_max = 4096;                 // over it: 503; a worker keeps one
  size_t waiting_max = 512;                      // requests of one lane, over it: 503
  std::chrono::milliseconds idle_max{75'000};    // between two requests
  std::chrono::milliseconds header_max{10'000};  // from its first byte to its last
  std::chrono::milliseconds body_max{30'000};
  std::chrono::milliseconds write_max{30'000};
  std::chrono::milliseconds sweep_every{500};   // how finely the four above are kept
  std::chrono::milliseconds close_max{10'000};  // Stop waits so long for requests under way
};

struct HttpOptions {
  std::string address = "127.0.0.1";  // "localhost" is good too
  bool beyond_loopback = false;  // whether another address may be listened on: the handler checks who asks
  uint16_t port = 3435;          // 0: any free one
  int write_threads = 16;        // more than cores: they wait for the disk together
  int read_threads = 2;
  HttpLimits limits;
  std::shared_ptr<LimitsMet> met = std::make_shared<LimitsMet>();  // counts them
};

// Not safe for use by several threads at once, except that the handler runs on threads of its own.
class HttpServer {
 public:
  // Listens at once; serves from here on until Stop. `handler` must outlive the server. kInvalidArgument for
  // an address that is none, or not loopback without leave; kAlreadyExists for a taken port.
  static Result<std::unique_ptr<HttpServer>> Start(const HttpOptions& options, Handler& handler);
  ~HttpServer();  // as Stop

  uint16_t port() const;
  // "http://127.0.0.1:3435"
  std::string url() const;

  // Takes no further connections, lets the requests under way finish, closes.
  void Stop();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace fieldmark::api
