// What a worker records at the most. On by default; what a limit cut is always counted and shown.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fieldmark {

struct Limits {
  size_t subjects_max = 256;            // routes with their bodies; further ones are recorded as "(other)"
  size_t fields_max = 512;              // named fields a subject
  size_t names_max = 256;               // names an object
  size_t depth_max = 32;                // nesting of a document
  size_t body_bytes_max = 1u << 20;     // a larger body is counted, not profiled
  size_t string_bytes_max = 64u << 10;  // longer strings are measured whole, hashed by their beginning
  // Of what is recorded and not yet drained, of the names, and of the readers. With a backlog and a batch on
  // its way (bucket/outbox.h) a worker stays below 32 MiB.
  size_t memory_bytes_max = 16u << 20;
};

}  // namespace fieldmark
