// Every method holds the GIL throughout: a call costs less than releasing it, and bodies are views of
// Python's own bytes.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bind.h"
#include "fieldmark/bucket/listed_fields.h"
#include "python/worker/zstd_body.h"
#include "recorder.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace fieldmark::python {
namespace {

using bucket::Body;
using bucket::BodyState;

HashKey Key(std::string_view hex) { return OrRaise(HashKey::FromHex(hex)); }

// Needs the GIL; `bytes` must outlive the result.
Body BodyOf(uint8_t state, const nb::bytes& bytes, uint64_t wire_bytes) {
  if (state > static_cast<uint8_t>(BodyState::kNotSampled)) {
    Raise({ErrorCode::kInvalidArgument,
           "recording a request: a body's state is 0 to 5, not " + std::to_string(state)});
  }
  return {static_cast<BodyState>(state), View(bytes), wire_bytes};
}

void Record(Recorder& worker, std::string_view route, uint16_t status, int64_t ended_unix_ms,
            double first_byte_ms, double last_byte_ms, double app_return_ms, bool cancelled,
            std::string_view exception, uint8_t request_state, const nb::bytes& request,
            uint64_t request_wire_bytes, uint8_t response_state, const nb::bytes& response,
            uint64_t response_wire_bytes, uint64_t times, std::string_view traceparent) {
  const bucket::RequestEvent event{.route = route,
                                   .status = status,
                                   .ended_unix_ms = ended_unix_ms,
                                   .first_byte_ms = first_byte_ms,
                                   .last_byte_ms = last_byte_ms,
                                   .app_return_ms = app_return_ms,
                                   .cancelled = cancelled,
                                   .exception = exception,
                                   .trace = sketch::TraceIdOf(traceparent).value_or(sketch::TraceId{}),
                                   .request = BodyOf(request_state, request, request_wire_bytes),
                                   .response = BodyOf(response_state, response, response_wire_bytes),
                                   .times = times};
  worker.Record([&](bucket::Recorder& recorder) { recorder.Record(event); });
}

// The recorder's method, called alone.
template <auto method>
struct Forward;
template <class... Arguments, void (bucket::Recorder::*method)(Arguments...)>
struct Forward<method> {
  static void Call(Recorder& worker, Arguments... arguments) {
    worker.Record([&](bucket::Recorder& recorder) { (recorder.*method)(arguments...); });
  }
};

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(std::clamp(seconds, 0.0, 60.0) * 1000));
}

void Settle(Recorder& worker, double seconds_max) {
  const nb::gil_scoped_release unlocked;
  worker.Settle(Milliseconds(seconds_max));
}

void Close(Recorder& worker, double seconds_max) {
  {
    const nb::gil_scoped_release unlocked;
    worker.Close(Milliseconds(seconds_max));
  }
  worker.LetGoFinished();
}

}  // namespace

void BindRecorder(nb::module_& module) {
  module.attr("BODY_NONE") = static_cast<int>(BodyState::kNone);
  module.attr("BODY_CAPTURED") = static_cast<int>(BodyState::kCaptured);
  module.attr("BODY_NOT_JSON") = static_cast<int>(BodyState::kNotJson);
  module.attr("BODY_COMPRESSED") = static_cast<int>(BodyState::kCompressed);
  module.attr("BODY_NOT_CAPTURED") = static_cast<int>(BodyState::kNotCaptured);
  module.attr("BODY_BYTES_MAX") = Limits{}.body_bytes_max;
  module.attr("UNPACKED_BYTES_MAX") = worker::kUnpackedBytesMax;

  module.attr("HELD_BYTES_MAX") = worker::kHeldBytesMax;

  const nb::bytes none("", 0);
  nb::class_<Recorder>(module, "Recorder")
      .def(
          "__init__",
          [](Recorder* self, std::optional<std::string_view> hash_key, const std::vector<std::string>& reveal,
             const std::vector<std::string>& drop, double sample) {
            std::optional<HashKey> key;
            if (hash_key) key = Key(*hash_key);
            new (self) Recorder(key, OrRaise(bucket::ListedFieldsOf(reveal, drop)), sample);
          },
          "hash_key"_a = nb::none(), "reveal"_a = std::vector<std::string>(),
          "drop"_a = std::vector<std::string>(), "sample"_a = 1.0)
      .def("record", &Record, "route"_a, "status"_a, "ended_unix_ms"_a, "first_byte_ms"_a = -1.0,
           "last_byte_ms"_a = -1.0, "app_return_ms"_a = -1.0, "cancelled"_a = false, "exception"_a = "",
           "request_state"_a = 0, "request"_a = none, "request_wire_bytes"_a = 0, "response_state"_a = 0,
           "response"_a = none, "response_wire_bytes"_a = 0, "times"_a = 1, "traceparent"_a = "")
      .def("watch", &Forward<&bucket::Recorder::Watch>::Call, "from_unix_ms"_a, "to_unix_ms"_a)
      .def("run", &Forward<&bucket::Recorder::RecordRun>::Call, "job"_a, "ended_unix_ms"_a, "duration_ms"_a,
           "succeeded"_a)
      .def("event", &Forward<&bucket::Recorder::RecordEvent>::Call, "subject"_a, "kind"_a, "at_unix_ms"_a,
           "times"_a = 1)
      .def("count_dropped", &Forward<&bucket::Recorder::CountDropped>::Call, "at_unix_ms"_a, "times"_a = 1)
      .def(
          "set_hash_key",
          [](Recorder& self, std::string_view hash_key) {
            const HashKey key = Key(hash_key);
            const nb::gil_scoped_release unlocked;  // summaries are gathered
            self.SetHashKey(key);
          },
          "hash_key"_a)
      .def("settle", &Settle, "seconds_max"_a)
      .def("close", &Close, "seconds_max"_a)
      .def_prop_ro("hash_key_id", &Recorder::hash_key_id)
      .def_prop_ro("held_bytes", &Recorder::held_bytes);
}

}  // namespace fieldmark::python
