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
#include <string>
#include <utility>
#include <vector>

namespace chorus {

/// A stream whose first event has come. Used, and failing, as a `chat_stream`; from here on no other route is tried, for
/// what was handed out cannot be taken back. Made by `fallback::stream`.
///
/// Of what came before the first content it hands out what a content filter found. The rest is not: signs of life, and
/// counts of tokens, which `accumulated` has.
class routed_stream {
 public:
    /// What a content filter found, with a text of its own: an event's is gone when the next one comes.
    struct finding {
        explicit finding(const content_filter_event& found) : results(found.results), choice(found.choice) {}

        std::string results;
        std::optional<int> choice;
    };

    routed_stream(chat_stream answer, std::vector<finding> findings, std::optional<chat_event> first, std::size_t route,
                  std::vector<route_failure> failures)
        : answer_(std::move(answer)),
          findings_(std::move(findings)),
          first_(std::move(first)),
          route_(route),
          failures_(std::move(failures)) {}

    /// Completes with the next event, or with none when the answer is complete.
    CHORUS_LAZY awaitable<result<std::optional<chat_event>>> try_next() {
        return has_early() ? give(take_early()) : answer_.try_next();
    }
    /// As `try_next`, but throws `api_error`.
    CHORUS_LAZY awaitable<std::optional<chat_event>> next() {
        return has_early() ? give_or_throw(take_early()) : answer_.next();
    }
    /// Takes the next event if it has already come. Returns false where one must be awaited, and at the end.
    bool poll(chat_event& out) {
        if (!has_early()) return answer_.poll(out);
        out = take_early();
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

    bool has_early() const noexcept { return given_ < findings_.size() || first_; }
    chat_event take_early() {
        if (given_ == findings_.size()) return *std::exchange(first_, std::nullopt);
        const finding& next = findings_[given_++];
        return content_filter_event{next.results, next.choice};
    }

    chat_stream answer_;
    std::vector<finding> findings_;    // that came before the first content
    std::size_t given_ = 0;            // so many of them
    std::optional<chat_event> first_;  // its views are into what the stream holds in its own place on the heap
    std::size_t route_;
    std::vector<route_failure> failures_;
};

}  // namespace chorus
