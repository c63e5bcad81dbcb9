#pragma once

#include <chorus/async/clock.hpp>
#include <chorus/detail/call.hpp>
#include <chorus/routing/fallback.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace chorus {

struct fallback::state {
    std::vector<route> routes;
    fallback_options options;
};

namespace detail {

CHORUS_DECL error no_route() {
    error refused(errc::invalid_argument, "a fallback needs a route");
    return refused.phase(phase::input).param("routes");
}

CHORUS_DECL bool comes_before_content(const chat_event& event) noexcept {
    return std::holds_alternative<heartbeat_event>(event) || std::holds_alternative<usage_event>(event) ||
           std::holds_alternative<content_filter_event>(event);
}

CHORUS_DECL void keep_finding(const result<std::optional<chat_event>>& event,
                              std::vector<routed_stream::finding>& findings) {
    if (!event || !*event) return;
    if (const auto* found = std::get_if<content_filter_event>(&**event)) findings.emplace_back(*found);
}

}  // namespace detail

CHORUS_DECL fallback::fallback(std::vector<route> routes, const fallback_options& options)
    : state_(std::make_shared<const state>(state{std::move(routes), options})) {}

CHORUS_LAZY_DECL awaitable<result<routed_response>> fallback::run(std::shared_ptr<const state> shared,
                                                                  chat_request request) {
    const executor here = co_await this_coro::executor;
    const std::vector<route>& routes = shared->routes;
    detail::route_walk walk(routes, std::move(request), shared->options.timeout, chorus::now(here));
    error last = detail::no_route();
    bool is_over = false;
    for (std::size_t i = 0; i < routes.size() && !is_over; ++i) {
        result<chat_response> reply;
        try {
            chat_request next = walk.request_for(i, i + 1 == routes.size(), chorus::now(here));
            reply = co_await routes[i].llm()->try_complete(std::move(next));
        } catch (...) {
            // Cancelled between two routes: then the next one is not asked.
            reply = error::from_exception(std::current_exception());
        }
        if (reply) {
            routed_response answer{std::move(*reply), i, walk.take_failures()};
            co_return answer;
        }
        last = reply.error();
        walk.note(i, last);
        is_over = !walk.moves_on(i, last, chorus::now(here));
    }
    co_return walk.conclude(std::move(last));
}

CHORUS_LAZY_DECL awaitable<result<routed_stream>> fallback::run_stream(std::shared_ptr<const state> shared,
                                                                       chat_request request, stream_options options) {
    const executor here = co_await this_coro::executor;
    const std::vector<route>& routes = shared->routes;
    detail::route_walk walk(routes, std::move(request), shared->options.timeout, chorus::now(here));
    error last = detail::no_route();
    bool is_over = false;
    for (std::size_t i = 0; i < routes.size() && !is_over; ++i) {
        chat_request next = walk.request_for(i, i + 1 == routes.size(), chorus::now(here));
        chat_stream answer = routes[i].llm()->stream(std::move(next), options);
        result<std::optional<chat_event>> first;
        std::vector<routed_stream::finding> findings;
        try {
            do {
                first = co_await answer.try_next();
                detail::keep_finding(first, findings);
            } while (first && *first && detail::comes_before_content(**first));
        } catch (...) {
            first = error::from_exception(std::current_exception());
        }
        if (first) {
            routed_stream begun(std::move(answer), std::move(findings), *first, i, walk.take_failures());
            co_return begun;
        }
        last = first.error();
        walk.note(i, last);
        is_over = !walk.moves_on(i, last, chorus::now(here));
    }
    co_return walk.conclude(std::move(last));
}

CHORUS_LAZY_DECL awaitable<result<routed_response>> fallback::try_complete(chat_request request) {
    return run(state_, std::move(request));
}

CHORUS_LAZY_DECL awaitable<routed_response> fallback::complete(chat_request request) {
    return detail::or_throw(run(state_, std::move(request)));
}

CHORUS_LAZY_DECL awaitable<result<routed_stream>> fallback::try_stream(chat_request request, stream_options options) {
    return run_stream(state_, std::move(request), options);
}

CHORUS_LAZY_DECL awaitable<routed_stream> fallback::stream(chat_request request, stream_options options) {
    return detail::or_throw(run_stream(state_, std::move(request), options));
}

}  // namespace chorus
