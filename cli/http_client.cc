#include "cli/http_client.h"

#include <sys/stat.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/url.hpp>
#include <cstdlib>
#include <optional>

namespace fieldmark::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;

constexpr uint64_t kBodyBytesMax = 64u << 20;

struct Address {
  bool tls = false;
  std::string host;
  std::string port;
  std::string host_header;
};

Result<Address> AddressOf(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  const bool whole = parsed && (parsed->scheme() == "http" || parsed->scheme() == "https") &&
                     !parsed->host().empty() && (parsed->path().empty() || parsed->path() == "/") &&
                     !parsed->has_query();
  if (!whole) {
    return Error{ErrorCode::kInvalidArgument,
                 "reading the address " + url +
                     ": it is not of the form http://host:port; correct --url or FIELDMARK_URL"};
  }
  const bool tls = parsed->scheme() == "https";
  const std::string port = parsed->has_port() ? std::string(parsed->port()) : tls ? "443" : "80";
  return Address{tls, std::string(parsed->host_address()), port,
                 std::string(parsed->encoded_host_and_port())};
}

Error NoAnswer(const std::string& url, const beast::error_code& failed) {
  const std::string asking = "asking the server at " + url + ": ";
  if (failed.category() == asio::error::get_ssl_category()) {
    return {
        ErrorCode::kUnavailable,
        asking + failed.message() +
            "; its certificate must be of that name, from an authority that this machine trusts, or whose "
            "certificate is in the file that SSL_CERT_FILE names"};
  }
  const std::string found = failed == beast::error::timeout ? "no answer came in time" : failed.message();
  return {ErrorCode::kUnavailable,
          asking + found + "; start it with 'fieldmark serve', or name another with --url"};
}

// Where systems keep the authorities that they trust. OpenSSL knows the place of the one that it was built
// on.
void TrustSystemAuthorities(ssl::context& context) {
  beast::error_code ignored;
  context.set_default_verify_paths(ignored);
  if (std::getenv("SSL_CERT_FILE") != nullptr) return;
  for (const char* file : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    struct stat found {};
    if (::stat(file, &found) != 0) continue;
    context.load_verify_file(file, ignored);
    return;
  }
}

// Steps of one exchange, each started by the one before; the stream's timer bounds them all together.
class Exchange {
 public:
  Exchange(Address address, const HttpRequest& request)
      : address_(std::move(address)),
        tls_(ssl::context::tls_client),
        resolver_(context_),
        stream_(context_, tls_) {
    request_.method_string(request.method);
    request_.target(request.target);
    request_.version(11);
    request_.set(http::field::host, address_.host_header);
    request_.set(http::field::user_agent, "fieldmark");
    if (!request.token.empty()) request_.set(http::field::authorization, "Bearer " + request.token);
    if (!request.json.empty()) {
      request_.set(http::field::content_type, "application/json");
      request_.body() = request.json;
    }
    request_.prepare_payload();
    request_.keep_alive(false);
    parser_.body_limit(kBodyBytesMax);
    if (!address_.tls) return;
    // What is left is 1.2 and later.
    tls_.set_options(ssl::context::no_sslv3 | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
    TrustSystemAuthorities(tls_);
  }

  beast::error_code Run(std::chrono::seconds time_max) {
    beast::error_code failed;
    const auto endpoints = resolver_.resolve(address_.host, address_.port, failed);
    if (failed) return failed;
    plain().expires_after(time_max);
    plain().async_connect(endpoints, [this](beast::error_code error, const asio::ip::tcp::endpoint&) {
      if (Failed(error)) return;
      if (address_.tls) {
        ShakeHands();
      } else {
        Write(plain());
      }
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
  beast::tcp_stream& plain() { return stream_.next_layer(); }

  void ShakeHands() {
    // Several names may share an address; an address is no name.
    beast::error_code is_name;
    asio::ip::make_address(address_.host, is_name);
    if (is_name) SSL_set_tlsext_host_name(stream_.native_handle(), address_.host.c_str());
    stream_.set_verify_mode(ssl::verify_peer);
    stream_.set_verify_callback(ssl::host_name_verification(address_.host));
    stream_.async_handshake(ssl::stream_base::client, [this](beast::error_code error) {
      if (!Failed(error)) Write(stream_);
    });
  }

  template <class Stream>
  void Write(Stream& stream) {
    http::async_write(stream, request_, [this, &stream](beast::error_code error, size_t) {
      if (!Failed(error)) Read(stream);
    });
  }

  template <class Stream>
  void Read(Stream& stream) {
    http::async_read(stream, buffer_, parser_, [this](beast::error_code error, size_t) { Failed(error); });
  }

  const Address address_;
  ssl::context tls_;
  asio::io_context context_;
  asio::ip::tcp::resolver resolver_;
  beast::ssl_stream<beast::tcp_stream> stream_;
  http::request<http::string_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  beast::error_code failed_;
};

}  // namespace

Result<HttpReply> SendHttp(const std::string& url, const HttpRequest& request,
                           std::chrono::seconds time_max) {
  Result<Address> address = AddressOf(url);
  if (!address.ok()) return address.error();
  Exchange exchange(std::move(*address), request);
  if (const beast::error_code failed = exchange.Run(time_max)) return NoAnswer(url, failed);
  return HttpReply{static_cast<int>(exchange.response().result_int()), exchange.response().body()};
}

}  // namespace fieldmark::cli
