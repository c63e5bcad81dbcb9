// The seam between what is asked and how one API writes it. Derive from it to add another API.
#pragma once

#include <chorus/chat/chat_request.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/error.hpp>
#include <chorus/http/message.hpp>

#include <chrono>
#include <string_view>

namespace chorus {

/// Turns requests into HTTP and HTTP into responses. Pure: no I/O, no clock, and no state that a call changes, so one
/// provider serves any number of clients and threads.
class provider {
 public:
    virtual ~provider() = default;

    /// A short name for messages, such as `openai`.
    virtual std::string_view name() const noexcept = 0;

    /// Writes a request. Errors: `errc::invalid_argument` in `phase::input`, with the field in `param()`: of the
    /// request, or of the provider's own configuration (`api_key`, `base_url`).
    virtual result<http::request> encode(const chat_request& request) const = 0;

    /// Reads a complete response, whatever its status. `now` is when it came: headers hold points in time.
    /// Errors: in `phase::status` what the server says, in `phase::decode` what cannot be understood.
    virtual result<chat_response> decode(http::response received, std::chrono::system_clock::time_point now) const = 0;
};

}  // namespace chorus
