#pragma once

#include <chorus/testing/mock_message.hpp>

namespace chorus::testing {

namespace detail {

/// A connection that once carried a large message does not keep that much for good.
constexpr std::size_t mock_kept_capacity = 64 * 1024;

CHORUS_DECL void empty_kept(std::string& text) noexcept {
    text.clear();
    if (text.capacity() > mock_kept_capacity) std::string().swap(text);
}

}  // namespace detail

CHORUS_DECL std::string_view mock_request::path() const noexcept {
    const std::string_view whole = target;
    return whole.substr(0, whole.find('?'));
}

CHORUS_DECL void mock_request::clear() noexcept {
    method.clear();
    detail::empty_kept(target);
    headers.clear();
    detail::empty_kept(body);
    model.clear();
    detail::empty_kept(prompt);
    defect.reset();
    connection = 0;
    stream_id = 0;
    stream = false;
    include_usage = false;
}

CHORUS_DECL mock_stream& mock_reply::streamed() {
    if (!stream) stream = std::make_unique<mock_stream>();
    return *stream;
}

CHORUS_DECL void mock_reply::clear() noexcept {
    status = 200;
    headers.clear();
    detail::empty_kept(body);
    stream.reset();
    raw.reset();
    chunk_bytes = 0;
    close_after = false;
    hold = false;
    latency.reset();
    fault = mock_fault::none;
    fault_after = 0;
    error_code = 0;
}

}  // namespace chorus::testing
