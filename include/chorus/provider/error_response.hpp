// What a server says when it refuses: the bodies of errors in all the shapes that servers give them.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/message.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace chorus {

/// The words of an error body. What it does not say is empty.
struct error_body {
    bool found = false;  ///< it is JSON that holds an error
    std::string message;
    std::string type;
    std::string code;  ///< a number as its digits
    std::string param;
    std::string request_id;
};

/// Reads the body of an error: the shapes of OpenAI, Anthropic, Gemini, vLLM, Ollama, FastAPI and Mistral, and the
/// pages of proxies, of which the title or the start of the text becomes the message.
error_body read_error_body(std::string_view body);

/// The code for a status. A 429 is split by the provider's code, then its type: what waiting heals is
/// `rate_limited`, what it does not is `quota_exhausted`.
errc errc_of_status(int status, std::string_view type, std::string_view code) noexcept;

namespace detail {

/// The status that an error under a success status stands for: that of a quota, its numeric code, or that of its words,
/// the code before the type. 0 if it says nothing.
int status_of_words(std::string_view type, std::string_view code) noexcept;

}  // namespace detail

/// Makes the error of a response that is none: status, the server's words, request id, `retry_after`, `should_retry`
/// (`x-should-retry`, which OpenAI and Anthropic send), and the body.
/// Serves bodies that hold an error under a success status too; those are classed by what they say.
error decode_error(http::response received, std::chrono::system_clock::time_point now);

/// Makes the error of a stream that holds an error in place of an event, classed by what it says.
error decode_stream_error(std::string_view data);

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/error_response.ipp>
#endif
