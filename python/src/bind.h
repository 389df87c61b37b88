// One function a family, called once when the extension is imported, with the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <string_view>

#include "fieldmark/base/hash.h"
#include "fieldmark/base/result.h"

namespace fieldmark::python {

void BindRecorder(nanobind::module_& module);
void BindExchange(nanobind::module_& module);
void BindOutbox(nanobind::module_& module);
void BindBatch(nanobind::module_& module);
void BindProfile(nanobind::module_& module);

// Raises the Python exception that belongs to the error's code. Needs the GIL.
[[noreturn]] void Raise(const Error& error);

// The value, or its error as an exception. Needs the GIL.
template <class T>
T OrRaise(Result<T> result) {
  if (!result.ok()) Raise(result.error());
  return std::move(result).value();
}

// A view of the bytes object's own memory: valid while the caller's arguments are. Needs the GIL.
inline std::string_view View(const nanobind::bytes& bytes) { return {bytes.c_str(), bytes.size()}; }

}  // namespace fieldmark::python
