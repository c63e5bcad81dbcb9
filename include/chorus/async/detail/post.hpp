// Work for a later turn of the loop.
#pragma once

#include <chorus/async/awaitable.hpp>

#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/execute.hpp>
#include <boost/asio/require.hpp>

#include <utility>

namespace chorus::detail {

/// Calls a function on an executor, later: as `asio::post`, which costs the compiler three times as much.
template <class Executor, class Function>
void post(const Executor& ex, Function function) {
    asio::require(ex, asio::execution::blocking.never).execute(std::move(function));
}

}  // namespace chorus::detail
