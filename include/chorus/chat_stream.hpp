// A streamed answer: events as they come, and the whole at the end.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/chat/chat_accumulator.hpp>
#include <chorus/chat/chat_event.hpp>
#include <chorus/chat/chat_request.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/config.hpp>
#include <chorus/detail/client_state.hpp>
#include <chorus/error.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace chorus {

/// What a stream gives beside its content.
using stream_options = chat_event_options;

/// One answer that is read while it is written. Made by `client::stream`.
///
/// Events come in the order in which the model wrote. The network is read only when the next event is asked for and
/// none is there, so a slow reader slows down the server and fills no memory. Leaving the scope before the end drops the
/// transfer at once; read to its end, the stream gives its connection back.
///
/// Errors: as `client::try_complete`, and: `errc::idle_timed_out` when not a byte came for `http::limits::idle`;
/// `errc::truncated` when the stream ended without the mark that its format ends with; what the server says in the
/// middle of it. `error::partial` then holds what had come. After an error each call gives it again.
/// Cancellation: terminal, as an error; the transfer is dropped.
/// Lifetimes: outlives its operations, of which there is one at a time. Views and pointers in an event are valid until
/// the next one is asked for.
/// Executor: the client's.
///
///     auto answer = llm.stream(chorus::chat_request("gpt-4o-mini").user("Tell me a story."));
///     while (auto event = co_await answer.next()) {
///         if (const auto* piece = std::get_if<chorus::text_event>(&*event)) std::cout << piece->text << std::flush;
///     }
///     const chorus::chat_response whole = answer.accumulated();
class chat_stream {
 public:
    chat_stream(chat_stream&&) noexcept;
    chat_stream& operator=(chat_stream&&) noexcept;
    ~chat_stream();

    /// Completes with the next event, or with none when the answer is complete. The first call sends the request.
    CHORUS_LAZY awaitable<result<std::optional<chat_event>>> try_next();
    /// As `try_next`, but throws `api_error`.
    CHORUS_LAZY awaitable<std::optional<chat_event>> next();

    /// Takes the next event if it has already come. Returns false where one must be awaited, and at the end.
    bool poll(chat_event& out);

    /// Calls `on_event(const chat_event&)` for each event, and completes with the whole response.
    /// Lifetimes: the function is moved into the operation.
    ///
    ///     auto whole = co_await answer.try_for_each([](const chorus::chat_event& event) { show(event); });
    template <class OnEvent>
    awaitable<result<chat_response>> try_for_each(OnEvent on_event) {
        return read_all(state_, std::move(on_event));
    }
    /// As `try_for_each`, but throws `api_error`.
    template <class OnEvent>
    awaitable<chat_response> for_each(OnEvent on_event) {
        return read_all_or_throw(state_, std::move(on_event));
    }

    /// Reads to the end, whoever is interested, and completes with the whole response.
    CHORUS_LAZY awaitable<result<chat_response>> try_finish() {
        return try_for_each([](const chat_event&) {});
    }
    /// As `try_finish`, but throws `api_error`.
    CHORUS_LAZY awaitable<chat_response> finish() {
        return for_each([](const chat_event&) {});
    }

    /// What has come so far: at the end, what `client::complete` would have given. It has no `raw_text`.
    chat_response accumulated() const;

 private:
    friend class client;
    struct state;

    chat_stream(std::shared_ptr<detail::client_state> shared, chat_request request, const stream_options& options);

    static bool poll(state& self, chat_event& out);
    CHORUS_LAZY static awaitable<result<std::optional<chat_event>>> advance(std::shared_ptr<state> self);
    CHORUS_LAZY static awaitable<std::optional<chat_event>> advance_or_throw(std::shared_ptr<state> self);
    CHORUS_LAZY static awaitable<result<bool>> receive(std::shared_ptr<state> self);
    static error give_up(state& self, std::exception_ptr why);
    static chat_response response_of(const state& self);

    template <class OnEvent>
    static awaitable<result<chat_response>> read_all(std::shared_ptr<state> self, OnEvent on_event) {
        for (;;) {
            for (chat_event event; poll(*self, event);) on_event(std::as_const(event));
            result<bool> more = false;
            try {
                more = co_await receive(self);
            } catch (...) {
                // Cancelled between two waits: then the next one does not begin.
                more = give_up(*self, std::current_exception());
            }
            if (!more) co_return more.error();
            if (!*more) co_return response_of(*self);
        }
    }
    template <class OnEvent>
    static awaitable<chat_response> read_all_or_throw(std::shared_ptr<state> self, OnEvent on_event) {
        auto outcome = co_await read_all(std::move(self), std::move(on_event));
        if (!outcome) throw_error(outcome.error());
        co_return std::move(*outcome);
    }

    std::shared_ptr<state> state_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/chat_stream.ipp>
#endif
