#pragma once

#include <chorus/net/incoming_response.hpp>

#include <utility>

namespace chorus::net {

CHORUS_DECL whole_response::whole_response(http::response answer)
    : body_(std::exchange(answer.body, {})), head_(std::move(answer)) {}

CHORUS_DECL awaitable<result<bool>> whole_response::read(http::body_sink& into, time_limit) {
    if (body_.empty()) co_return false;
    const std::string bytes = std::exchange(body_, {});
    if (const auto taken = into.take(bytes); !taken) co_return taken.error();
    co_return true;
}

}  // namespace chorus::net
