// The seam between what is asked and how one API writes it. Derive from it to add another API.
#pragma once

#include <chorus/api/embedding.hpp>
#include <chorus/api/model_list.hpp>
#include <chorus/api/moderation.hpp>
#include <chorus/chat/chat_request.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/message.hpp>
#include <chorus/provider/chat_stream_decoder.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace chorus {

namespace detail {
class openai_server;
}

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

    /// Writes a request whose answer is to come as a stream. Errors: as `encode`; of a provider that has none,
    /// `errc::invalid_argument` for `stream`.
    virtual result<http::request> encode_stream(const chat_request& request) const;

    /// Makes the decoder of one streamed answer. Called only after `encode_stream` has succeeded.
    CHORUS_LAZY std::unique_ptr<chat_stream_decoder> make_stream_decoder() const;

    /// Reads a complete response, whatever its status. `now` is when it came: headers hold points in time.
    /// Errors: in `phase::status` what the server says, in `phase::decode` what cannot be understood.
    virtual result<chat_response> decode(http::response received, std::chrono::system_clock::time_point now) const = 0;

    // The rest of an API, in pairs as above. What an API has not is refused with `errc::invalid_argument`.

    /// Writes the call for the embeddings of the inputs from `next` on, as many as one call takes, and moves `next`
    /// behind them. The first call of a request checks the whole of it.
    CHORUS_LAZY result<http::request> encode_embeddings(const embedding_request& request, std::size_t& next) const;
    /// Reads the embeddings of so many inputs.
    CHORUS_LAZY result<embedding_response> decode_embeddings(http::response received, std::size_t inputs,
                                                             std::chrono::system_clock::time_point now) const;

    /// Asks for the page of the list of models that begins after one, as `model_page::next` names it; for the first
    /// page if that is empty.
    CHORUS_LAZY result<http::request> encode_models(const std::string& after) const;
    CHORUS_LAZY result<model_page> decode_models(http::response received,
                                                 std::chrono::system_clock::time_point now) const;

    CHORUS_LAZY result<http::request> encode_model(const std::string& id) const;
    CHORUS_LAZY result<model_info> decode_model(http::response received,
                                                std::chrono::system_clock::time_point now) const;

    CHORUS_LAZY result<http::request> encode_moderation(const moderation_request& request) const;
    CHORUS_LAZY result<moderation_response> decode_moderation(http::response received,
                                                              std::chrono::system_clock::time_point now) const;

    /// Asks how many tokens a request would give the model to read.
    CHORUS_LAZY result<http::request> encode_count_tokens(const chat_request& request) const;
    CHORUS_LAZY result<std::int64_t> decode_count_tokens(http::response received,
                                                         std::chrono::system_clock::time_point now) const;

 private:
    // What functions of the same names do for an API whose format is not OpenAI's. What is not overridden refuses. Virtual
    // functions are compiled in every program that has the class, so what OpenAI's format takes is none.
    virtual std::unique_ptr<chat_stream_decoder> do_make_stream_decoder() const;
    virtual result<http::request> do_encode_embeddings(const embedding_request& request, std::size_t& next) const;
    virtual result<embedding_response> do_decode_embeddings(http::response received, std::size_t inputs,
                                                            std::chrono::system_clock::time_point now) const;
    virtual result<http::request> do_encode_models(const std::string& after) const;
    virtual result<model_page> do_decode_models(http::response received,
                                                std::chrono::system_clock::time_point now) const;
    virtual result<http::request> do_encode_model(const std::string& id) const;
    virtual result<model_info> do_decode_model(http::response received,
                                               std::chrono::system_clock::time_point now) const;
    virtual result<http::request> do_encode_moderation(const moderation_request& request) const;
    virtual result<moderation_response> do_decode_moderation(http::response received,
                                                             std::chrono::system_clock::time_point now) const;
    virtual result<http::request> do_encode_count_tokens(const chat_request& request) const;
    virtual result<std::int64_t> do_decode_count_tokens(http::response received,
                                                        std::chrono::system_clock::time_point now) const;

    /// The server, where all those functions speak OpenAI's format with it; and where streams do.
    virtual const detail::openai_server* openai_api() const noexcept { return nullptr; }
    virtual bool has_openai_streams() const noexcept { return false; }

    error has_no(std::string_view what, std::string_view param) const;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/provider.ipp>
#endif
