#include "cli/profile_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/terminal.h"
#include "fieldmark/bucket/document_profiler.h"
#include "server/store/random_key.h"

namespace fieldmark::cli {
namespace {

using bucket::SavedProfile;
using json::Malformed;

constexpr size_t kPieceBytes = 256u << 10;
constexpr size_t kSavedBytesMax = bucket::kProfileBytesMax + (1u << 20);  // packed it is smaller, if anything

std::string NameOf(const std::string& path) { return path == "-" ? "standard input" : Printable(path); }

// Also where it is not there: opening it says so.
bool IsRegularFile(const std::string& path) {
  struct stat status {};
  return path != "-" && (stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode));
}

class InputFile {
 public:
  InputFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  ~InputFile() {
    if (descriptor_ > STDIN_FILENO) close(descriptor_);
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  static Result<std::unique_ptr<InputFile>> Open(const std::string& path) {
    const int descriptor = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) return std::make_unique<InputFile>(path, descriptor);
    return Error{ErrorCode::kNotFound,
                 "opening " + NameOf(path) + ": " + std::strerror(errno) +
                     "; give a file of JSON documents, a saved profile, or - for standard input"};
  }

  // Up to `size` bytes; none at the end.
  Result<size_t> Read(char* to, size_t size) {
    for (;;) {
      const ssize_t count = read(descriptor_, to, size);
      if (count >= 0) return static_cast<size_t>(count);
      if (errno == EINTR) continue;
      const char* advice = errno == EISDIR ? "; give the files in it" : "";
      return Error{ErrorCode::kUnavailable,
                   "reading " + NameOf(path_) + ": " + std::strerror(errno) + advice};
    }
  }

  // Of a regular file; 0 where it is not known.
  uint64_t size() const {
    struct stat status {};
    return fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode) ? static_cast<uint64_t>(status.st_size)
                                                                       : 0;
  }

 private:
  std::string path_;
  int descriptor_;
};

// A line on the terminal that is overwritten, and gone at the end.
class Progress {
 public:
  Progress(std::string name, uint64_t bytes_all)
      : shown_(isatty(STDERR_FILENO) != 0), name_(std::move(name)), bytes_all_(bytes_all) {}
  ~Progress() {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
  }

  void At(uint64_t bytes, uint64_t documents) {
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || now < next_) return;
    next_ = now + std::chrono::milliseconds(100);
    drawn_ = true;
    const auto megabytes = [](uint64_t count) { return static_cast<double>(count) / 1e6; };
    std::fprintf(stderr, "\r\x1b[K%s  %.0f", name_.c_str(), megabytes(bytes));
    if (bytes_all_ > 0) std::fprintf(stderr, " of %.0f", megabytes(bytes_all_));
    std::fprintf(stderr, " MB, %llu documents", static_cast<unsigned long long>(documents));
    std::fflush(stderr);
  }

 private:
  bool shown_;
  bool drawn_ = false;
  std::string name_;
  uint64_t bytes_all_;
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
};

struct Signature {
  std::string_view bytes;
  const char* what;
  const char* advice;
};
constexpr Signature kSignatures[] = {
    {"\x1f\x8b", "compressed (gzip)", "unpack it on the way: zcat FILE | fieldmark profile -"},
    {"\x28\xb5\x2f\xfd", "compressed (zstd)", "unpack it on the way: zstdcat FILE | fieldmark profile -"},
    {"BZh", "compressed (bzip2)", "unpack it on the way: bzcat FILE | fieldmark profile -"},
    {"PK\x03\x04", "a zip archive", "unpack it on the way: unzip -p FILE | fieldmark profile -"},
    {"PAR1", "a Parquet file", "write it as JSON lines first"},
    {"\xff\xfe", "UTF-16 text",
     "make it UTF-8 on the way: iconv -f UTF-16 -t UTF-8 FILE | fieldmark profile -"},
    {"\xfe\xff", "UTF-16 text",
     "make it UTF-8 on the way: iconv -f UTF-16 -t UTF-8 FILE | fieldmark profile -"},
};

Status CheckSignature(const std::string& path, std::string_view head) {
  for (const Signature& signature : kSignatures) {
    if (head.starts_with(signature.bytes)) {
      return Error{ErrorCode::kInvalidArgument, "reading " + NameOf(path) +
                                                    ": expected JSON documents, found " + signature.what +
                                                    "; " + signature.advice};
    }
  }
  return {};
}

std::string ProblemText(Malformed kind, uint64_t at, DocumentForm form, bool outside_documents) {
  if (outside_documents && kind == Malformed::kTrailing) {
    return "mixed: more follows the end of the array at byte " + std::to_string(at) + " and was not read";
  }
  if (outside_documents && kind == Malformed::kNotJson && form == DocumentForm::kArray) {
    return "no array of documents from byte " + std::to_string(at) + " on, and the rest was not read";
  }
  const std::string place = " at byte " + std::to_string(at);
  if (kind == Malformed::kTooLarge) {
    return "a document of more than " + std::to_string(bucket::kDocumentLimits.body_bytes_max >> 20) +
           " MiB" + place;
  }
  return std::string(json::MalformedName(kind)) + place;
}

UnixMs Now() {
  using std::chrono::milliseconds, std::chrono::system_clock;
  return std::chrono::duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

// Documents of one stream, profiled as they come.
class DocumentInput {
 public:
  DocumentInput(const ProfileInputOptions& options, const HashKey& key)
      : splitter_(options.form, bucket::kDocumentLimits.body_bytes_max),
        profiler_(key, /*keep_key=*/!options.hash_key, options.declarations) {}

  void Feed(std::string_view bytes) { splitter_.Feed(bytes, visit_); }
  void Finish() { splitter_.Finish(visit_); }

  uint64_t documents() const { return documents_; }
  const std::string& first_problem() const { return first_problem_; }
  const char* advice() const {
    return first_is_too_large_ ? "give what is in it as documents, one a line: the items of its array, say"
                               : "give JSON, JSON lines or an array of documents";
  }
  SavedProfile Take() { return profiler_.Take(); }

 private:
  void Visit(const DocumentPiece& piece) {
    Malformed kind = piece.malformed;
    uint64_t at = piece.offset;
    const bool outside = kind != Malformed::kNone;
    if (outside) {
      profiler_.CountMalformed(kind);
    } else {
      const bucket::DocumentProfiler::Outcome outcome = profiler_.Observe(piece.bytes, opened_at_);
      kind = outcome.malformed;
      at += outcome.at;
    }
    if (kind == Malformed::kNone) {
      ++documents_;
    } else if (first_problem_.empty()) {
      first_problem_ = ProblemText(kind, at, splitter_.form(), outside);
      first_is_too_large_ = kind == Malformed::kTooLarge;
    }
  }

  DocumentSplitter splitter_;
  bucket::DocumentProfiler profiler_;
  DocumentSplitter::Visit visit_ = [this](const DocumentPiece& piece) { Visit(piece); };
  uint64_t documents_ = 0;
  std::string first_problem_;
  bool first_is_too_large_ = false;
  const UnixMs opened_at_ = Now();  // one moment for all, so that the order of documents does not matter
};

// A file that is open and of which the beginning was read: enough to tell what it is.
struct Opened {
  std::unique_ptr<InputFile> file;
  std::string head;

  bool is_saved() const { return head.starts_with(bucket::kProfileMagic); }
};

Result<Opened> OpenInput(const std::string& path) {
  Result<std::unique_ptr<InputFile>> file = InputFile::Open(path);
  if (!file.ok()) return file.error();
  Opened opened{std::move(file).value(), std::string(kPieceBytes, '\0')};
  size_t size = 0;
  // A pipe gives what it has; the first few bytes must be there to tell anything.
  while (size < bucket::kProfileMagic.size()) {
    const Result<size_t> count = opened.file->Read(opened.head.data() + size, opened.head.size() - size);
    if (!count.ok()) return count.error();
    if (*count == 0) break;
    size += *count;
  }
  opened.head.resize(size);
  return opened;
}

Result<LoadedProfile> LoadSaved(const std::string& path, Opened opened) {
  std::string bytes = std::move(opened.head);
  std::string piece(kPieceBytes, '\0');
  for (;;) {
    const Result<size_t> count = opened.file->Read(piece.data(), piece.size());
    if (!count.ok()) return count.error();
    if (*count == 0) break;
    bytes.append(piece, 0, *count);
    if (bytes.size() > kSavedBytesMax) {
      return Error{ErrorCode::kTooLarge,
                   NameOf(path) + ": reading a saved profile: it is larger than any can be"};
    }
  }
  Result<SavedProfile> profile = bucket::DecodeProfile(bytes);
  if (!profile.ok()) return Error{profile.error().code, NameOf(path) + ": " + profile.error().message};
  return LoadedProfile{path, std::move(profile).value(), true, ""};
}

Result<LoadedProfile> LoadDocuments(const std::string& path, const Opened& opened,
                                    const ProfileInputOptions& options, const HashKey& key) {
  FM_RETURN_IF_ERROR(CheckSignature(path, opened.head));
  Progress progress(NameOf(path), opened.file->size());
  DocumentInput input(options, key);
  input.Feed(opened.head);
  uint64_t bytes = opened.head.size();
  std::string piece(kPieceBytes, '\0');
  for (;;) {
    const Result<size_t> count = opened.file->Read(piece.data(), piece.size());
    if (!count.ok()) return count.error();
    if (*count == 0) break;
    input.Feed(std::string_view(piece).substr(0, *count));
    bytes += *count;
    progress.At(bytes, input.documents());
  }
  input.Finish();
  if (input.documents() == 0 && !input.first_problem().empty()) {
    return Error{ErrorCode::kInvalidArgument, "reading " + NameOf(path) +
                                                  ": expected JSON documents, found none: " +
                                                  input.first_problem() + "; " + input.advice()};
  }
  LoadedProfile loaded{path, input.Take(), false, ""};
  if (!input.first_problem().empty()) loaded.first_problem = NameOf(path) + ": " + input.first_problem();
  return loaded;
}

}  // namespace

Result<std::vector<LoadedProfile>> LoadProfiles(const std::vector<std::string>& paths,
                                                const ProfileInputOptions& options) {
  // Saved ones first, because one of them may bring the key for the rest.
  std::vector<std::optional<LoadedProfile>> loaded(paths.size());
  std::optional<HashKey> key = options.hash_key;
  for (size_t i = 0; i < paths.size(); ++i) {
    if (!IsRegularFile(paths[i])) continue;  // a pipe can be read once
    Result<Opened> opened = OpenInput(paths[i]);
    if (!opened.ok()) return opened.error();
    if (!opened->is_saved()) continue;
    Result<LoadedProfile> saved = LoadSaved(paths[i], std::move(opened).value());
    if (!saved.ok()) return saved.error();
    if (!key) key = saved->profile.hash_key;
    loaded[i] = std::move(saved).value();
  }
  if (!key) {
    const Result<HashKey> random = store::RandomKey();
    if (!random.ok()) return random.error();
    key = *random;
  }

  std::vector<LoadedProfile> profiles;
  for (size_t i = 0; i < paths.size(); ++i) {
    if (!loaded[i]) {
      Result<Opened> opened = OpenInput(paths[i]);
      if (!opened.ok()) return opened.error();
      Result<LoadedProfile> one = opened->is_saved() ? LoadSaved(paths[i], std::move(opened).value())
                                                     : LoadDocuments(paths[i], *opened, options, *key);
      if (!one.ok()) return one.error();
      loaded[i] = std::move(one).value();
    }
    profiles.push_back(std::move(*loaded[i]));
  }
  return profiles;
}

bucket::SavedProfile MergeLoaded(const std::vector<LoadedProfile>& loaded, std::vector<std::string>& notes) {
  SavedProfile merged;
  for (const LoadedProfile& one : loaded) {
    if (!merged.Merge(one.profile)) {
      notes.push_back(
          NameOf(one.path) +
          " is not hashed under the key of what came before it: the number of distinct values and "
          "their mix are left out");
    }
    if (!one.first_problem.empty()) notes.push_back("the first that could not be read: " + one.first_problem);
  }
  return merged;
}

Status WriteWhole(const std::string& path, std::string_view bytes) {
  const auto failed = [&](const char* what) {
    return Error{ErrorCode::kUnavailable, "saving the profile as " + Printable(path) + ": " + what + ": " +
                                              std::strerror(errno) + "; choose another place with --save"};
  };
  const std::string beside = path + ".part";
  const int descriptor = open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return failed("it cannot be made");
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = write(descriptor, bytes.data() + written, bytes.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    written += static_cast<size_t>(count);
  }
  const bool whole = written == bytes.size() && fsync(descriptor) == 0;
  const int reason = errno;
  close(descriptor);
  errno = reason;
  if (whole && std::rename(beside.c_str(), path.c_str()) == 0) return {};
  const Status status = failed("it cannot be written");
  unlink(beside.c_str());
  return status;
}

}  // namespace fieldmark::cli
