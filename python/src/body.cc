#include "body.h"

#include <algorithm>
#include <optional>

#include "fieldmark/base/limits.h"
#include "headers.h"
#include "python/worker/zstd_body.h"
#include "python_object.h"

namespace fieldmark::python {
namespace {

using bucket::BodyState;
using worker::WorkerRecorder;

constexpr size_t kBodyBytesMax = Limits{}.body_bytes_max;

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// `application/json` and what says it is JSON by its suffix; streams of many documents are not one.
bool IsJson(std::string_view content_type) {
  const std::string_view essence = Trimmed(content_type.substr(0, content_type.find(';')));
  if (IsIgnoringCase(essence, "application/json") || IsIgnoringCase(essence, "text/json")) return true;
  constexpr std::string_view kKind = "application/", kSuffix = "+json";
  return essence.size() >= kKind.size() + kSuffix.size() &&
         IsIgnoringCase(essence.substr(0, kKind.size()), kKind) &&
         IsIgnoringCase(essence.substr(essence.size() - kSuffix.size()), kSuffix);
}

Coding CodingOf(std::string_view encoding) {
  if (IsIgnoringCase(encoding, "gzip") || IsIgnoringCase(encoding, "x-gzip") ||
      IsIgnoringCase(encoding, "deflate"))
    return Coding::kZlib;
  return IsIgnoringCase(encoding, "zstd") ? Coding::kZstd : Coding::kNone;
}

struct BodyHeaders {
  std::string_view content_type;
  std::string_view encoding;
};

// The last of each name, as servers have it.
BodyHeaders HeadersOf(PyObject* headers) {
  BodyHeaders found;
  ForEachHeader(headers, [&](std::string_view name, std::string_view value) {
    if (IsIgnoringCase(name, "content-type")) found.content_type = value;
    if (IsIgnoringCase(name, "content-encoding")) found.encoding = value;
  });
  return found;
}

}  // namespace

void PassingBody::Begin(bool wanted, bool sampled, PyObject* headers) {
  begun = true;
  if (!wanted) return;
  const BodyHeaders found = HeadersOf(headers);
  const std::string_view encoding = Trimmed(found.encoding);
  coding = CodingOf(encoding);
  if (!IsJson(found.content_type)) {
    state = BodyState::kNotJson;
  } else {
    const bool readable = coding != Coding::kNone || encoding.empty() || IsIgnoringCase(encoding, "identity");
    state = readable ? BodyState::kCaptured : BodyState::kCompressed;
    if (readable && !sampled) state = BodyState::kNotSampled;
  }
}

bool PassingBody::Add(PyObject* chunk, WorkerRecorder& recorder) {
  const Py_ssize_t length = PyObject_Size(chunk);
  if (length < 0) return false;
  const auto size = static_cast<size_t>(length);
  wire_bytes += size;
  if (state != BodyState::kCaptured) return true;
  if (wire_bytes > kBodyBytesMax || !recorder.Hold(size)) {
    Skip(recorder);
    return true;
  }
  held_bytes += size;
  Owned piece = PyBytes_CheckExact(chunk) ? Owned::Of(chunk) : Owned(PyBytes_FromObject(chunk));
  if (!piece) return false;
  if (first == nullptr) {
    first = piece.release();
    return true;
  }
  if (rest == nullptr) rest = PyList_New(0);
  return rest != nullptr && PyList_Append(rest, piece.get()) == 0;
}

void PassingBody::Skip(WorkerRecorder& recorder) {
  if (state == BodyState::kCaptured) state = BodyState::kNotCaptured;
  Release(recorder);
}

bool PassingBody::AtEnd(bool complete, std::string& joined, bucket::Body& body,
                        std::list<worker::KeptBody>& large) {
  if (state == BodyState::kCaptured && !complete) state = BodyState::kNotCaptured;
  body = {state, {}, wire_bytes};
  if (state != BodyState::kCaptured) return true;
  if (coding == Coding::kNone && held_bytes > worker::kCopiedBodyBytesMax) {
    large.push_back(MovedOut());
    body.state = BodyState::kNone;
    return true;
  }
  std::string_view content = Content(joined);
  if (coding != Coding::kNone && !Unpack(joined, content)) return false;
  if (content.size() <= worker::kCopiedBodyBytesMax) {
    body = {state, content, wire_bytes};
  } else {
    large.push_back({.wire_bytes = wire_bytes, .joined = std::move(joined)});
    body.state = BodyState::kNone;
  }
  return true;
}

std::string_view PassingBody::Content(std::string& joined) const {
  if (first == nullptr) return {};
  if (rest == nullptr) return BytesOf(first);
  joined.reserve(held_bytes);
  joined.append(BytesOf(first));
  for (Py_ssize_t i = 0; i < PyList_Size(rest); ++i) joined.append(BytesOf(PyList_GetItem(rest, i)));
  return joined;
}

bool PassingBody::Unpack(std::string& joined, std::string_view& content) {
  if (coding == Coding::kZstd) {
    std::optional<std::string> unpacked = worker::UnpackZstdBody(content);
    if (!unpacked) state = BodyState::kCompressed;
    joined = std::move(unpacked).value_or(std::string());
    content = joined;
    return true;
  }
  const Owned module(PyImport_ImportModule("fieldmark.bodies"));
  const Owned whole(PyBytes_FromStringAndSize(content.data(), static_cast<Py_ssize_t>(content.size())));
  if (!module || !whole) return false;
  const Owned unpacked(PyObject_CallMethod(module.get(), "unpacked", "O", whole.get()));
  if (!unpacked) return false;
  if (unpacked.get() == Py_None) state = BodyState::kCompressed;
  joined = BytesOf(unpacked.get());
  content = joined;
  return true;
}

worker::KeptBody PassingBody::MovedOut() {
  worker::KeptBody large{.wire_bytes = wire_bytes};
  const auto move = [&](PyObject* piece) {
    large.owners.push_back(Py_NewRef(piece));
    large.pieces.push_back(BytesOf(piece));
  };
  move(first);
  for (Py_ssize_t i = 0; rest != nullptr && i < PyList_Size(rest); ++i) move(PyList_GetItem(rest, i));
  large.held_bytes = std::exchange(held_bytes, 0);
  return large;
}

void PassingBody::Release(WorkerRecorder& recorder) {
  recorder.Release(std::exchange(held_bytes, 0));
  Py_CLEAR(first);
  Py_CLEAR(rest);
}

}  // namespace fieldmark::python
