// The proof that an operation can be cancelled: before it starts, and at every step that it makes.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/error.hpp>

#include <string>
#include <vector>

#include "stage.hpp"

namespace chorus::simulation {

/// How an operation says that it was cancelled.
enum class tells { by_error, by_exception, either };

/// Which versions of HTTP an operation is tried over. One where its other form was tried over both, or where it is made
/// of operations that were.
enum class over { none, http1, http2, both };

/// One public operation, as a user awaits it.
struct operation {
    const char* name;
    over versions;
    tells how;
    /// Settings of the world, before it is opened. Null: none.
    void (*set)(stage&);
    /// What is there before, and under way. Null: nothing.
    void (*prepare)(stage&);
    /// Gives no error for the full, right result, and throws what the operation throws.
    awaitable<error> (*run)(stage&);
};

/// For a result that is not what was asked for.
error wrong(std::string what);

/// How users cancel.
enum class way {
    handle_cancelled,  ///< `task::cancel`
    handle_dropped,    ///< The handle of the task goes.
    slot_signalled,    ///< `asio::bind_cancellation_slot`
    race_lost,         ///< Another coroutine of a `race` is first.
    from_within,       ///< `task::cancel`, called by the task: in one of the notifications of the client's observer.
    loop_gone,         ///< The loop and all in it are destroyed.
};
const char* to_string(way how) noexcept;

/// What went wrong in a proof, and in how many worlds the operation was cancelled.
struct verdict {
    std::vector<std::string> problems;
    std::size_t worlds = 0;
    std::size_t cancelled = 0;
};

/// Runs an operation in one world after the other, each time a step longer before it is cancelled, until it comes to its
/// end before. A step is one handler of the loop, or the time moved to the next deadline. After each:
/// - the operation has ended once: as cancelled, in the way it promises, or with its full result; and at once;
/// - the loop comes to rest, no deadline is left, and the ledgers add up: of the pool, of the gates, of the observer;
/// - those who shared the connection, the pool or the gates have got what they asked for;
/// - another call is served; after `close` no stream is left at either end; no frame of a coroutine is left.
verdict prove(const operation& what, http::protocol version);

}  // namespace chorus::simulation
