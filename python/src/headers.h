// Headers as ASGI has them: a list or tuple of pairs of bytes. All need the GIL.
#pragma once

#include <Python.h>
#include <strings.h>

#include <string_view>

#include "python_object.h"

namespace fieldmark::python {

// Whatever the case of its letters; `lower` has lower ones.
inline bool IsIgnoringCase(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && strncasecmp(text.data(), lower.data(), lower.size()) == 0;
}

// A list or a tuple; of anything else, null included, an empty one: reading an iterator would take it away
// from the server. Asks once what it is, since headers are read for every body.
class Sequence {
 public:
  explicit Sequence(PyObject* object)
      : object_(object),
        is_tuple_(object != nullptr && PyTuple_Check(object)),
        size_(is_tuple_                                   ? PyTuple_Size(object)
              : object != nullptr && PyList_Check(object) ? PyList_Size(object)
                                                          : 0) {}

  Py_ssize_t size() const { return size_; }
  PyObject* operator[](Py_ssize_t i) const {
    return is_tuple_ ? PyTuple_GetItem(object_, i) : PyList_GetItem(object_, i);
  }

 private:
  PyObject* object_;
  bool is_tuple_;
  Py_ssize_t size_;
};

// Calls visit(name, value) for each of `headers`, which may be null. The texts are valid while the headers
// are.
template <class Visit>
void ForEachHeader(PyObject* headers, Visit visit) {
  const Sequence pairs(headers);
  for (Py_ssize_t i = 0; i < pairs.size(); ++i) {
    const Sequence pair(pairs[i]);
    if (pair.size() == 2) visit(BytesOf(pair[0]), BytesOf(pair[1]));
  }
}

}  // namespace fieldmark::python
