#include "route_name.h"

#include <cstdint>
#include <cstring>
#include <unordered_map>

namespace fieldmark::python {
namespace {

constexpr size_t kNamesMax = 4096;  // applications that make routes by the request exist

struct Key {
  PyObject* route;
  PyObject* context;  // newer FastAPI's, with the prefixes of the routers that include the route; may be null
  uint64_t method;

  bool operator==(const Key&) const = default;
};

struct KeyHash {
  size_t operator()(const Key& key) const {
    const auto mixed = reinterpret_cast<uintptr_t>(key.route) * 31 + reinterpret_cast<uintptr_t>(key.context);
    return (mixed ^ key.method) * 0x9E3779B97F4A7C15u;
  }
};

struct Known {
  PyObject* route_reference;    // weak: an application that is gone takes its names along,
  PyObject* context_reference;  // before another object takes the place of what named them; may be null
  PyObject* name;
};

// Never freed, as the interpreter may be gone by the time that statics are.
std::unordered_map<Key, Known, KeyHash>* names;
PyObject* forget;  // called when a referent goes
PyObject *key_route, *key_app_root_path, *key_fastapi, *key_context, *key_method;

// A method's letters as a number; 0 for what is longer than any that exists.
uint64_t MethodCode(PyObject* method) {
  const std::string_view text = method == nullptr ? std::string_view{} : TextOf(method);
  uint64_t code = 0;
  if (text.size() <= sizeof code) std::memcpy(&code, text.data(), text.size());
  return code;
}

Owned AskPython(PyObject* scope) {
  const Owned module(PyImport_ImportModule("fieldmark.routes"));
  if (!module) return {};
  Owned name(PyObject_CallMethod(module.get(), "route_of", "O", scope));
  if (name && !PyUnicode_Check(name.get())) {
    PyErr_SetString(PyExc_TypeError, "naming a route: found no text");
    return {};
  }
  return name;
}

// False when the name depends on more than what can be remembered, or with an exception.
bool KeyOf(PyObject* scope, Key& key) {
  if (!PyDict_CheckExact(scope)) return false;
  key.route = PyDict_GetItemWithError(scope, key_route);
  if (key.route == nullptr) return false;
  // What a mount adds lies in the scope alone.
  if (PyDict_GetItemWithError(scope, key_app_root_path) != nullptr) return false;
  PyObject* fastapi = PyDict_GetItemWithError(scope, key_fastapi);
  if (fastapi != nullptr && !PyDict_CheckExact(fastapi)) return false;
  key.context = fastapi == nullptr ? nullptr : PyDict_GetItemWithError(fastapi, key_context);
  if (key.context == Py_None) key.context = nullptr;
  key.method = MethodCode(PyDict_GetItemWithError(scope, key_method));
  return key.method != 0;
}

PyObject* Forget(PyObject*, PyObject* reference) {
  for (auto at = names->begin(); at != names->end();) {
    const Known known = at->second;
    if (known.route_reference != reference && known.context_reference != reference) {
      ++at;
      continue;
    }
    at = names->erase(at);
    Py_DECREF(known.route_reference);
    Py_XDECREF(known.context_reference);
    Py_DECREF(known.name);
  }
  Py_RETURN_NONE;
}

PyMethodDef forget_definition = {"forget", Forget, METH_O, nullptr};

// What has no weak references is asked for each time.
void Remember(const Key& key, PyObject* name) {
  if (names->size() >= kNamesMax) return;
  Owned route(PyWeakref_NewRef(key.route, forget));
  Owned context(route && key.context != nullptr ? PyWeakref_NewRef(key.context, forget) : nullptr);
  if (PyErr_Occurred()) return PyErr_Clear();
  names->emplace(key, Known{route.release(), context.release(), Py_NewRef(name)});
}

}  // namespace

Owned RouteName(PyObject* scope) {
  Key key{};
  if (!KeyOf(scope, key)) return PyErr_Occurred() ? Owned() : AskPython(scope);
  const auto known = names->find(key);
  if (known != names->end()) return Owned::Of(known->second.name);
  Owned name = AskPython(scope);
  if (name) Remember(key, name.get());
  return name;
}

bool PrepareRouteNames() {
  if (names == nullptr) names = new std::unordered_map<Key, Known, KeyHash>();
  forget = PyCFunction_New(&forget_definition, nullptr);
  key_route = PyUnicode_InternFromString("route");
  key_app_root_path = PyUnicode_InternFromString("app_root_path");
  key_fastapi = PyUnicode_InternFromString("fastapi");
  key_context = PyUnicode_InternFromString("effective_route_context");
  key_method = PyUnicode_InternFromString("method");
  return forget && key_route && key_app_root_path && key_fastapi && key_context && key_method;
}

}  // namespace fieldmark::python
