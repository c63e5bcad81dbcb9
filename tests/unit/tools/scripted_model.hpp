// A model that answers by a script, and the calls it makes.
#pragma once

#include <chorus/async/sleep.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/net/transport.hpp>
#include <chorus/provider/openai.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sample {

using tree = nlohmann::json;

inline const char* no_environment(const char*) noexcept {
    return nullptr;
}
inline chorus::openai endpoint() {
    return chorus::openai(&no_environment).base_url("https://llm.example/v1").api_key("sk-test");
}

inline chorus::tool_call call(std::string id, std::string name, std::string arguments = "{}") {
    chorus::tool_call made;
    made.id = std::move(id);
    made.name = std::move(name);
    made.arguments = std::move(arguments);
    return made;
}
inline chorus::answer asking(std::vector<chorus::tool_call> calls) {
    chorus::answer asked;
    asked.role = "assistant";
    asked.tool_calls = std::move(calls);
    return asked;
}

/// Gives its answers in the order in which they were added, and the last one again and again.
class scripted_model final : public chorus::net::transport {
 public:
    scripted_model& says(std::string_view text, int tokens = 10) { return add({{"content", text}}, "stop", tokens); }
    scripted_model& calls(const std::vector<chorus::tool_call>& all, std::string_view finish_reason = "tool_calls") {
        tree made = tree::array();
        for (const chorus::tool_call& one : all) {
            const char* const input = one.type == "custom" ? "input" : "arguments";
            made.push_back(
                {{"id", one.id}, {"type", one.type}, {one.type, {{"name", one.name}, {input, one.arguments}}}});
        }
        return add({{"content", nullptr}, {"tool_calls", std::move(made)}}, finish_reason, 10);
    }
    scripted_model& fails(int status) {
        chorus::http::response answer;
        answer.status = status;
        answer.body = R"({"error":{"message":"No."}})";
        answers_.push_back(std::move(answer));
        return *this;
    }

    chorus::awaitable<chorus::result<void>> send(const chorus::http::request& message, const chorus::http::limits& caps,
                                                 chorus::http::response& into) override {
        requests.push_back(tree::parse(message.body));
        headers.push_back(message.headers);
        last_limits = caps;
        co_await chorus::sleep_for(latency);
        into = answers_.at(0);
        if (answers_.size() > 1) answers_.pop_front();
        co_return chorus::result<void>();
    }
    chorus::awaitable<void> close() override { co_return; }
    void abort() noexcept override {}

    std::vector<tree> requests;
    std::vector<chorus::http::headers> headers;  ///< of each request
    chorus::http::limits last_limits;
    std::chrono::milliseconds latency{1};

 private:
    scripted_model& add(tree message, std::string_view finish_reason, int tokens) {
        message["role"] = "assistant";
        tree choice = {{"index", 0}, {"finish_reason", finish_reason}, {"message", std::move(message)}};
        tree body = {{"id", "c"}, {"model", "m"}, {"usage", {{"total_tokens", tokens}, {"prompt_tokens", 1}}}};
        body["choices"] = tree::array({std::move(choice)});
        chorus::http::response answer;
        answer.status = 200;
        answer.body = body.dump();
        answers_.push_back(std::move(answer));
        return *this;
    }

    std::deque<chorus::http::response> answers_;
};

}  // namespace sample
