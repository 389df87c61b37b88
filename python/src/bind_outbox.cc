// Draining, merging and encoding release the GIL, so that the serving thread goes on meanwhile; a mutex,
// taken only without the GIL, keeps two Python threads apart.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <algorithm>
#include <mutex>

#include "bind.h"
#include "fieldmark/bucket/outbox.h"
#include "recorder.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace fieldmark::python {
namespace {

using bucket::Instance;
using bucket::Outbox;
using bucket::Source;

Instance InstanceOf(const nb::bytes& bytes) {
  Instance instance;
  if (bytes.size() != instance.size()) {
    Raise({ErrorCode::kInvalidArgument, "making an outbox: an instance is 16 bytes, not " +
                                            std::to_string(bytes.size()) + "; pass os.urandom(16)"});
  }
  std::ranges::copy(View(bytes), instance.begin());
  return instance;
}

Source SourceOf(std::string_view name) {
  if (name == "live") return Source::kLive;
  if (name == "replay") return Source::kReplay;
  Raise({ErrorCode::kInvalidArgument, "making an outbox: source is 'live' or 'replay'"});
}

class SharedOutbox {
 public:
  explicit SharedOutbox(bucket::BatchHeader identity) : outbox_(std::move(identity)) {}

  void Collect(Recorder& recorder) {
    {
      const nb::gil_scoped_release unlocked;
      Recorder::Drained drained = recorder.Drain();
      const std::lock_guard lock(mutex_);
      outbox_.Add(std::move(drained.buckets), drained.hash_key_id);
    }
    recorder.LetGoFinished();
  }

  std::optional<std::pair<uint64_t, nb::bytes>> Freeze(UnixMs now) {
    std::optional<std::pair<uint64_t, std::string>> frozen;
    {
      const nb::gil_scoped_release unlocked;
      const std::lock_guard lock(mutex_);
      if (const auto batch = outbox_.Freeze(now)) frozen.emplace(batch->sequence, batch->bytes);
    }
    if (!frozen) return std::nullopt;
    return std::pair(frozen->first, nb::bytes(frozen->second.data(), frozen->second.size()));
  }

  void SetFormat(uint16_t version) {
    const nb::gil_scoped_release unlocked;
    const std::lock_guard lock(mutex_);
    outbox_.SetFormat(version);
  }

  void Answer(int http_status) {
    const nb::gil_scoped_release unlocked;
    const std::lock_guard lock(mutex_);
    outbox_.Answer(http_status);
  }

  // A number read off the outbox.
  template <auto method>
  auto Read() {
    const nb::gil_scoped_release unlocked;
    const std::lock_guard lock(mutex_);
    return (outbox_.*method)();
  }

 private:
  std::mutex mutex_;
  Outbox outbox_;
};

}  // namespace

void BindOutbox(nb::module_& module) {
  module.attr("FORMAT_MIN") = bucket::kFormatVersionMin;
  module.attr("FORMAT_MAX") = bucket::kFormatVersion;

  nb::class_<SharedOutbox>(module, "Outbox")
      .def(
          "__init__",
          [](SharedOutbox* self, std::string service, std::string environment, std::string version,
             const nb::bytes& instance, std::string host, uint64_t pid, int64_t started_unix_ms,
             std::string_view source, std::string sdk) {
            bucket::BatchHeader identity;
            identity.stream = {std::move(environment), std::move(service), std::move(version)};
            identity.instance = InstanceOf(instance);
            identity.source = SourceOf(source);
            identity.host = std::move(host);
            identity.pid = pid;
            identity.started_unix_ms = started_unix_ms;
            identity.sdk = std::move(sdk);
            new (self) SharedOutbox(std::move(identity));
          },
          "service"_a, "environment"_a, "version"_a, "instance"_a, "host"_a = "", "pid"_a = 0,
          "started_unix_ms"_a = 0, "source"_a = "live", "sdk"_a = "python")
      .def("collect", &SharedOutbox::Collect, "recorder"_a)
      .def("freeze", &SharedOutbox::Freeze, "now_unix_ms"_a)
      .def("set_format", &SharedOutbox::SetFormat, "version"_a)
      .def("answer", &SharedOutbox::Answer, "http_status"_a)
      .def_prop_ro("empty", &SharedOutbox::Read<&Outbox::empty>)
      .def_prop_ro("uncertain_batches", &SharedOutbox::Read<&Outbox::uncertain_batches>)
      .def_prop_ro("refused_batches", &SharedOutbox::Read<&Outbox::refused_batches>)
      .def_prop_ro("rejected_batches", &SharedOutbox::Read<&Outbox::rejected_batches>)
      .def_prop_ro("pending_minutes", &SharedOutbox::Read<&Outbox::pending_minutes>);
}

}  // namespace fieldmark::python
