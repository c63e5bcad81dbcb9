// Shared ownership at a third of the code: for objects of which few are made.
#pragma once

#include <memory>
#include <utility>

namespace chorus::detail {

/// As `std::make_shared`, with the count in an allocation of its own. `std::make_shared` is some fifty functions for each
/// type, which every program that includes the headers would compile.
template <class T, class... Arguments>
std::shared_ptr<T> shared_new(Arguments&&... arguments) {
    return std::shared_ptr<T>(new T(std::forward<Arguments>(arguments)...));
}

}  // namespace chorus::detail
