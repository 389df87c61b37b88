#include <Python.h>

#include <string>

#include "bind.h"

namespace fieldmark::python {
namespace {

// The one table. Builtin exceptions only: a caller should not need ours to handle them.
PyObject* ExceptionOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kDataLoss:
      return PyExc_ValueError;
    case ErrorCode::kUnsupported:
      return PyExc_NotImplementedError;
    case ErrorCode::kTooLarge:
      return PyExc_OverflowError;
    case ErrorCode::kNotFound:
      return PyExc_LookupError;
    case ErrorCode::kPermissionDenied:
      return PyExc_PermissionError;
    case ErrorCode::kUnavailable:
      return PyExc_ConnectionError;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kInternal:
      return PyExc_RuntimeError;
  }
  return PyExc_RuntimeError;
}

}  // namespace

void Raise(const Error& error) {
  PyErr_SetString(ExceptionOf(error.code), error.message.c_str());
  throw nanobind::python_error();
}

}  // namespace fieldmark::python
