// fieldmark._core: the recorder and the outbox for Python. It knows bytes, numbers and names; docstrings and
// everything that talks to the world live in the package around it.
#include <nanobind/nanobind.h>

#include "bind.h"

NB_MODULE(_core, module) {
  fieldmark::python::BindRecorder(module);
  fieldmark::python::BindOutbox(module);
  fieldmark::python::BindBatch(module);
}
