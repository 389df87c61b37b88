// Pass: what the application awaits where the server's own awaitable should be watched to its end. Forwards
// everything and looks like the server's coroutine to those who ask.
#pragma once

#include <Python.h>

namespace fieldmark::python {

// Called with what the awaited returned. False with an exception when that must not pass unseen.
using AtReturn = bool (*)(PyObject* watcher, PyObject* value);

// Steals `awaitable`. Null with an exception when there is no memory.
PyObject* NewPass(PyObject* watcher, PyObject* awaitable, AtReturn at_return);

// Makes the type, once. False with an exception when it failed.
bool PreparePass();

}  // namespace fieldmark::python
