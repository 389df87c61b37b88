// Sends recorded batches to a server as many workers of many services do, each worker one at a time, and
// prints what came of it as one JSON object.
//
//   ingest_load --port N --batches FILE [--services N] [--workers N] [--connections N] [--idle N] [--rate N]
//   [--seconds N]
//
// With a rate, batches are sent when they are due, and a reply's time counts from then, however late the
// sender was. With rate 0 every connection sends as soon as it has its answer.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/ingest/recording.h"

namespace {

using namespace fieldmark;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kEncodedMax = 4096;  // batches kept in bytes, about 15 kB each
constexpr int64_t kLastRepliesMs = 10'000;
constexpr std::chrono::nanoseconds kWaitMax{10'000'000};

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "loading: %s\n", what.c_str());
  std::exit(2);
}

UnixMs WallClock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Options {
  std::map<std::string, std::string> given;

  int64_t Number(const std::string& name, int64_t otherwise) const {
    const auto found = given.find("--" + name);
    return found == given.end() ? otherwise : std::atoll(found->second.c_str());
  }
};

int Connect(uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    Fail("connecting to port " + std::to_string(port) + ": " + std::strerror(errno));
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

std::string RequestOf(uint16_t port, std::string_view path, std::string_view type, std::string_view body) {
  std::string request = "POST " + std::string(path) + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port);
  request += "\r\nContent-Type: " + std::string(type) + "\r\nFieldmark-Clock: " + std::to_string(WallClock());
  request += "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  return request.append(body);
}

// The status of a reply that is whole; 0 while it is not.
int StatusOf(std::string_view reply) {
  const size_t end = reply.find("\r\n\r\n");
  if (end == std::string_view::npos || reply.size() < 12) return 0;
  const size_t length = reply.find("Content-Length: ");
  const size_t body = length < end ? static_cast<size_t>(std::atoll(&reply[length + 16])) : 0;
  return reply.size() < end + 4 + body ? 0 : std::atoi(&reply[9]);
}

class Connection {
 public:
  explicit Connection(uint16_t port) : port_(port), socket_(Connect(port)) {}

  // Small enough for the socket's buffer, so that it does not wait.
  void Send(const std::string& request) {
    reply_.clear();
    if (::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
      Fail("sending a batch: the server did not take all of it");
  }
  // As StatusOf; −1 when the server closed, after which there is a new connection.
  int Receive() {
    char room[4096];
    const ssize_t got = ::recv(socket_, room, sizeof room, 0);
    if (got > 0) {
      reply_.append(room, static_cast<size_t>(got));
      return StatusOf(reply_);
    }
    ::close(socket_);
    socket_ = Connect(port_);
    return -1;
  }
  const std::string& reply() const { return reply_; }
  int socket() const { return socket_; }

  SteadyClock::time_point due;

 private:
  uint16_t port_;
  int socket_;
  std::string reply_;
};

uint64_t KeyIdOf(Connection& connection, uint16_t port, const std::string& service) {
  connection.Send(RequestOf(port, "/api/v1/hello", "application/json",
                            R"({"service":")" + service + R"(","environment":"bench"})"));
  int status = 0;
  while (status == 0) status = connection.Receive();
  const size_t at = connection.reply().find("\"hash_key\":\"");
  if (status != 200 || at == std::string::npos)
    Fail("greeting the server: it answered " + connection.reply());
  const Result<HashKey> key = HashKey::FromHex(connection.reply().substr(at + 12, 32));
  if (!key.ok()) Fail(key.error().message);
  return key->Id();
}

// What is sent: the recorded batches in turn, as those of every service, at the minute it is.
class Batches {
 public:
  Batches(std::vector<bucket::Batch> recorded, size_t services)
      : recorded_(std::move(recorded)), key_ids_(services) {
    variants_ = std::clamp<size_t>(kEncodedMax / services, 1, recorded_.size());
    encoded_.resize(services * variants_);
  }

  void Greet(uint16_t port) {
    Connection connection(port);
    for (size_t i = 0; i < key_ids_.size(); ++i) key_ids_[i] = KeyIdOf(connection, port, ServiceOf(i));
  }

  const std::string& Next(size_t worker, uint64_t sequence) {
    const size_t service = worker % key_ids_.size();
    const size_t variant = (worker / key_ids_.size() + sequence) % variants_;
    Encoded& encoded = encoded_[service * variants_ + variant];
    const Minute minute = MinuteOf(WallClock());
    if (!encoded.batch || encoded.minute != minute) {
      const bucket::Stream stream{"bench", ServiceOf(service), "good"};
      encoded.batch = std::make_unique<bench::StampedBatch>(
          bench::Moved(recorded_[variant], stream, key_ids_[service], minute));
      encoded.minute = minute;
    }
    return encoded.batch->Stamp(InstanceOf(worker), sequence);
  }

 private:
  struct Encoded {
    Minute minute = 0;
    std::unique_ptr<bench::StampedBatch> batch;
  };

  static std::string ServiceOf(size_t service) { return "shop-" + std::to_string(service); }
  // Workers of this very run.
  bucket::Instance InstanceOf(size_t worker) const {
    bucket::Instance instance{};
    std::memcpy(instance.data(), &worker, sizeof worker);
    std::memcpy(instance.data() + 8, &run_, sizeof run_);
    return instance;
  }

  const UnixMs run_ = WallClock();
  std::vector<bucket::Batch> recorded_;
  std::vector<uint64_t> key_ids_;
  size_t variants_ = 1;
  std::vector<Encoded> encoded_;
};

class Load {
 public:
  Load(const Options& options, std::vector<bucket::Batch> recorded)
      : port_(static_cast<uint16_t>(options.Number("port", 0))),
        rate_(static_cast<double>(options.Number("rate", 0))),
        seconds_(static_cast<double>(options.Number("seconds", 10))),
        batches_(std::move(recorded), static_cast<size_t>(options.Number("services", 1))),
        sequences_(static_cast<size_t>(options.Number("workers", 200))) {
    batches_.Greet(port_);
    for (int64_t i = options.Number("idle", 0); i > 0; --i)
      idle_.push_back(std::make_unique<Connection>(port_));
    const auto connections = static_cast<size_t>(options.Number("connections", 200));
    for (size_t i = 0; i < connections; ++i) {
      connections_.push_back(std::make_unique<Connection>(port_));
      Watch(i);
      free_.push_back(i);
    }
    for (size_t worker = 0; worker < sequences_.size(); ++worker) free_workers_.push_back(worker);
    worker_of_.resize(connections);
  }

  void Run() {
    const double cpu = CpuSeconds();
    started_ = SteadyClock::now();
    while (Elapsed() < seconds_) {
      SendDue();
      Receive(Wait());
    }
    const auto until = SteadyClock::now() + std::chrono::milliseconds(kLastRepliesMs);
    while (free_.size() < connections_.size() && SteadyClock::now() < until) Receive(kWaitMax);
    Print(CpuSeconds() - cpu);
  }

 private:
  double Elapsed() const { return std::chrono::duration<double>(SteadyClock::now() - started_).count(); }

  void Watch(size_t connection) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = connection;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_[connection]->socket(), &event);
  }

  SteadyClock::time_point DueAt(uint64_t batch) const {
    const std::chrono::duration<double> after(static_cast<double>(batch) / rate_);
    return started_ + std::chrono::duration_cast<SteadyClock::duration>(after);
  }

  // Until the next batch is due, if somebody could send it.
  std::chrono::nanoseconds Wait() const {
    if (rate_ == 0 || free_.empty() || free_workers_.empty()) return kWaitMax;
    const std::chrono::nanoseconds wait = DueAt(sent_) - SteadyClock::now();
    return std::clamp(wait, std::chrono::nanoseconds(0), kWaitMax);
  }

  void SendDue() {
    while (!free_.empty() && !free_workers_.empty()) {
      const auto due = rate_ == 0 ? SteadyClock::now() : DueAt(sent_);
      if (due > SteadyClock::now()) return;
      const size_t at = free_.front();
      free_.pop_front();
      const size_t worker = worker_of_[at] = free_workers_.front();
      free_workers_.pop_front();
      const std::string& batch = batches_.Next(worker, sequences_[worker]++);
      bytes_ += batch.size();
      connections_[at]->due = due;
      connections_[at]->Send(RequestOf(port_, "/api/v1/batches", "application/vnd.fieldmark.batch", batch));
      ++sent_;
    }
  }

  void Receive(std::chrono::nanoseconds wait) {
    epoll_event events[256];
    const timespec until{0, wait.count()};
    const int count = ::epoll_pwait2(epoll_, events, 256, &until, nullptr);
    for (int i = 0; i < count; ++i) {
      const auto at = static_cast<size_t>(events[i].data.u64);
      const int status = connections_[at]->Receive();
      if (status == 0) continue;
      if (status < 0) Watch(at);
      ++by_status_[status];
      if (status == 200) {
        const std::chrono::duration<float, std::milli> took = SteadyClock::now() - connections_[at]->due;
        replies_ms_.push_back(took.count());
      }
      free_workers_.push_back(worker_of_[at]);
      free_.push_back(at);
    }
  }

  float Quantile(double share) const {
    if (replies_ms_.empty()) return 0;
    return replies_ms_[static_cast<size_t>(share * static_cast<double>(replies_ms_.size() - 1))];
  }

  void Print(double cpu_s) {
    const double took = Elapsed();
    std::sort(replies_ms_.begin(), replies_ms_.end());
    std::printf("{\"seconds\":%.3f,\"sent\":%llu,\"applied\":%zu,\"per_s\":%.1f,\"batch_bytes\":%.0f,", took,
                static_cast<unsigned long long>(sent_), replies_ms_.size(),
                static_cast<double>(replies_ms_.size()) / seconds_,
                static_cast<double>(bytes_) / static_cast<double>(std::max<uint64_t>(sent_, 1)));
    std::printf("\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f,\"cpu_s\":%.2f,\"by_status\":{",
                Quantile(0.5), Quantile(0.99), Quantile(1), cpu_s);
    const char* comma = "";
    for (const auto& [status, count] : by_status_) {
      std::printf("%s\"%d\":%llu", comma, status, static_cast<unsigned long long>(count));
      comma = ",";
    }
    std::printf("}}\n");
  }

  const uint16_t port_;
  const double rate_;
  const double seconds_;
  Batches batches_;
  const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<Connection>> idle_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<size_t> free_;          // connections
  std::deque<size_t> free_workers_;  // a worker has one batch under way
  std::vector<size_t> worker_of_;    // by connection
  std::vector<uint64_t> sequences_;  // by worker

  SteadyClock::time_point started_;
  uint64_t sent_ = 0;
  uint64_t bytes_ = 0;
  std::map<int, uint64_t> by_status_;  // −1: closed
  std::vector<float> replies_ms_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) options.given[argv[i]] = argv[i + 1];
  Result<std::vector<bucket::Batch>> recorded = bench::ReadRecording(options.given["--batches"]);
  if (!recorded.ok()) Fail(recorded.error().message);
  Load(options, std::move(*recorded)).Run();
  return 0;
}
