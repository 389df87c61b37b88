#include "server/api/page.h"

#include <array>
#include <utility>

#include "server/api/etag.h"

namespace fieldmark::api {
namespace {

// Nothing but what this server itself serves; no inline script, so that a name that reaches the page as text
// stays text.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kContentTypes{{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
    {".map", "application/json"},
}};

const EmbeddedFile* Find(std::string_view path) {
  for (const EmbeddedFile& file : EmbeddedFiles()) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

}  // namespace

std::string_view ContentTypeOf(std::string_view path) {
  for (const auto& [ending, type] : kContentTypes) {
    if (path.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

Response PageResponse(const Request& request, std::string_view path) {
  const EmbeddedFile* file = Find(path);
  const bool is_asset = path.starts_with("/assets/");
  if (file == nullptr && is_asset) {
    return Problem(404, "loading a file of the page: this build has none of that name; reload the page");
  }
  if (file == nullptr) file = Find("/index.html");
  if (file == nullptr) return Problem(404, "loading the page: it is not inside this build");

  Response response;
  const std::string etag = EtagOf(file->bytes);
  response.headers = {{"ETag", etag},
                      // Names of assets hold a hash of what is in them.
                      {"Cache-Control", is_asset ? "public, max-age=31536000, immutable" : "no-cache"},
                      {"Content-Security-Policy", std::string(kContentSecurityPolicy)},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cross-Origin-Opener-Policy", "same-origin"},
                      {"Cross-Origin-Resource-Policy", "same-origin"}};
  if (HasEtag(request.Header("If-None-Match"), etag)) {
    response.status = 304;
    return response;
  }
  response.content_type = ContentTypeOf(file->path);
  response.body = file->bytes;
  return response;
}

}  // namespace fieldmark::api
