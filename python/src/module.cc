// fieldmark._core: recorder, outbox and profile for Python. It knows bytes, numbers and names; docstrings and
// everything that talks to the world live in the package around it.
#include <nanobind/nanobind.h>

#include "bind.h"

NB_MODULE(_core, module) {
  // A sending thread that is still waiting for a server at the end holds its recorder: no news for a host's
  // operator. Whoever asks for all warnings sees that nothing else stays.
  nanobind::set_leak_warnings(
      nanobind::cast<bool>(nanobind::module_::import_("sys").attr("flags").attr("dev_mode")));
  fieldmark::python::BindRecorder(module);
  fieldmark::python::BindOutbox(module);
  fieldmark::python::BindBatch(module);
  fieldmark::python::BindProfile(module);
  fieldmark::python::BindExchange(module);
}
