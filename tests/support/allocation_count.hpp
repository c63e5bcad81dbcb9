// Counts what the calling thread allocates. Included in one file of a test program.
#pragma once

#include <cstddef>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CHORUS_TEST_COUNTS_ALLOCATIONS

#include <cerrno>

namespace chorus::testing_support {

/// So far, by this thread.
inline thread_local std::size_t allocations = 0;

}  // namespace chorus::testing_support

// The program's own malloc takes the place of glibc's in every library, and glibc's keeps its other names.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
    ++chorus::testing_support::allocations;
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
    ++chorus::testing_support::allocations;
    return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
    ++chorus::testing_support::allocations;
    return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    ++chorus::testing_support::allocations;
    return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
    ++chorus::testing_support::allocations;
    *out = __libc_memalign(alignment, size);
    return *out == nullptr ? ENOMEM : 0;
}
}

#endif
