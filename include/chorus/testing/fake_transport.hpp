// A transport without a network: a function answers each request.
#pragma once

#include <chorus/net/transport.hpp>

#include <functional>
#include <utility>
#include <vector>

namespace chorus::testing {

/// Answers every request by a function of the test, and remembers what was sent.
///
///     auto fake = std::make_shared<chorus::testing::fake_transport>([](const chorus::http::request&) {
///         chorus::http::response answer;
///         answer.status = 503;
///         return answer;
///     });
///     chorus::client llm(executor, chorus::openai(), fake);
class fake_transport final : public net::transport {
 public:
    using answer = std::function<result<http::response>(const http::request&)>;

    explicit fake_transport(answer reply) : reply_(std::move(reply)) {}

    awaitable<result<void>> send(const http::request& message, const http::limits& caps,
                                 http::response& into) override {
        requests.push_back(message);
        last_limits = caps;
        if (closed_) co_return error(errc::client_closed);
        auto reply = reply_(requests.back());
        if (!reply) co_return reply.error();
        into = std::move(*reply);
        co_return result<void>();
    }
    awaitable<void> close() override {
        closed_ = true;
        co_return;
    }
    void abort() noexcept override { closed_ = true; }

    std::vector<http::request> requests;  ///< All that were sent, in order.
    http::limits last_limits;             ///< Of the last one.

 private:
    answer reply_;
    bool closed_ = false;
};

}  // namespace chorus::testing
