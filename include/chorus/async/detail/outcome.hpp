// The types that come out of coroutines which are awaited together: what is stored, and what a failure is.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <concepts>
#include <type_traits>
#include <utility>
#include <variant>

namespace chorus::detail {

template <class T>
struct outcome_traits {
    using value_type = T;
    static constexpr bool is_result = false;
};
template <class T>
struct outcome_traits<result<T>> {
    using value_type = T;
    static constexpr bool is_result = true;
};

/// `T` for a coroutine that returns `T` or `result<T>`.
template <class T>
using value_of = typename outcome_traits<T>::value_type;

/// A coroutine that returns `result<T>` reports its failure as a value.
template <class T>
inline constexpr bool is_result = outcome_traits<T>::is_result;

/// `T` as a member or an element; a place for nothing where `T` is void.
template <class T>
using stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// `awaitable<T>`, and `task<T>` which is one.
template <class A>
concept awaitable_type =
    requires { typename A::value_type; } && std::derived_from<A, awaitable<typename A::value_type>>;

/// What failed: the exception as it was thrown, or the error as it was returned.
class failure {
 public:
    failure() noexcept = default;
    explicit failure(std::exception_ptr thrown) noexcept : thrown_(std::move(thrown)) {}
    explicit failure(error returned) noexcept : returned_(std::move(returned)) {}

    explicit operator bool() const noexcept { return thrown_ || returned_.code(); }
    error to_error() const { return thrown_ ? error::from_exception(thrown_) : returned_; }
    [[noreturn]] void rethrow() const {
        if (thrown_) std::rethrow_exception(thrown_);
        throw_error(returned_);
    }

 private:
    std::exception_ptr thrown_;
    error returned_;
};

}  // namespace chorus::detail
