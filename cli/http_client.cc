#include "cli/http_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/url.hpp>
#include <memory>

namespace fieldmark::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr uint64_t kBodyBytesMax = 64u << 20;

struct Address {
  std::string host;
  std::string port;
  std::string host_header;
};

Result<Address> AddressOf(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  const bool plain = parsed && parsed->scheme() == "http" && !parsed->host().empty() &&
                     (parsed->path().empty() || parsed->path() == "/") && !parsed->has_query();
  if (!plain) {
    return Error{ErrorCode::kInvalidArgument,
                 "reading the address " + url +
                     ": it is not of the form http://host:port; correct --url or FIELDMARK_URL"};
  }
  const std::string port = parsed->has_port() ? std::string(parsed->port()) : "80";
  return Address{std::string(parsed->host_address()), port, std::string(parsed->encoded_host_and_port())};
}

Error NoAnswer(const std::string& url, const beast::error_code& failed) {
  const std::string found = failed == beast::error::timeout ? "no answer came in time" : failed.message();
  return {ErrorCode::kUnavailable, "asking the server at " + url + ": " + found +
                                       "; start it with 'fieldmark serve', or name another with --url"};
}

// Steps of one exchange, each started by the one before; the stream's timer bounds them all together.
class Exchange {
 public:
  Exchange(const Address& address, std::string_view target, const std::string& token)
      : resolver_(context_), stream_(context_) {
    request_.method(http::verb::get);
    request_.target(beast::string_view(target.data(), target.size()));
    request_.version(11);
    request_.set(http::field::host, address.host_header);
    request_.set(http::field::user_agent, "fieldmark");
    if (!token.empty()) request_.set(http::field::authorization, "Bearer " + token);
    request_.keep_alive(false);
    parser_.body_limit(kBodyBytesMax);
  }

  beast::error_code Run(const Address& address, std::chrono::seconds time_max) {
    beast::error_code failed;
    const auto endpoints = resolver_.resolve(address.host, address.port, failed);
    if (failed) return failed;
    stream_.expires_after(time_max);
    stream_.async_connect(endpoints, [this](beast::error_code error, const asio::ip::tcp::endpoint&) {
      if (!Failed(error)) Write();
    });
    context_.run();
    return failed_;
  }

  const http::response<http::string_body>& response() const { return parser_.get(); }

 private:
  bool Failed(beast::error_code error) {
    failed_ = error;
    return static_cast<bool>(error);
  }
  void Write() {
    http::async_write(stream_, request_, [this](beast::error_code error, size_t) {
      if (!Failed(error)) Read();
    });
  }
  void Read() {
    http::async_read(stream_, buffer_, parser_, [this](beast::error_code error, size_t) { Failed(error); });
  }

  asio::io_context context_;
  asio::ip::tcp::resolver resolver_;
  beast::tcp_stream stream_;
  http::request<http::empty_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  beast::error_code failed_;
};

}  // namespace

Result<HttpReply> HttpGet(const std::string& url, std::string_view target, const std::string& token,
                          std::chrono::seconds time_max) {
  const Result<Address> address = AddressOf(url);
  if (!address.ok()) return address.error();
  Exchange exchange(*address, target, token);
  if (const beast::error_code failed = exchange.Run(*address, time_max)) return NoAnswer(url, failed);
  return HttpReply{static_cast<int>(exchange.response().result_int()), exchange.response().body()};
}

}  // namespace fieldmark::cli
