// Counts what the calling thread allocates, and what it holds. Included in one file of a test program.
#pragma once

#include <cstddef>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CHORUS_TEST_COUNTS_ALLOCATIONS

#include <cerrno>

#include <malloc.h>

namespace chorus::testing_support {

/// So far, by this thread.
inline thread_local std::size_t allocations = 0;
/// Bytes that this thread has allocated, less those that it has freed. A block that another thread frees counts for
/// good.
inline thread_local long long bytes_held = 0;

/// Notes a block that has just been allocated.
inline void* noted(void* block) noexcept {
    bytes_held += static_cast<long long>(::malloc_usable_size(block));
    return block;
}

}  // namespace chorus::testing_support

// The program's own malloc takes the place of glibc's in every library, and glibc's keeps its other names.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* block);

void* malloc(std::size_t size) {
    ++chorus::testing_support::allocations;
    return chorus::testing_support::noted(__libc_malloc(size));
}
void* calloc(std::size_t count, std::size_t size) {
    ++chorus::testing_support::allocations;
    return chorus::testing_support::noted(__libc_calloc(count, size));
}
void* realloc(void* old, std::size_t size) {
    ++chorus::testing_support::allocations;
    const auto before = static_cast<long long>(::malloc_usable_size(old));
    void* const block = __libc_realloc(old, size);
    if (block != nullptr || size == 0) chorus::testing_support::bytes_held -= before;
    return chorus::testing_support::noted(block);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    ++chorus::testing_support::allocations;
    return chorus::testing_support::noted(__libc_memalign(alignment, size));
}
int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
    ++chorus::testing_support::allocations;
    *out = chorus::testing_support::noted(__libc_memalign(alignment, size));
    return *out == nullptr ? ENOMEM : 0;
}
void free(void* block) {
    chorus::testing_support::bytes_held -= static_cast<long long>(::malloc_usable_size(block));
    __libc_free(block);
}
}

#endif
