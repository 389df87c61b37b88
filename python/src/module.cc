// fieldmark._core: recorder, outbox and profile for Python. It knows bytes, numbers and names; docstrings and
// everything that talks to the world live in the package around it.
#include <nanobind/nanobind.h>

#include "bind.h"

NB_MODULE(_core, module) {
  // The sending thread lives as long as the interpreter and holds its recorder to the end: no news for a
  // host's operator.
  nanobind::set_leak_warnings(false);
  fieldmark::python::BindRecorder(module);
  fieldmark::python::BindOutbox(module);
  fieldmark::python::BindBatch(module);
  fieldmark::python::BindProfile(module);
  fieldmark::python::BindExchange(module);
}
