// What OpenSSL gives away, freed when it is not needed any more.
#pragma once

#include <utility>

namespace chorus::net::detail {

/// Owns an object of a C library. Not `std::unique_ptr`: its deleter would cost the compiler forty functions a type.
///
///     const handle<X509_STORE, X509_STORE_free> store(X509_STORE_new());
template <class T, auto Free>
class handle {
 public:
    handle() noexcept = default;
    explicit handle(T* owned) noexcept : owned_(owned) {}
    handle(handle&& other) noexcept : owned_(other.release()) {}
    handle& operator=(handle&& other) noexcept {
        std::swap(owned_, other.owned_);
        return *this;
    }
    ~handle() {
        if (owned_ != nullptr) Free(owned_);
    }

    T* get() const noexcept { return owned_; }
    T* release() noexcept { return std::exchange(owned_, nullptr); }
    explicit operator bool() const noexcept { return owned_ != nullptr; }

 private:
    T* owned_ = nullptr;
};

}  // namespace chorus::net::detail
