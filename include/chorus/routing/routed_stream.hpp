// A streamed answer that one of several routes has begun to give.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/chat/chat_event.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/chat_stream.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/routing/route.hpp>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace chorus {

/// A stream whose first event has come. Used, and failing, as a `chat_stream`; from here on no other route is tried, for
/// what was handed out cannot be taken back. Made by `fallback::stream`.
///
/// What came before the first content is not handed out: signs of life, and counts of tokens, which `accumulated` has.
class routed_stream {
 public:
    routed_stream(chat_stream answer, std::optional<chat_event> first, std::size_t route,
                  std::vector<route_failure> failures)
        : answer_(std::move(answer)), first_(std::move(first)), route_(route), failures_(std::move(failures)) {}

    /// Completes with the next event, or with none when the answer is complete.
    CHORUS_LAZY awaitable<result<std::optional<chat_event>>> try_next() {
        return first_ ? give(*std::exchange(first_, std::nullopt)) : answer_.try_next();
    }
    /// As `try_next`, but throws `api_error`.
    CHORUS_LAZY awaitable<std::optional<chat_event>> next() {
        return first_ ? give_or_throw(*std::exchange(first_, std::nullopt)) : answer_.next();
    }
    /// Takes the next event if it has already come. Returns false where one must be awaited, and at the end.
    bool poll(chat_event& out) {
        if (!first_) return answer_.poll(out);
        out = *std::exchange(first_, std::nullopt);
        return true;
    }

    /// Reads to the end, whoever is interested, and completes with the whole response.
    CHORUS_LAZY awaitable<result<chat_response>> try_finish() { return answer_.try_finish(); }
    /// As `try_finish`, but throws `api_error`.
    CHORUS_LAZY awaitable<chat_response> finish() { return answer_.finish(); }

    chat_response accumulated() const { return answer_.accumulated(); }
    /// The place in the list of the route that answers.
    std::size_t route() const noexcept { return route_; }
    /// Of those before it.
    const std::vector<route_failure>& failures() const noexcept { return failures_; }

 private:
    CHORUS_LAZY static awaitable<result<std::optional<chat_event>>> give(chat_event event) {
        co_return std::optional<chat_event>(event);
    }
    CHORUS_LAZY static awaitable<std::optional<chat_event>> give_or_throw(chat_event event) { co_return event; }

    chat_stream answer_;
    std::optional<chat_event> first_;  // its views are into what the stream holds in its own place on the heap
    std::size_t route_;
    std::vector<route_failure> failures_;
};

}  // namespace chorus
