// The name of the route that served a request. Needs the GIL.
#pragma once

#include "python_object.h"

namespace fieldmark::python {

// What fieldmark.routes.route_of(scope) says, remembered by the identity of what it was named by. A null
// result has an exception set.
Owned RouteName(PyObject* scope);

// Once, when the extension is imported.
bool PrepareRouteNames();

}  // namespace fieldmark::python
