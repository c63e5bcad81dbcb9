// A server that answers by a script, each time after a while, and knows what was taken back before.
#pragma once

#include <chorus/async/sleep.hpp>
#include <chorus/client.hpp>
#include <chorus/net/transport.hpp>
#include <chorus/provider/openai.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sample {

inline const char* no_environment(const char*) noexcept {
    return nullptr;
}

struct turn {
    chorus::result<chorus::http::response> outcome;
    std::chrono::milliseconds after{};
};

inline turn status(int code, std::chrono::milliseconds after = {}, std::string body = "{}") {
    chorus::http::response made;
    made.status = code;
    made.body = std::move(body);
    return {std::move(made), after};
}
inline turn says(std::string_view text, std::chrono::milliseconds after = {}) {
    return status(200, after,
                  R"({"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,)"
                  R"("finish_reason":"stop","message":{"role":"assistant","content":")" +
                      std::string(text) +
                      R"("}}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}})");
}
inline turn fails(chorus::errc code, std::chrono::milliseconds after = {}) {
    chorus::error made(code);
    made.phase(chorus::phase::first_byte).attempts(1);
    return {made, after};
}

/// Takes its turns in order, and the last one again and again.
class scripted_server final : public chorus::net::transport {
 public:
    explicit scripted_server(std::deque<turn> turns) : turns_(std::move(turns)) {}

    chorus::awaitable<chorus::result<void>> send(const chorus::http::request& message, const chorus::http::limits& caps,
                                                 chorus::http::response& into) override {
        requests.push_back(message.body);
        limits.push_back(caps.total);
        const turn next = turns_.front();
        if (turns_.size() > 1) turns_.pop_front();
        under_way counted{*this};
        if (next.after.count() > 0) {
            const auto length = std::min(next.after, caps.total);
            co_await chorus::sleep_for(length);
            if (caps.total <= next.after) co_return chorus::error(chorus::errc::deadline_exceeded);
        }
        counted.is_ended = true;
        if (!next.outcome) co_return next.outcome.error();
        into = *next.outcome;
        co_return chorus::result<void>();
    }
    chorus::awaitable<void> close() override { co_return; }
    void abort() noexcept override {}

    std::vector<std::string> requests;  ///< the bodies
    std::vector<std::chrono::milliseconds> limits;
    std::size_t open = 0;
    std::size_t dropped = 0;

 private:
    struct under_way {
        scripted_server& server;
        bool is_ended = false;
        explicit under_way(scripted_server& one) : server(one) { ++server.open; }
        ~under_way() {
            --server.open;
            if (!is_ended) ++server.dropped;
        }
    };

    std::deque<turn> turns_;
};

template <class... Turns>
std::shared_ptr<scripted_server> server(Turns... turns) {
    std::deque<turn> all;
    (all.push_back(std::move(turns)), ...);
    return std::make_shared<scripted_server>(std::move(all));
}

/// A client of it that retries nothing.
inline chorus::client client_of(const chorus::executor& ex, std::shared_ptr<chorus::net::transport> where,
                                chorus::client_options options = {}) {
    return chorus::client(ex, chorus::openai(&no_environment).base_url("https://llm.example/v1").api_key("sk-secret"),
                          std::move(where), options.max_attempts(1));
}

}  // namespace sample
