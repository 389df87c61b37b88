#include "pass.h"

#include <structmember.h>

#include "python_object.h"

namespace fieldmark::python {
namespace {

struct Pass {
  PyObject_HEAD PyObject* watcher;
  PyObject* awaitable;
  PyObject* iterator;  // the awaitable's, from the first step on
  AtReturn at_return;
};

PyTypeObject* pass_type;
PyTypeObject *coroutine_type, *generator_type;
PyObject *name_throw, *name_close, *name_await, *name_value;

Pass* AsPass(PyObject* self) { return reinterpret_cast<Pass*>(self); }

// As `await` does: a coroutine is its own iterator, anything else says which.
bool HasIterator(Pass* pass) {
  if (pass->iterator != nullptr) return true;
  const PyTypeObject* type = Py_TYPE(pass->awaitable);
  if (type == coroutine_type || type == generator_type) {
    pass->iterator = Py_NewRef(pass->awaitable);
  } else {
    pass->iterator = PyObject_CallMethodObjArgs(pass->awaitable, name_await, nullptr);
  }
  return pass->iterator != nullptr;
}

PySendResult Step(PyObject* self, PyObject* value, PyObject** result) {
  Pass* pass = AsPass(self);
  *result = nullptr;
  if (!HasIterator(pass)) return PYGEN_ERROR;
  const PySendResult outcome = PyIter_Send(pass->iterator, value, result);
  if (outcome == PYGEN_RETURN && !pass->at_return(pass->watcher, *result)) {
    Py_CLEAR(*result);
    return PYGEN_ERROR;
  }
  return outcome;
}

// A step's outcome as methods have it, who return by StopIteration.
PyObject* Send(PyObject* self, PyObject* value) {
  PyObject* result = nullptr;
  if (Step(self, value, &result) != PYGEN_RETURN) return result;
  const Owned returned(result);
  const Owned stop(CallWith(PyExc_StopIteration, returned.get()));
  if (stop) PyErr_SetObject(PyExc_StopIteration, stop.get());
  return nullptr;
}

PyObject* Next(PyObject* self) { return Send(self, Py_None); }

// What `yield from` does for an iterator that takes no exceptions.
PyObject* RaiseGiven(PyObject* arguments) {
  PyErr_Clear();
  PyObject* first = PyTuple_GetItem(arguments, 0);
  if (first == nullptr) return nullptr;
  if (PyExceptionInstance_Check(first)) {
    PyErr_SetObject(PyExceptionInstance_Class(first), first);
  } else {
    PyErr_SetObject(first, PyTuple_Size(arguments) > 1 ? PyTuple_GetItem(arguments, 1) : nullptr);
  }
  return nullptr;
}

PyObject* Throw(PyObject* self, PyObject* arguments) {
  Pass* pass = AsPass(self);
  if (!HasIterator(pass)) return nullptr;
  const Owned method(PyObject_GetAttr(pass->iterator, name_throw));
  if (!method) return RaiseGiven(arguments);
  PyObject* yielded = PyObject_CallObject(method.get(), arguments);
  if (yielded != nullptr || !PyErr_ExceptionMatches(PyExc_StopIteration)) return yielded;
  Owned stop = TakeRaised();
  const Owned returned(PyObject_GetAttr(stop.get(), name_value));
  if (returned && pass->at_return(pass->watcher, returned.get())) Restore(std::move(stop));
  return nullptr;
}

PyObject* Close(PyObject* self, PyObject*) {
  Pass* pass = AsPass(self);
  if (!HasIterator(pass)) return nullptr;
  if (PyObject_HasAttr(pass->iterator, name_close)) {
    return PyObject_CallMethodObjArgs(pass->iterator, name_close, nullptr);
  }
  Py_RETURN_NONE;
}

PyObject* Self(PyObject* self) { return Py_NewRef(self); }
PyObject* Await(PyObject* self, PyObject*) { return Py_NewRef(self); }

// What tools ask of a coroutine, the server's answers.
PyObject* OfAwaitable(PyObject* self, void* name) {
  return PyObject_GetAttrString(AsPass(self)->awaitable, static_cast<const char*>(name));
}

int Traverse(PyObject* self, visitproc visit, void* arg) {
  Pass* pass = AsPass(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(pass->watcher);
  Py_VISIT(pass->awaitable);
  Py_VISIT(pass->iterator);
  return 0;
}

// No tp_clear: the parts of every cycle through it have one.
void Dealloc(PyObject* self) {
  Pass* pass = AsPass(self);
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Py_XDECREF(pass->iterator);
  Py_XDECREF(pass->awaitable);
  Py_XDECREF(pass->watcher);
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

PyMethodDef methods[] = {{"send", Send, METH_O, nullptr},
                         {"throw", Throw, METH_VARARGS, nullptr},
                         {"close", Close, METH_NOARGS, nullptr},
                         {"__await__", Await, METH_NOARGS, nullptr},
                         {nullptr, nullptr, 0, nullptr}};

#define FIELDMARK_OF_AWAITABLE(name) \
  { #name, OfAwaitable, nullptr, nullptr, const_cast<char*>(#name) }
PyGetSetDef attributes[] = {FIELDMARK_OF_AWAITABLE(cr_await),
                            FIELDMARK_OF_AWAITABLE(cr_code),
                            FIELDMARK_OF_AWAITABLE(cr_frame),
                            FIELDMARK_OF_AWAITABLE(cr_origin),
                            FIELDMARK_OF_AWAITABLE(cr_running),
                            FIELDMARK_OF_AWAITABLE(cr_suspended),
                            FIELDMARK_OF_AWAITABLE(__name__),
                            FIELDMARK_OF_AWAITABLE(__qualname__),
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};
#undef FIELDMARK_OF_AWAITABLE

PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(Dealloc)},
                       {Py_tp_traverse, reinterpret_cast<void*>(Traverse)},
                       {Py_tp_iter, reinterpret_cast<void*>(Self)},
                       {Py_tp_iternext, reinterpret_cast<void*>(Next)},
                       {Py_am_await, reinterpret_cast<void*>(Self)},
                       {Py_am_send, reinterpret_cast<void*>(Step)},
                       {Py_tp_methods, methods},
                       {Py_tp_getset, attributes},
                       {0, nullptr}};

PyType_Spec spec = {"fieldmark._core.Pass", sizeof(Pass), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

PyTypeObject* TypeNamed(PyObject* module, const char* name) {
  return reinterpret_cast<PyTypeObject*>(PyObject_GetAttrString(module, name));
}

}  // namespace

PyObject* NewPass(PyObject* watcher, PyObject* awaitable, AtReturn at_return) {
  auto* pass = reinterpret_cast<Pass*>(PyType_GenericAlloc(pass_type, 0));
  if (pass == nullptr) {
    Py_DECREF(awaitable);
    return nullptr;
  }
  pass->watcher = Py_NewRef(watcher);
  pass->awaitable = awaitable;
  pass->at_return = at_return;
  return reinterpret_cast<PyObject*>(pass);
}

bool PreparePass() {
  const Owned types(PyImport_ImportModule("types"));
  if (!types) return false;
  coroutine_type = TypeNamed(types.get(), "CoroutineType");
  generator_type = TypeNamed(types.get(), "GeneratorType");
  name_throw = PyUnicode_InternFromString("throw");
  name_close = PyUnicode_InternFromString("close");
  name_await = PyUnicode_InternFromString("__await__");
  name_value = PyUnicode_InternFromString("value");
  pass_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  return coroutine_type && generator_type && name_throw && name_close && name_await && name_value &&
         pass_type;
}

}  // namespace fieldmark::python
