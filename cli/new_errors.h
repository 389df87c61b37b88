// The list "errors since this version" of a verdict, as `verdict` and `status` print it.
#pragma once

#include <boost/json/object.hpp>

namespace fieldmark::cli {

// Nothing when there are none.
void PrintNewErrors(const boost::json::object& verdict);

}  // namespace fieldmark::cli
