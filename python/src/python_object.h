// The few things that the exchange needs of Python's own interface, in its limited form. All need the GIL.
#pragma once

#include <Python.h>

#include <string_view>
#include <utility>

namespace fieldmark::python {

// A reference that is given back at the end of its scope.
class Owned {
 public:
  Owned() = default;
  explicit Owned(PyObject* object) : object_(object) {}
  Owned(Owned&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Owned() { Py_XDECREF(object_); }
  static Owned Of(PyObject* borrowed) { return Owned(Py_XNewRef(borrowed)); }

  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_ = nullptr;
};

// Takes the exception that is set. Null when none is.
inline Owned TakeRaised() {
#if PY_VERSION_HEX >= 0x030C0000
  return Owned(PyErr_GetRaisedException());
#else
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  if (type == nullptr) return {};
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_DECREF(type);
  Py_XDECREF(traceback);
  return Owned(value);
#endif
}

// Raises it again.
inline void Restore(Owned exception) {
#if PY_VERSION_HEX >= 0x030C0000
  PyErr_SetRaisedException(exception.release());
#else
  PyObject* type = reinterpret_cast<PyObject*>(Py_TYPE(exception.get()));
  PyObject* traceback = PyException_GetTraceback(exception.get());
  PyErr_Restore(Py_NewRef(type), exception.release(), traceback);
#endif
}

inline PyObject* CallWith(PyObject* function, PyObject* argument) {
  PyObject* arguments[] = {nullptr, argument};
  return PyObject_Vectorcall(function, arguments + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
}

// A mapping's value of that key. Null without an exception when it has none; null with one when it failed.
inline Owned Lookup(PyObject* mapping, PyObject* key) {
  if (PyDict_CheckExact(mapping)) return Owned::Of(PyDict_GetItemWithError(mapping, key));
  PyObject* value = PyObject_GetItem(mapping, key);
  if (value == nullptr && PyErr_ExceptionMatches(PyExc_KeyError)) PyErr_Clear();
  return Owned(value);
}

// Empty for what is not text, and for text that UTF-8 does not know. Valid while the object is.
inline std::string_view TextOf(PyObject* object) {
  if (!PyUnicode_Check(object)) return {};
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(object, &size);
  if (text == nullptr) PyErr_Clear();
  return text == nullptr ? std::string_view{} : std::string_view(text, static_cast<size_t>(size));
}

// Empty for what is not bytes. Valid while the object is.
inline std::string_view BytesOf(PyObject* object) {
  if (!PyBytes_Check(object)) return {};
  return {PyBytes_AsString(object), static_cast<size_t>(PyBytes_Size(object))};
}

}  // namespace fieldmark::python
