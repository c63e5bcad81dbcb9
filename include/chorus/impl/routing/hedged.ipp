#pragma once

#include <chorus/async/clock.hpp>
#include <chorus/async/race.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/detail/call.hpp>
#include <chorus/policy/token_estimate.hpp>
#include <chorus/routing/hedged.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace chorus {

struct hedged::state {
    std::vector<route> routes;  // two
    policy::hedging decides;
};

/// One call: two legs that race. A leg that returns a `finish` ends the race, be it with an error; one that returns an
/// error leaves the outcome to the other. It stays in the frame that waits for it.
class hedged::call {
 public:
    call(state& shared, chat_request request, executor where)
        : shared_(shared),
          where_(std::move(where)),
          started_(chorus::now(where_)),
          walk_(shared.routes, std::move(request), std::nullopt, started_) {
        policy::hedging& decides = shared_.decides;
        const bool is_weighed = decides.options().max_tokens.has_value();
        may_ = decides.on_call(is_weighed ? policy::estimate_tokens(walk_.request()) : policy::token_estimate{});
        if (!may_) second_ = second::barred;
    }

    struct finish {
        std::size_t route = 0;
        result<chat_response> reply;
    };

    /// How long the second leg waits, if there is one.
    std::optional<std::chrono::nanoseconds> delay() const { return may_ ? shared_.decides.delay() : std::nullopt; }

    CHORUS_LAZY awaitable<result<finish>> first() {
        chat_request asked = walk_.request_for(0, !may_, chorus::now(where_));
        auto reply = co_await shared_.routes[0].llm()->try_complete(std::move(asked));
        finish end{0, std::move(reply)};
        if (end.reply) co_return end;
        has_first_failed_ = true;
        const error failed = end.reply.error();
        walk_.note(0, failed);
        if (second_ == second::sent) co_return failed;
        const bool is_followed = second_ == second::open && !walk_.has_passed(chorus::now(where_)) &&
                                 policy::hedging::is_followed(failed, is_same_server());
        if (!is_followed || !take()) co_return end;
        const result<chat_response> other = co_await ask_again();
        if (second_ != second::refused) end = finish{1, other};
        co_return end;
    }

    CHORUS_LAZY awaitable<result<finish>> second_after(std::chrono::nanoseconds delay) {
        co_await sleep_for(delay);
        if (second_ != second::open || !take()) co_return error(errc::cancelled);
        auto reply = co_await ask_again();
        finish end{1, std::move(reply)};
        if (!end.reply) co_return end.reply.error();
        co_return end;
    }

    /// What comes of the call, and what is to be remembered of it.
    result<routed_response> conclude(finish end) {
        policy::hedging& decides = shared_.decides;
        const bool is_second = end.route == 1;
        if (may_ && end.reply && !has_first_failed_) decides.on_first(chorus::now(where_) - started_);
        if (second_ == second::sent) {
            if (end.reply && is_second) {
                decides.on_won();
            } else {
                decides.on_lost();
            }
        }
        if (!end.reply) return walk_.conclude(end.reply.error());
        return routed_response{std::move(*end.reply), end.route, walk_.take_failures()};
    }

    /// Both legs have failed, or the call was cancelled.
    result<routed_response> conclude(error why) {
        const std::vector<route_failure>& failures = walk_.failures();
        const bool is_known = why != condition::cancelled && !failures.empty();
        finish end;
        end.reply = is_known ? failures.back().why : std::move(why);
        return conclude(std::move(end));
    }

 private:
    enum class second { open, barred, sent, refused };

    bool is_same_server() const noexcept { return shared_.routes[0].llm() == shared_.routes[1].llm(); }

    bool take() {
        second_ = shared_.decides.take() ? second::sent : second::barred;
        return second_ == second::sent;
    }

    CHORUS_LAZY awaitable<result<chat_response>> ask_again() {
        chat_request asked = walk_.request_for(1, true, chorus::now(where_));
        asked.max_attempts(1);
        auto reply = co_await shared_.routes[1].llm()->try_complete(std::move(asked));
        if (!reply) {
            if (shared_.decides.on_failed(reply.error())) {
                second_ = second::refused;
            } else {
                walk_.note(1, reply.error());
            }
        }
        co_return reply;
    }

    state& shared_;
    executor where_;
    clock::time_point started_;
    detail::route_walk walk_;
    bool may_ = true;
    bool has_first_failed_ = false;
    second second_ = second::open;
};

CHORUS_DECL hedged::hedged(const route& both, const policy::hedging_options& options) : hedged(both, both, options) {}

CHORUS_DECL hedged::hedged(route first, route second, const policy::hedging_options& options)
    : state_(std::make_shared<state>(
          state{std::vector<route>{std::move(first), std::move(second)}, policy::hedging(options)})) {}

CHORUS_LAZY_DECL awaitable<result<routed_response>> hedged::run(std::shared_ptr<state> shared, chat_request request) {
    executor here = co_await this_coro::executor;
    call one(*shared, std::move(request), std::move(here));
    const auto delay = one.delay();
    result<call::finish> end;
    try {
        if (delay) {
            auto raced = co_await race(one.first(), one.second_after(*delay));
            if (raced) {
                end = raced->index() == 0 ? std::get<0>(std::move(*raced)) : std::get<1>(std::move(*raced));
            } else {
                end = raced.error();
            }
        } else {
            end = co_await one.first();
        }
    } catch (...) {
        end = error::from_exception(std::current_exception());
    }
    if (!end) co_return one.conclude(end.error());
    co_return one.conclude(std::move(*end));
}

CHORUS_LAZY_DECL awaitable<result<routed_response>> hedged::try_complete(chat_request request) {
    return run(state_, std::move(request));
}

CHORUS_LAZY_DECL awaitable<routed_response> hedged::complete(chat_request request) {
    return detail::or_throw(run(state_, std::move(request)));
}

CHORUS_DECL policy::hedging_stats hedged::stats() const noexcept {
    return state_->decides.stats();
}

}  // namespace chorus
