// Any request: method, target and media type are the first three lines, the body is the rest. A server with a
// service in it answers each with a status of its own, never by chance with one of a fault. A body of the
// batches' media type that does not begin like a batch is an unpacked batch's: a fuzzer does not find its way
// through zstd.
#include <spdlog/spdlog.h>
#include <zstd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fieldmark/bucket/batch.h"
#include "server/api/api.h"
#include "server/store/memory_store.h"

namespace fieldmark::api {
namespace {

constexpr Minute kNow = 29'000'000;

bucket::Batch SmallBatch(uint64_t sequence) {
  bucket::Batch batch;
  batch.header.stream = {"production", "orders", "v1"};
  batch.header.sequence = sequence;
  batch.header.sent_at_unix_ms = kNow * kMsPerMinute;
  auto& request = batch.buckets[kNow - 1]["GET /orders"].request.emplace();
  request.by_status[200] = 3;
  request.last_byte_ms.Add(2.5, 3);
  return batch;
}

// A fresh one for each input, so that an input means the same whenever it comes.
struct Server {
  Server() {
    const std::string bytes = bucket::EncodeBatch(SmallBatch(1));
    if (ingest.Append(ingest::kBatchType, bytes).status != 200) std::abort();
  }

  store::MemoryStore store;
  watch::Clock clock = [] { return kNow * kMsPerMinute; };
  ingest::Ingest ingest{store, clock};
  watch::Verdicts verdicts{store, clock, *watch::LooksOf({300})};
  watch::Answers answers{store, verdicts, clock, std::nullopt};
  access::Gate gate{{}, clock};
  const watch::Watch watch{store, verdicts, clock};
  Api api{store, ingest, verdicts, answers, watch, gate, clock};
};

std::string Packed(std::string_view body) {
  std::string bytes = bucket::EncodeBatch(SmallBatch(2));
  bytes.resize(bytes.find("\x28\xb5\x2f\xfd"));
  std::string packed(ZSTD_compressBound(body.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), body.data(), body.size(), 1));
  return bytes + packed;
}

std::string_view TakeLine(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(line.size() < rest.size() ? line.size() + 1 : rest.size());
  return line;
}

}  // namespace
}  // namespace fieldmark::api

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fieldmark::api;
  static const bool quiet = (spdlog::set_level(spdlog::level::off), true);
  (void)quiet;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  Request request;
  request.method = TakeLine(rest);
  request.target = TakeLine(rest);
  const std::string_view media_type = TakeLine(rest);
  request.headers = {{"Host", "localhost:3435"}, {"Content-Type", std::string(media_type)}};
  request.body = media_type == fieldmark::ingest::kBatchType && !rest.starts_with('F') ? Packed(rest)
                                                                                       : std::string(rest);

  Server server;
  (void)server.api.LaneOf(request);
  const Response response = server.api.Handle(request);
  if (response.status < 200 || response.status >= 500) std::abort();
  if (response.status >= 400 && response.content_type != "application/problem+json") std::abort();
  return 0;
}
