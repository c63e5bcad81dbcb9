#pragma once

#include <chorus/async/clock.hpp>
#include <chorus/routing/route.hpp>

#include <algorithm>
#include <string_view>

namespace chorus::detail {

CHORUS_DECL route_walk::route_walk(const std::vector<chorus::route>& routes, chat_request request,
                                   std::optional<std::chrono::milliseconds> timeout, time_point now)
    : routes_(routes), request_(std::move(request)) {
    const chat_options& asked = request_.options();
    if (asked.timeout) {
        timeout = asked.timeout;
    } else if (asked.limits) {
        timeout = asked.limits->total;
    }
    if (timeout) deadline_ = saturating_add(now, *timeout);
}

CHORUS_DECL chat_request route_walk::request_for(std::size_t index, bool is_last, time_point now) {
    const chorus::route& way = routes_[index];
    chat_request next = is_last ? std::move(request_) : request_;
    if (!way.model().empty()) next.model(way.model());
    std::optional<std::chrono::milliseconds> limit = way.timeout();
    if (deadline_) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(std::max(*deadline_, now) - now);
        limit = std::min(limit.value_or(left), left);
    }
    if (limit) next.timeout(*limit);
    return next;
}

CHORUS_DECL void route_walk::note(std::size_t index, error why) {
    // What it waited for its turn is none of the call's time.
    if (deadline_) deadline_ = saturating_add(*deadline_, why.queued());
    failures_.push_back({index, std::move(why)});
}

CHORUS_DECL bool route_walk::moves_on(std::size_t index, const error& why, time_point now) const {
    if (why == condition::cancelled || has_passed(now)) return false;
    return why == errc::deadline_exceeded || routes_[index].rule()(why);
}

CHORUS_DECL std::string route_walk::name_of(std::size_t index) const {
    const chorus::route& way = routes_[index];
    if (!way.name().empty()) return way.name();
    std::string name = "route " + std::to_string(index + 1);
    if (!way.model().empty()) name.append(" (").append(way.model()).append(")");
    return name;
}

CHORUS_DECL error route_walk::conclude(error last) const {
    if (failures_.size() < 2) return last;
    std::string told;
    std::vector<attempt> history;
    int sent = 0;
    for (const route_failure& each : failures_) {
        told.append(told.empty() ? "" : "; ").append(name_of(each.route)).append(": ").append(each.why.message());
        sent += each.why.attempts();
        const auto attempts = each.why.history();
        history.insert(history.end(), attempts.begin(), attempts.end());
        if (attempts.empty()) history.push_back({each.why.code(), each.why.phase(), each.why.http_status(), {}});
    }
    return last.cause(std::move(told)).attempts(sent).history(std::move(history));
}

}  // namespace chorus::detail
