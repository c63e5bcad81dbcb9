// A value or the error that took its place.
#pragma once

#include <chorus/error.hpp>

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace chorus {

/// Holds a value or the error that took its place, as C++23's `std::expected<T, error>` does, whose names it has. Own
/// code because of what it costs the compiler of each user: `boost::system::result` makes about seventy functions for
/// each type it is used with.
///
///     chorus::result<chorus::chat_response> reply = co_await llm.try_complete(request);
///     std::cout << (reply ? reply->text() : reply.error().message()) << '\n';
template <class T = void>
class [[nodiscard]] result {
 public:
    using value_type = T;
    using error_type = chorus::error;

    result() noexcept(std::is_nothrow_default_constructible_v<T>)
        requires std::default_initializable<T>
        : value_(), has_value_(true) {}
    template <class U = T>
        requires(std::convertible_to<U, T> && !std::same_as<std::remove_cvref_t<U>, result> &&
                 !std::same_as<std::remove_cvref_t<U>, chorus::error> && !std::same_as<std::remove_cvref_t<U>, errc>)
    result(U&& value) : value_(std::forward<U>(value)), has_value_(true) {}
    result(const chorus::error& why) noexcept : error_(why), has_value_(false) {}
    result(chorus::error&& why) noexcept : error_(std::move(why)), has_value_(false) {}
    template <std::same_as<errc> Code>
    result(Code code) : error_(code), has_value_(false) {}

    result(const result& other) : has_value_(other.has_value_) {
        if (has_value_) {
            std::construct_at(&value_, other.value_);
        } else {
            std::construct_at(&error_, other.error_);
        }
    }
    result(result&& other) noexcept(std::is_nothrow_move_constructible_v<T>) : has_value_(other.has_value_) {
        take(other);
    }
    result& operator=(result other) noexcept(std::is_nothrow_move_constructible_v<T>) {
        clear();
        has_value_ = other.has_value_;
        if constexpr (std::is_nothrow_move_constructible_v<T>) {
            take(other);
        } else {
            try {
                take(other);
            } catch (...) {
                has_value_ = false;
                std::construct_at(&error_, errc::exception);  // there is always something to destroy
                throw;
            }
        }
        return *this;
    }
    ~result() { clear(); }

    bool has_value() const noexcept { return has_value_; }
    explicit operator bool() const noexcept { return has_value_; }

    // The value; there must be one.
    T& operator*() & noexcept { return value_; }
    const T& operator*() const& noexcept { return value_; }
    T&& operator*() && noexcept { return std::move(value_); }
    T* operator->() noexcept { return std::addressof(value_); }
    const T* operator->() const noexcept { return std::addressof(value_); }

    // The value, or what `throw_error` throws.
    T& value() & {
        check();
        return value_;
    }
    const T& value() const& {
        check();
        return value_;
    }
    T&& value() && {
        check();
        return std::move(value_);
    }

    /// The error; without a code where there is a value.
    chorus::error error() const noexcept { return has_value_ ? chorus::error() : error_; }

    template <class... Arguments>
    T& emplace(Arguments&&... arguments) {
        *this = result(T(std::forward<Arguments>(arguments)...));
        return value_;
    }

 private:
    void take(result& other) noexcept(std::is_nothrow_move_constructible_v<T>) {
        if (has_value_) {
            std::construct_at(&value_, std::move(other.value_));
        } else {
            std::construct_at(&error_, std::move(other.error_));
        }
    }
    void clear() noexcept {
        if (has_value_) {
            value_.~T();
        } else {
            error_.~error_type();
        }
    }
    void check() const {
        if (!has_value_) throw_error(error_);
    }

    union {
        T value_;
        chorus::error error_;
    };
    bool has_value_;
};

/// Success, or an error.
template <>
class [[nodiscard]] result<void> {
 public:
    using value_type = void;
    using error_type = chorus::error;

    result() noexcept = default;
    result(const chorus::error& why) noexcept : error_(why), has_value_(false) {}
    result(chorus::error&& why) noexcept : error_(std::move(why)), has_value_(false) {}
    template <std::same_as<errc> Code>
    result(Code code) : error_(code), has_value_(false) {}

    bool has_value() const noexcept { return has_value_; }
    explicit operator bool() const noexcept { return has_value_; }
    void value() const {
        if (!has_value_) throw_error(error_);
    }
    chorus::error error() const noexcept { return error_; }
    void emplace() noexcept { *this = result(); }

 private:
    chorus::error error_;
    bool has_value_ = true;
};

}  // namespace chorus
