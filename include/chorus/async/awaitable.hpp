// The coroutine type of the library, under its own name, and the words that go with it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace chorus {

namespace asio = boost::asio;

/// Runs on any executor the program already has: an `io_context`, a strand, a thread pool.
using executor = asio::any_io_executor;

/// A lazy coroutine: nothing happens until it is awaited or spawned.
template <class T = void>
using awaitable = asio::awaitable<T, executor>;

/// What a coroutine may ask of itself: `co_await this_coro::executor`, `this_coro::cancellation_state`.
namespace this_coro = asio::this_coro;

using asio::use_awaitable;

}  // namespace chorus
