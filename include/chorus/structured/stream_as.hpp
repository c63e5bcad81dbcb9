// A value of a C++ type that fills up while the model writes it.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/chat/chat_event.hpp>
#include <chorus/chat/chat_request.hpp>
#include <chorus/chat_stream.hpp>
#include <chorus/client.hpp>
#include <chorus/error.hpp>
#include <chorus/json/partial.hpp>
#include <chorus/structured/complete_as.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

namespace chorus {

/// The answer to a request for a value of a described struct, read while it is written. Made by `stream_as`.
/// Only the first choice counts. Errors, cancellation, lifetimes and executor are those of `chat_stream`.
///
///     auto report = chorus::stream_as<invoice>(llm, request);
///     while (const auto so_far = co_await report.next()) show(*so_far);
///     const chorus::result<chorus::structured<invoice>> whole = report.answer();
template <class T>
class typed_stream {
 public:
    explicit typed_stream(chat_stream answer, detail::answer_form<T> form = {})
        : state_(std::make_shared<state>(std::move(answer), std::move(form))) {}

    /// Completes with the value as far as it has come, whenever more of it has; with none when the answer is complete.
    /// What is missing is as `T` is made. A text may be cut in its middle, and a number between its digits.
    /// Errors: also `errc::decode_failed`, as soon as the answer is no JSON, and `errc::schema_mismatch`, as soon as it
    /// does not fit the type.
    awaitable<result<std::optional<T>>> try_next() { return advance(state_); }

    /// As `try_next`, but throws `api_error`.
    awaitable<std::optional<T>> next() { return advance_or_throw(state_); }

    /// The whole value, when the answer is complete. Errors: as `answer_as`, which tells more than a part of it can.
    result<structured<T>> answer() const { return answer_as<T>(state_->answer.accumulated(), state_->form); }

 private:
    struct state {
        state(chat_stream source, detail::answer_form<T> wanted) : answer(std::move(source)), form(std::move(wanted)) {}

        /// Whether the event brought more of the text.
        bool take(const chat_event& event) {
            const auto* piece = std::get_if<text_event>(&event);
            if (piece == nullptr || piece->choice != 0) return false;
            text.feed(piece->text);
            return true;
        }

        chat_stream answer;
        detail::answer_form<T> form;
        json::partial text{json::code_fence::tolerated};
    };

    static awaitable<result<std::optional<T>>> advance(std::shared_ptr<state> self) {
        for (;;) {
            result<std::optional<chat_event>> event;
            try {
                event = co_await self->answer.try_next();
            } catch (...) {
                // Cancelled between two events: then the next one is not waited for.
                event = error::from_exception(std::current_exception());
            }
            if (!event) co_return event.error();
            if (!*event) co_return std::optional<T>();
            bool has_grown = self->take(**event);
            // One value for all that has come at once.
            for (chat_event more; self->answer.poll(more);) has_grown |= self->take(more);
            if (self->text.failed()) co_return self->text.failure();
            if (!has_grown) continue;
            auto value = self->form.read_part(self->text.completed());
            if (!value) co_return value.error();
            co_return std::optional<T>(std::move(*value));
        }
    }
    static awaitable<std::optional<T>> advance_or_throw(std::shared_ptr<state> self) {
        auto outcome = co_await advance(std::move(self));
        if (!outcome) throw_error(outcome.error());
        co_return std::move(*outcome);
    }

    std::shared_ptr<state> state_;
};

/// Asks for a value of a described struct, or for JSON of a schema, as `complete_as`, and gives it while it is written.
/// JSON is checked against its schema when it is whole, by `answer`.
template <class T>
typed_stream<T> stream_as(client& llm, chat_request request) {
    detail::answer_form<T> form(request);
    return typed_stream<T>(llm.stream(std::move(request)), std::move(form));
}

}  // namespace chorus
