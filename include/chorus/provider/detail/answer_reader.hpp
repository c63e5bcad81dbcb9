// Reads the answer to a call that is no chat: one JSON object, or an error in any of its forms.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/message.hpp>
#include <chorus/json/reader.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace chorus::detail {

/// Makes the error of a response that is not what was asked for: what its body says of an error, else `failure` with
/// the status, the request id and the body.
error unreadable(error failure, http::response received, std::chrono::system_clock::time_point now);
error unreadable(std::string why, http::response received, std::chrono::system_clock::time_point now);

/// Calls `on_member(in, key)` for each member of the body.
/// Errors: as `provider::decode`; the body has then gone into the error.
template <class OnMember>
result<void> read_answer(http::response& received, std::chrono::system_clock::time_point now, OnMember on_member) {
    if (received.status < 200 || received.status > 299) return unreadable(error(), std::move(received), now);
    json::reader in(received.body);
    const bool is_object = in.object([&](std::string_view key) { on_member(in, key); });
    if (auto read = in.finish(); !read) return unreadable(read.error(), std::move(received), now);
    if (!is_object) return unreadable("the response is no JSON object", std::move(received), now);
    return {};
}

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/answer_reader.ipp>
#endif
