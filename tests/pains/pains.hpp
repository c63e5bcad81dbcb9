// What the tests of the pains have in common. Each test bears the number of a pain that users of other clients told of,
// quotes one of them, and shows by counting that it cannot occur.
#pragma once

#include <chorus/async/sleep.hpp>
#include <chorus/client.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/fake_transport.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/openai_stream.hpp"

namespace chorus::pains {

using namespace std::chrono_literals;
using testing::fake_transport;
using testing::mock_options;
using testing::mock_server;
using testing::openai_end;
using testing::openai_finish_event;
using testing::openai_stream;
using testing::openai_text_event;
using testing::streamed_answer;

inline const char* no_environment(const char*) noexcept {
    return nullptr;
}

/// A client of the mock server, which goes past every proxy.
inline client connect_to(executor ex, const mock_server& server, client_options options = {}) {
    if (!server.ca_pem().empty()) options.tls(net::tls_options().ca_pem(server.ca_pem()));
    options.proxy(policy::proxy_settings::none());
    return client(ex, openai(&no_environment).base_url(server.base_url()).api_key("sk-test"), options);
}

/// A client without a network.
inline client connect_to(executor ex, std::shared_ptr<fake_transport> fake, const client_options& options = {}) {
    return client(ex, openai(&no_environment).base_url("https://llm.example/v1").api_key("sk-test"), std::move(fake),
                  options);
}

inline chat_request question(int number = 1) {
    return chat_request("m").user("Question " + std::to_string(number));
}

/// Reads the whole answer to a question.
inline awaitable<result<chat_response>> read_stream(client& llm, int number = 1) {
    auto stream = llm.stream(question(number).max_tokens(99));  // Anthropic's format asks for a limit
    result<chat_response> whole = co_await stream.try_finish();
    co_return whole;
}

inline http::response answer(int status, std::string body) {
    http::response made;
    made.status = status;
    made.body = std::move(body);
    return made;
}

/// A whole answer whose message is this JSON object.
inline http::response completion(std::string_view message = R"({"role":"assistant","content":"Hi."})") {
    return answer(200, R"({"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,)"
                       R"("finish_reason":"stop","message":)" +
                           std::string(message) +
                           R"(}],"usage":{"prompt_tokens":5,"completion_tokens":20,"total_tokens":25}})");
}

/// Answers everything so.
inline std::shared_ptr<fake_transport> always(result<http::response> reply) {
    return std::make_shared<fake_transport>([reply](const http::request&) { return reply; });
}

/// Streams these pieces to everyone, each so long after the one before it.
inline std::shared_ptr<fake_transport> streaming(std::vector<std::string> pieces,
                                                 std::chrono::milliseconds after = 0ms) {
    auto fake = always(answer(500, "{}"));
    fake->answer_in_pieces([pieces = std::move(pieces), after](const http::request&) -> result<streamed_answer> {
        streamed_answer made;
        made.head.status = 200;
        for (const std::string& bytes : pieces) made.pieces.push_back({bytes, after});
        return made;
    });
    return fake;
}

/// One event with a delta of the only choice, which is this JSON object.
inline std::string delta_event(std::string_view delta) {
    return R"(data: {"id":"c1","model":"m","choices":[{"index":0,"delta":)" + std::string(delta) + "}]}\n\n";
}

}  // namespace chorus::pains
