// One way to an answer: a client, and what is asked of it in place of what the request says.
#pragma once

#include <chorus/chat/chat_request.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/client.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/policy/fallback.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chorus {

/// A client with what a request says differently on this route.
///
/// Lifetimes: a client given by reference outlives the route and stays where it is; a shared one is kept.
///
///     auto cheap = chorus::route(anthropic).model("claude-haiku-4-5").timeout(20s);
class route {
 public:
    route(client& llm) : client_(std::shared_ptr<client>(), &llm) {}
    route(std::shared_ptr<client> llm) : client_(std::move(llm)) {}

    // Each setter has a second form for temporaries.

    /// Asks this model, whatever the request names.
    route& model(std::string name) & {
        model_ = std::move(name);
        return *this;
    }
    /// The limit on this route's part of a call. Where it passes and the call has time left, the next route is tried.
    route& timeout(std::chrono::milliseconds limit) & {
        timeout_ = limit;
        return *this;
    }
    /// Which errors of this route the next one is tried after, in place of `policy::is_fault_of_route`. A function, or a
    /// lambda without captures. A cancellation, and the end of the whole call, end it whatever the rule says.
    route& falls_back_on(policy::fallback_rule rule) & {
        if (rule != nullptr) rule_ = rule;
        return *this;
    }
    /// What errors call it, in place of its number. No secret.
    route& name(std::string text) & {
        name_ = std::move(text);
        return *this;
    }
    route&& model(std::string name) && { return std::move(model(std::move(name))); }
    route&& timeout(std::chrono::milliseconds limit) && { return std::move(timeout(limit)); }
    route&& falls_back_on(policy::fallback_rule rule) && { return std::move(falls_back_on(rule)); }
    route&& name(std::string text) && { return std::move(name(std::move(text))); }

    const std::shared_ptr<client>& llm() const noexcept { return client_; }
    const std::string& model() const noexcept { return model_; }
    const std::optional<std::chrono::milliseconds>& timeout() const noexcept { return timeout_; }
    policy::fallback_rule rule() const noexcept { return rule_; }
    const std::string& name() const noexcept { return name_; }

 private:
    std::shared_ptr<client> client_;
    std::string model_;
    std::optional<std::chrono::milliseconds> timeout_;
    policy::fallback_rule rule_ = &policy::is_fault_of_route;
    std::string name_;
};

/// A route that did not answer.
struct route_failure {
    std::size_t route;  ///< its place in the list
    error why;
};

/// An answer, and how it came.
struct routed_response {
    chat_response response;
    std::size_t route = 0;                ///< the place in the list of the one that answered
    std::vector<route_failure> failures;  ///< of the others, in the order in which they failed
};

namespace detail {

/// One call over several routes: which request goes out next, what has failed, and the error that this adds up to. A
/// machine without I/O, shared by fallbacks and hedged calls.
class route_walk {
 public:
    using time_point = std::chrono::steady_clock::time_point;

    /// The limit on the whole call is that of the request, else `timeout`, else none. The routes outlive this.
    route_walk(const std::vector<chorus::route>& routes, chat_request request,
               std::optional<std::chrono::milliseconds> timeout, time_point now);

    /// What to send on this route now. The last one takes the request itself, the others a copy.
    chat_request request_for(std::size_t index, bool is_last, time_point now);
    const chat_request& request() const noexcept { return request_; }

    void note(std::size_t index, error why);
    /// Whether the call goes on after the failure of this route. Asks its rule.
    bool moves_on(std::size_t index, const error& why, time_point now) const;
    bool has_passed(time_point now) const noexcept { return deadline_ && now >= *deadline_; }

    const std::vector<route_failure>& failures() const noexcept { return failures_; }
    std::vector<route_failure> take_failures() noexcept { return std::move(failures_); }
    /// The error of the call: `last`, which has been noted, with what happened on the routes before.
    error conclude(error last) const;

 private:
    std::string name_of(std::size_t index) const;

    const std::vector<chorus::route>& routes_;
    chat_request request_;
    std::optional<time_point> deadline_;
    std::vector<route_failure> failures_;
};

}  // namespace detail
}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/routing/route.ipp>
#endif
