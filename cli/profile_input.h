// Files of documents, and saved profiles, read into profiles.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/document_splitter.h"
#include "fieldmark/bucket/saved_profile.h"
#include "fieldmark/profile/declarations.h"

namespace fieldmark::cli {

struct ProfileInputOptions {
  DocumentForm form = DocumentForm::kAuto;
  // None: values are hashed under the key that a saved profile among the inputs carries, else under a new
  // random one, which the profile then carries.
  std::optional<HashKey> hash_key;
  // Fields whose values may be saved and shown; null: none.
  std::shared_ptr<const profile::Declarations> declarations;
};

struct LoadedProfile {
  std::string path;  // "-" is standard input
  bucket::SavedProfile profile;
  bool was_saved = false;
  // "orders.ndjson: truncated at byte 1200", of the first document that could not be read.
  std::string first_problem;
};

// Each path by itself, in their order. An error names the first that cannot be opened or read, holds no JSON
// document but something else, or is a damaged profile. A file without anything in it is a profile of no
// documents. Reads in pieces: memory does not depend on the size of a file. Shows progress on standard error
// when that is a terminal.
Result<std::vector<LoadedProfile>> LoadProfiles(const std::vector<std::string>& paths,
                                                const ProfileInputOptions& options);

// All of them as one. `notes` gets what a reader must know of the result.
bucket::SavedProfile MergeLoaded(const std::vector<LoadedProfile>& loaded, std::vector<std::string>& notes);

// Writes the bytes beside `path` and then moves them there, so that no half-written file is ever at `path`.
Status WriteWhole(const std::string& path, std::string_view bytes);

}  // namespace fieldmark::cli
