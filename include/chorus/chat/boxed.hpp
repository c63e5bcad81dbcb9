// A rarely used part of a value, on the heap and only when there is one.
#pragma once

#include <memory>
#include <utility>

namespace chorus {

/// Holds a `Value` that costs one pointer while nobody has changed it. Copies are deep.
template <class Value>
class boxed {
 public:
    boxed() noexcept = default;
    boxed(const boxed& other) : value_(other.value_ ? std::make_unique<Value>(*other.value_) : nullptr) {}
    boxed(boxed&& other) noexcept = default;
    boxed& operator=(boxed other) noexcept {
        value_.swap(other.value_);
        return *this;
    }

    /// The value, or a default one.
    const Value& get() const {
        static const Value none{};
        return value_ ? *value_ : none;
    }
    const Value* operator->() const { return &get(); }

    /// The value to write to, made on the first call.
    Value& change() {
        if (!value_) value_ = std::make_unique<Value>();
        return *value_;
    }

    /// Tells whether `change` was called.
    explicit operator bool() const noexcept { return value_ != nullptr; }

 private:
    std::unique_ptr<Value> value_;
};

}  // namespace chorus
