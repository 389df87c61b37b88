// FIELDMARK_HAS_SANITIZER_HEAP: 1 where the address or thread sanitizer brings its own heap, so that a test
// cannot replace the global operator new; else 0.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FIELDMARK_HAS_SANITIZER_HEAP 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FIELDMARK_HAS_SANITIZER_HEAP 1
#endif
#endif
#ifndef FIELDMARK_HAS_SANITIZER_HEAP
#define FIELDMARK_HAS_SANITIZER_HEAP 0
#endif
