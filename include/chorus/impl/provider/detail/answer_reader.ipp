#pragma once

#include <chorus/chat/chat_response.hpp>
#include <chorus/provider/detail/answer_reader.hpp>
#include <chorus/provider/error_response.hpp>

#include <utility>

namespace chorus::detail {

CHORUS_DECL error unreadable(error failure, http::response received, std::chrono::system_clock::time_point now) {
    const bool is_success = received.status >= 200 && received.status < 300;
    // Some gateways answer 200 and say in the body what failed.
    if (!is_success || read_error_body(received.body).found) return decode_error(std::move(received), now);
    failure.phase(phase::decode).http_status(received.status);
    failure.request_id(std::string(find_request_id(received.headers)));
    failure.body(std::move(received.body));
    return failure;
}

CHORUS_DECL error unreadable(std::string why, http::response received, std::chrono::system_clock::time_point now) {
    return unreadable(error(errc::decode_failed, std::move(why)), std::move(received), now);
}

}  // namespace chorus::detail
