#pragma once

#include <chorus/policy/rate_limit_headers.hpp>
#include <chorus/provider/detail/answer_reader.hpp>
#include <chorus/provider/detail/responses_items.hpp>
#include <chorus/provider/error_response.hpp>
#include <chorus/provider/responses_decode.hpp>

#include <utility>

namespace chorus::responses_format {

CHORUS_DECL result<chat_response> decode_chat(http::response received, std::chrono::system_clock::time_point now) {
    if (received.status < 200 || received.status > 299) return decode_error(std::move(received), now);
    chat_completion completion;
    json::reader in(received.body);
    const detail::response_state state = detail::read_response(in, completion);
    if (auto read = in.finish(); !read) return chorus::detail::unreadable(read.error(), std::move(received), now);
    if (state.has_failed()) return detail::failure_of(std::move(received), now);
    if (!state.output.starts_with('[')) {
        return chorus::detail::unreadable("the response has no list of output", std::move(received), now);
    }
    choice& only = completion.choices.emplace_back();
    only.message.role = role::assistant;
    detail::read_items(detail::objects_of(state.output), only);
    only.finish_reason = state.finish_reason(!only.message.tool_calls.empty());
    return chat_response(std::move(completion), std::move(received), &policy::parse_rate_limits, now);
}

}  // namespace chorus::responses_format
