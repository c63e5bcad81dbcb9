#pragma once

#include <chorus/detail/call.hpp>

#include <utility>

namespace chorus::detail {

CHORUS_LAZY_DECL awaitable<result<void>> make_later_attempt(call_progress& progress, net::transport& via,
                                                            http::request& message, http::response& received) {
    result<void> begun;
    const bool may_begin = co_await progress.begin(message, begun);
    if (!may_begin) co_return begun;
    co_return co_await via.send(message, progress.limits(), received);
}

CHORUS_LAZY_DECL awaitable<result<void>> make_no_attempt(error why) {
    co_return why;
}

}  // namespace chorus::detail
