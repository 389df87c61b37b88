// One request and its response, as they pass between the server and the application. No Python of ours runs
// for it but where something is seen for the first time or has failed.
//
//   exchange = Exchange(agent, scope, receive, send)
//   await app(scope, exchange.receive, exchange.send)      what these return is awaited in place of the
//   server's exchange.finish(error or None)                         records it, once; never raises an
//   Exception
//
// A fault of ours goes to agent.fault(error), and the message goes on its way. Messages pass as the very same
// objects, in the same calls.
#include <nanobind/nanobind.h>

#include <ctime>
#include <exception>
#include <list>
#include <optional>
#include <string>

#include "bind.h"
#include "body.h"
#include "headers.h"
#include "pass.h"
#include "python_object.h"
#include "recorder.h"
#include "route_name.h"

namespace fieldmark::python {
namespace {

using worker::KeptBody;

struct Exchange {
  PyObject_HEAD PyObject* agent;  // told of faults
  PyObject* recorder_object;      // keeps the recorder
  Recorder* recorder;
  PyObject* scope;  // null when finished
  PyObject* receive;
  PyObject* send;
  PyObject* response_headers;
  int64_t started_ns;
  int64_t first_byte_ns;  // 0: not yet
  int64_t last_byte_ns;
  PassingBody request;
  PassingBody response;
  uint16_t status;  // 0: no response was started
  bool cancelled;
  bool request_complete;
  bool response_complete;
  bool is_sampled;
};

PyObject* cancelled_error;

// Interned, as the keys of messages and scopes are: found by identity.
struct Names {
  PyObject *agent_bodies, *agent_fault, *agent_filter, *agent_recorder, *body, *headers, *leaves_out, *method,
      *more_body, *status, *type;
  PyObject *http_disconnect, *http_request, *response_body, *response_pathsend, *response_start;
} names;

Exchange* AsExchange(PyObject* self) { return reinterpret_cast<Exchange*>(self); }

int64_t Nanoseconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}
int64_t MonotonicNs() { return Nanoseconds(CLOCK_MONOTONIC); }

double MillisecondsSince(int64_t start_ns, int64_t end_ns) {
  return end_ns == 0 ? -1 : static_cast<double>(end_ns - start_ns) / 1e6;
}

// Tells the agent of the exception that is set. False, and it stays set, when it is not one that we may keep
// from the application: an interrupt that came while Python code of ours ran.
bool TellFault(PyObject* agent) {
  Owned error = TakeRaised();
  if (!error) return true;
  if (!PyObject_TypeCheck(error.get(), reinterpret_cast<PyTypeObject*>(PyExc_Exception))) {
    Restore(std::move(error));
    return false;
  }
  const Owned told(PyObject_CallMethodObjArgs(agent, names.agent_fault, error.get(), nullptr));
  if (!told) PyErr_Clear();
  return true;
}

// Whether `text` is that interned string, or one that equals it.
bool Is(PyObject* text, PyObject* interned) {
  if (text == interned) return true;
  return PyUnicode_Check(text) && PyUnicode_Compare(text, interned) == 0;
}

// 1 or 0 as Python takes a value for true; `missing` for want of the key; -1 with an exception.
int Truth(PyObject* mapping, PyObject* key, int missing) {
  const Owned value = Lookup(mapping, key);
  if (!value) return PyErr_Occurred() ? -1 : missing;
  return PyObject_IsTrue(value.get());
}

// The type of a message, or of a scope. Null with an exception when it has none.
Owned KindOf(PyObject* message) {
  Owned kind = Lookup(message, names.type);
  if (!kind && !PyErr_Occurred()) PyErr_SetObject(PyExc_KeyError, names.type);
  return kind;
}

// The following Look functions are false with an exception when they failed.

bool LookAtPiece(Exchange* exchange, PassingBody& body, PyObject* message, PyObject* headers) {
  const Owned chunk = Lookup(message, names.body);
  if (!chunk) return !PyErr_Occurred();
  const int any = PyObject_IsTrue(chunk.get());
  if (any <= 0) return any == 0;
  if (!body.begun) {
    const Owned bodies(PyObject_GetAttr(exchange->agent, names.agent_bodies));
    if (!bodies) return false;
    body.Begin(PyObject_IsTrue(bodies.get()) == 1, exchange->is_sampled, headers);
  }
  return body.Add(chunk.get(), *exchange->recorder);
}

bool LookAtReceived(Exchange* exchange, PyObject* message) {
  const Owned kind = KindOf(message);
  if (!kind) return false;
  if (Is(kind.get(), names.http_request)) {
    const Owned headers = Lookup(exchange->scope, names.headers);
    if (!headers && PyErr_Occurred()) return false;
    if (!LookAtPiece(exchange, exchange->request, message, headers.get())) return false;
    const int more = Truth(message, names.more_body, 0);
    exchange->request_complete = more == 0;
    return more >= 0;
  }
  if (Is(kind.get(), names.http_disconnect) && !exchange->response_complete) exchange->cancelled = true;
  return true;
}

bool LookAtStart(Exchange* exchange, PyObject* message) {
  exchange->first_byte_ns = MonotonicNs();
  const Owned former(std::exchange(exchange->response_headers, Lookup(message, names.headers).release()));
  const Owned status = Lookup(message, names.status);
  if (!status) {
    if (!PyErr_Occurred()) PyErr_SetObject(PyExc_KeyError, names.status);
    return false;
  }
  const long code = PyLong_AsLong(status.get());
  if (code < 0 || code > UINT16_MAX) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "reading a status: found no number that is one");
    return false;
  }
  exchange->status = static_cast<uint16_t>(code);
  return !PyErr_Occurred();
}

// A HEAD's body, of which the server sends nothing on.
bool IsOfHead(Exchange* exchange) {
  const Owned method = Lookup(exchange->scope, names.method);
  return method && TextOf(method.get()) == "HEAD";
}

// `is_last`: whether the response ends with the message.
bool LookAtSent(Exchange* exchange, PyObject* message, bool& is_last) {
  const Owned kind = KindOf(message);
  if (!kind) return false;
  if (Is(kind.get(), names.response_start)) return LookAtStart(exchange, message);
  if (Is(kind.get(), names.response_body)) {
    const int more = Truth(message, names.more_body, 0);
    if (more < 0) return false;
    is_last = more == 0;
    // Read before it is passed on: a layer outside of us may compress it in place.
    return IsOfHead(exchange) ||
           LookAtPiece(exchange, exchange->response, message, exchange->response_headers);
  }
  if (Is(kind.get(), names.response_pathsend)) {
    is_last = true;
    const Owned bodies(PyObject_GetAttr(exchange->agent, names.agent_bodies));
    if (!bodies) return false;
    exchange->response.Begin(PyObject_IsTrue(bodies.get()) == 1, exchange->is_sampled,
                             exchange->response_headers);
    exchange->response.Skip(*exchange->recorder);
  }
  return true;
}

// ---------------------------------------------------------------- what the application calls

bool AtReceived(PyObject* self, PyObject* message) {
  Exchange* exchange = AsExchange(self);
  return exchange->scope == nullptr || LookAtReceived(exchange, message) || TellFault(exchange->agent);
}

bool AtSentLast(PyObject* self, PyObject*) {
  Exchange* exchange = AsExchange(self);
  if (!exchange->cancelled) {  // else a layer ends the response for a client that is gone
    exchange->last_byte_ns = MonotonicNs();
    exchange->response_complete = true;
  }
  return true;
}

PyObject* Receive(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
  PyObject* awaitable =
      PyObject_Vectorcall(AsExchange(self)->receive, arguments, static_cast<size_t>(count), keywords);
  return awaitable == nullptr ? nullptr : NewPass(self, awaitable, AtReceived);
}

// What the server's own send returns, except for the end of the response, whose time is taken afterwards.
PyObject* Send(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
  Exchange* exchange = AsExchange(self);
  bool is_last = false;
  const Py_ssize_t given = count + (keywords == nullptr ? 0 : PyTuple_Size(keywords));
  if (given == 1 && exchange->scope != nullptr && !LookAtSent(exchange, arguments[0], is_last) &&
      !TellFault(exchange->agent)) {
    return nullptr;
  }
  PyObject* awaitable = PyObject_Vectorcall(exchange->send, arguments, static_cast<size_t>(count), keywords);
  return awaitable == nullptr || !is_last ? awaitable : NewPass(self, awaitable, AtSentLast);
}

// ---------------------------------------------------------------- at the end

// The type's name of an error that is no cancellation. Null with an exception when it failed.
Owned TypeName(PyObject* error) {
  const Owned module(PyImport_ImportModule("fieldmark.errors"));
  return Owned(module ? PyObject_CallMethod(module.get(), "type_name", "O", error) : nullptr);
}

// What the application's end says of the exchange.
bool LookAtError(Exchange* exchange, PyObject* error, Owned& exception) {
  if (error == Py_None) return true;
  const int is_cancelled = PyObject_IsInstance(error, cancelled_error);
  if (is_cancelled < 0) return false;
  if (is_cancelled == 1) {
    exchange->cancelled = true;
    return true;
  }
  if (exchange->status == 0 && PyObject_IsInstance(error, PyExc_Exception) == 1) {
    exchange->status = 500;  // what every server answers for an application that raised
  }
  exception = TypeName(error);
  return static_cast<bool>(exception);
}

// What the error says was wrong with the data; None for most. Null with an exception when it failed.
Owned InvalidBy(PyObject* error) {
  const Owned module(PyImport_ImportModule("fieldmark.errors"));
  return Owned(module ? PyObject_CallMethod(module.get(), "validation_errors", "O", error) : nullptr);
}

// By which the request can be found elsewhere. Never fails: a header that nobody can read names no trace.
sketch::TraceId TraceOf(Exchange* exchange) {
  const Owned headers = Lookup(exchange->scope, names.headers);
  if (!headers) PyErr_Clear();
  std::optional<sketch::TraceId> trace;
  ForEachHeader(headers.get(), [&](std::string_view name, std::string_view value) {
    if (IsIgnoringCase(name, "traceparent")) trace = sketch::TraceIdOf(value);
  });
  return trace.value_or(sketch::TraceId{});
}

// 1 when the route is not to be counted; -1 with an exception.
int IsLeftOut(Exchange* exchange, PyObject* route) {
  const Owned filter(PyObject_GetAttr(exchange->agent, names.agent_filter));
  if (!filter) return -1;
  if (filter.get() == Py_None) return 0;
  const Owned answer(PyObject_CallMethodObjArgs(filter.get(), names.leaves_out, route, nullptr));
  return answer ? PyObject_IsTrue(answer.get()) : -1;
}

// What nobody took.
void LetGo(Exchange* exchange, const std::list<KeptBody>& large) {
  for (const KeptBody& body : large) {
    exchange->recorder->Release(body.held_bytes);
    for (void* owner : body.owners) Py_DECREF(static_cast<PyObject*>(owner));
  }
}

// False with an exception when it failed.
bool Record(Exchange* exchange, PyObject* error) {
  const int64_t returned_ns = MonotonicNs();
  Owned exception, invalid;
  if (!LookAtError(exchange, error, exception)) return false;
  // An exception is the application's own code: where it fails the request still counts.
  if (exception && !(invalid = InvalidBy(error)) && !TellFault(exchange->agent)) return false;
  const Owned route = RouteName(exchange->scope);
  if (!route) return false;
  const int left_out = IsLeftOut(exchange, route.get());
  if (left_out != 0) return left_out == 1;
  bucket::RequestEvent event{
      .route = TextOf(route.get()),
      .status = exchange->status,
      .ended_unix_ms = Nanoseconds(CLOCK_REALTIME) / 1'000'000,
      .first_byte_ms = MillisecondsSince(exchange->started_ns, exchange->first_byte_ns),
      .last_byte_ms = MillisecondsSince(exchange->started_ns, exchange->last_byte_ns),
      .app_return_ms = MillisecondsSince(exchange->started_ns, returned_ns),
      .cancelled = exchange->cancelled,
      .exception = exception ? TextOf(exception.get()) : std::string_view{},
      .trace = exception || exchange->status >= 400 ? TraceOf(exchange) : sketch::TraceId{},
      .invalid = invalid ? BytesOf(invalid.get()) : std::string_view{}};
  std::string request_joined, response_joined;
  std::list<KeptBody> large;
  bool ended = exchange->request.AtEnd(exchange->request_complete, request_joined, event.request, large);
  const size_t of_request = large.size();
  // What a 206 brings is a part of a document, however complete the part.
  const bool is_whole = exchange->response_complete && exchange->status != 206;
  ended = ended && exchange->response.AtEnd(is_whole, response_joined, event.response, large);
  if (large.size() > of_request) large.back().response_status = event.status;
  if (ended) exchange->recorder->RecordRequest(event, large);
  LetGo(exchange, large);
  exchange->recorder->LetGoFinished();
  return ended;
}

void LetGo(Exchange* exchange) {
  exchange->request.Release(*exchange->recorder);
  exchange->response.Release(*exchange->recorder);
  Py_CLEAR(exchange->scope);
  Py_CLEAR(exchange->response_headers);
}

PyObject* Finish(PyObject* self, PyObject* error) {
  Exchange* exchange = AsExchange(self);
  if (exchange->scope == nullptr) Py_RETURN_NONE;
  bool recorded = false;
  try {
    recorded = Record(exchange, error);
  } catch (const std::exception& fault) {
    PyErr_SetString(PyExc_RuntimeError, fault.what());
  }
  LetGo(exchange);
  if (!recorded && !TellFault(exchange->agent)) return nullptr;
  Py_RETURN_NONE;
}

// ---------------------------------------------------------------- the type

PyObject* New(PyTypeObject* type, PyObject* arguments, PyObject*) {
  PyObject *agent, *scope, *receive, *send;
  if (!PyArg_UnpackTuple(arguments, "Exchange", 4, 4, &agent, &scope, &receive, &send)) return nullptr;
  Owned recorder(PyObject_GetAttr(agent, names.agent_recorder));
  if (!recorder) return nullptr;
  const nanobind::handle handle(recorder.get());
  if (!nanobind::isinstance<Recorder>(handle)) {
    PyErr_SetString(PyExc_TypeError,
                    "beginning an exchange: the agent's recorder is none of the extension's");
    return nullptr;
  }
  auto* exchange = reinterpret_cast<Exchange*>(PyType_GenericAlloc(type, 0));
  if (exchange == nullptr) return nullptr;
  exchange->started_ns = MonotonicNs();
  exchange->recorder = nanobind::inst_ptr<Recorder>(handle);
  exchange->recorder_object = recorder.release();
  exchange->is_sampled = exchange->recorder->IsSampled();
  exchange->agent = Py_NewRef(agent);
  exchange->scope = Py_NewRef(scope);
  exchange->receive = Py_NewRef(receive);
  exchange->send = Py_NewRef(send);
  return reinterpret_cast<PyObject*>(exchange);
}

int Traverse(PyObject* self, visitproc visit, void* arg) {
  Exchange* exchange = AsExchange(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(exchange->agent);
  Py_VISIT(exchange->recorder_object);
  Py_VISIT(exchange->scope);
  Py_VISIT(exchange->receive);
  Py_VISIT(exchange->send);
  Py_VISIT(exchange->response_headers);
  return 0;
}

// Never finished, and part of a cycle. What it calls stays: another part of the cycle may yet call it.
int Clear(PyObject* self) {
  LetGo(AsExchange(self));
  return 0;
}

void Dealloc(PyObject* self) {
  Exchange* exchange = AsExchange(self);
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  LetGo(exchange);
  Py_DECREF(exchange->agent);
  Py_DECREF(exchange->receive);
  Py_DECREF(exchange->send);
  Py_DECREF(exchange->recorder_object);
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

template <class Function>
PyCFunction AsMethod(Function function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {{"receive", AsMethod(Receive), METH_FASTCALL | METH_KEYWORDS, nullptr},
                         {"send", AsMethod(Send), METH_FASTCALL | METH_KEYWORDS, nullptr},
                         {"finish", Finish, METH_O, nullptr},
                         {nullptr, nullptr, 0, nullptr}};

PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(New)},
                       {Py_tp_dealloc, reinterpret_cast<void*>(Dealloc)},
                       {Py_tp_traverse, reinterpret_cast<void*>(Traverse)},
                       {Py_tp_clear, reinterpret_cast<void*>(Clear)},
                       {Py_tp_methods, methods},
                       {0, nullptr}};

PyType_Spec spec = {"fieldmark._core.Exchange", sizeof(Exchange), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                    slots};

bool PrepareNames() {
  const std::pair<PyObject**, const char*> all[] = {{&names.agent_bodies, "bodies"},
                                                    {&names.agent_fault, "fault"},
                                                    {&names.agent_filter, "filter"},
                                                    {&names.agent_recorder, "recorder"},
                                                    {&names.body, "body"},
                                                    {&names.headers, "headers"},
                                                    {&names.leaves_out, "leaves_out"},
                                                    {&names.method, "method"},
                                                    {&names.more_body, "more_body"},
                                                    {&names.status, "status"},
                                                    {&names.type, "type"},
                                                    {&names.http_disconnect, "http.disconnect"},
                                                    {&names.http_request, "http.request"},
                                                    {&names.response_body, "http.response.body"},
                                                    {&names.response_pathsend, "http.response.pathsend"},
                                                    {&names.response_start, "http.response.start"}};
  for (const auto& [name, text] : all) {
    *name = PyUnicode_InternFromString(text);
    if (*name == nullptr) return false;
  }
  return true;
}

}  // namespace

void BindExchange(nanobind::module_& module) {
  const Owned exceptions(PyImport_ImportModule("asyncio.exceptions"));
  if (!exceptions) throw nanobind::python_error();
  cancelled_error = PyObject_GetAttrString(exceptions.get(), "CancelledError");
  const Owned type(PyType_FromSpec(&spec));
  if (!cancelled_error || !type || !PrepareNames() || !PreparePass() || !PrepareRouteNames()) {
    throw nanobind::python_error();
  }
  module.attr("Exchange") = nanobind::handle(type.get());
}

}  // namespace fieldmark::python
