// Appender: one batch into the tables, within a transaction of its caller. For one thread at a time.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "server/store/sqlite.h"
#include "server/store/store.h"

namespace fieldmark::store {

class Appender {
 public:
  explicit Appender(Connection& connection) : connection_(connection) {}

  Result<Append> Apply(const bucket::Batch& batch, std::string_view bytes, UnixMs received);
  // To be called when the transaction was rolled back, or subjects were deleted: what it knows of may be
  // gone.
  void Forget() { known_subjects_.clear(); }

 private:
  Result<int64_t> RememberStream(const bucket::Batch& batch, UnixMs received);
  Status RememberInstance(const bucket::BatchHeader& header, int64_t stream, UnixMs received);
  Status RememberSubjects(const bucket::Buckets& buckets, int64_t stream);

  Connection& connection_;
  // So that the fifty subjects of the usual batch cost no statement each.
  std::set<std::pair<int64_t, std::string>> known_subjects_;
};

}  // namespace fieldmark::store
