#include "cli/new_errors.h"

#include <boost/json.hpp>
#include <cstdio>
#include <vector>

#include "cli/server_answers.h"
#include "cli/terminal.h"

namespace fieldmark::cli {

namespace json = boost::json;

void PrintNewErrors(const json::object& verdict) {
  const json::value* errors = verdict.if_contains("new_errors");
  if (errors == nullptr || !errors->is_array() || errors->get_array().empty()) return;
  std::vector<Row> rows;
  for (const json::value& one : errors->get_array()) {
    const json::object& error = one.as_object();
    rows.push_back(
        {{json::serialize(error.at("count")) + " ×", Printable(TextAt(error, "subject")),
          Printable(TextAt(error, "kind")), "first at " + TextAt(error, "first_seen_at") + TraceWords(error)},
         Tone::kBad});
  }
  std::fputs("\n  Errors since this version that no earlier one had\n", stdout);
  std::fputs(Aligned(rows, "    ").c_str(), stdout);
}

}  // namespace fieldmark::cli
