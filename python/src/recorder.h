// The worker's recorder as Python holds it: owners of bodies are Python's bytes.
#pragma once

#include <Python.h>

#include "python/worker/worker_recorder.h"

namespace fieldmark::python {

class Recorder : public worker::WorkerRecorder {
 public:
  using WorkerRecorder::WorkerRecorder;
  ~Recorder() {
    if (is_inherited()) return;
    Close(std::chrono::milliseconds(0));
    LetGoFinished();
  }

  // Of bodies that were recorded beside. Needs the GIL.
  void LetGoFinished() {
    if (!has_finished()) return;
    for (const worker::KeptBody& body : TakeFinished()) {
      for (void* owner : body.owners) Py_DECREF(static_cast<PyObject*>(owner));
    }
  }
};

}  // namespace fieldmark::python
