#pragma once

#include <chorus/net/transport.hpp>

#include <utility>

namespace chorus::net {

CHORUS_DECL awaitable<result<std::unique_ptr<incoming_response>>> transport::open(const http::request& message,
                                                                                  const http::limits& caps) {
    http::response answer;
    const auto sent = co_await send(message, caps, answer);
    if (!sent) co_return sent.error();
    std::unique_ptr<incoming_response> whole = std::make_unique<whole_response>(std::move(answer));
    co_return whole;
}

}  // namespace chorus::net
