// A body on its way past: its pieces are kept, not copied, while they may be profiled. All need the GIL.
#pragma once

#include <Python.h>

#include <cstdint>
#include <list>
#include <string>

#include "fieldmark/bucket/recorder.h"
#include "python/worker/worker_recorder.h"

namespace fieldmark::python {

enum class Coding : uint8_t { kNone, kZlib, kZstd };

// Zeroes are a body of which nothing has passed yet.
struct PassingBody {
  bool begun;               // a piece of it has passed
  bucket::BodyState state;  // kNone before Begin
  Coding coding;            // to be undone at the end, of what is captured
  uint64_t wire_bytes;      // that passed
  size_t held_bytes;        // of the recorder's
  PyObject* first;          // bytes; most bodies come in one piece
  PyObject* rest;           // a list of the bytes that follow, or null

  // Decides by the headers, a list or tuple of pairs or null, what is to become of the body; nothing when
  // bodies are not `wanted`; sizes alone when the request is not `sampled`.
  void Begin(bool wanted, bool sampled, PyObject* headers);
  // False with an exception when it failed; the piece is then counted and not kept.
  bool Add(PyObject* chunk, worker::WorkerRecorder& recorder);
  // Not to be profiled after all.
  void Skip(worker::WorkerRecorder& recorder);
  // What came of it: in `joined` where it was packed or in pieces. A large one goes to the end of
  // `large` with what it holds, and `body` says its size alone. False with an exception when it failed.
  bool AtEnd(bool complete, std::string& joined, bucket::Body& body, std::list<worker::KeptBody>& large);
  // Lets go of what is kept.
  void Release(worker::WorkerRecorder& recorder);

 private:
  std::string_view Content(std::string& joined) const;
  // Sets `content`, in `joined`, or the state. False with an exception.
  bool Unpack(std::string& joined, std::string_view& content);
  worker::KeptBody MovedOut();
};

}  // namespace fieldmark::python
