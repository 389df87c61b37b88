#include "server/access/audit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "fieldmark/base/utc_time.h"

namespace fieldmark::access {
namespace {

constexpr off_t kBytesMax = 16 << 20;

}  // namespace

Status Audit(const std::string& folder, UnixMs at, std::string_view action,
             const std::vector<std::pair<std::string_view, std::string>>& details) {
  boost::json::object object{{"at", TimeText(at / 1000)}, {"action", action}};
  for (const auto& [key, value] : details) object[key] = value;
  const std::string line = boost::json::serialize(object) + "\n";
  const std::string path = folder + "/audit.log";
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0 && found.st_size >= kBytesMax) {
    std::rename(path.c_str(), (path + ".1").c_str());
  }
  const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  const bool written =
      file >= 0 && ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  const int reason = errno;
  if (file >= 0) ::close(file);
  if (written) return {};
  return Error{ErrorCode::kUnavailable,
               "writing " + path + ": " + std::strerror(reason) + "; free space, or let this user write it"};
}

}  // namespace fieldmark::access
